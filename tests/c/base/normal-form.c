/* normal-form.c: the check of bytes that come from elsewhere gives the answers that GLib's gives
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-normal-form-private.h"

#include <string.h>

/* The values are the same in each run; GMP_TEST_ROUNDS=100000 tests for longer. */
#define ROUNDS 2000
#define SEED   11

/* The greatest depth of random types, and of variants in random values. */
#define DEPTH 4

static GVariant *make_value (GRand      *rand,
                             const char *type,
                             guint       depth);

static guint
get_rounds (void)
{
  const char *text = g_getenv ("GMP_TEST_ROUNDS");

  return text != NULL ? (guint) g_ascii_strtoull (text, NULL, 10) : ROUNDS;
}

static guint
pick (GRand *rand,
      guint  n)
{
  return (guint) g_rand_int_range (rand, 0, (gint32) n);
}

static void
append_type (GRand   *rand,
             GString *type,
             guint    depth)
{
  static const char basic[] = "bynqiuxtdsog";
  guint kind = depth < DEPTH ? pick (rand, 8) : pick (rand, 2);
  guint n = pick (rand, 4);

  switch (kind)
    {
    case 2:
    case 3:
    case 4:
      g_string_append_c (type, kind == 2 ? 'm' : 'a');
      append_type (rand, type, depth + 1);
      break;
    case 5:
    case 6:
      g_string_append_c (type, '(');
      for (guint i = 0; i < n; i++)
        append_type (rand, type, depth + 1);
      g_string_append_c (type, ')');
      break;
    case 7:
      g_string_append_printf (type, "{%c", basic[pick (rand, sizeof basic - 1)]);
      append_type (rand, type, depth + 1);
      g_string_append_c (type, '}');
      break;
    default:
      g_string_append_c (type, pick (rand, 6) == 0 ? 'v' : basic[pick (rand, sizeof basic - 1)]);
    }
}

/* Sometimes more than a kilobyte of text, so that offsets have more than one byte. */
static GVariant *
make_text (GRand *rand)
{
  static const char * const parts[] = { "a", "text", "ü", "語", "\n" };
  GString *text = g_string_new (NULL);
  guint n = pick (rand, 12) == 0 ? pick (rand, 1000) : pick (rand, 6);

  for (guint i = 0; i < n; i++)
    g_string_append (text, parts[pick (rand, G_N_ELEMENTS (parts))]);
  return g_variant_new_take_string (g_string_free (text, FALSE));
}

static GVariant *
make_basic (GRand *rand,
            char   kind)
{
  static const char * const paths[] = { "/", "/a", "/a_b/C9" };
  static const char * const signatures[] = { "", "s", "a{sv}(ii)" };

  switch (kind)
    {
    case 's':
      return make_text (rand);
    case 'o':
      return g_variant_new_object_path (paths[pick (rand, G_N_ELEMENTS (paths))]);
    case 'g':
      return g_variant_new_signature (signatures[pick (rand, G_N_ELEMENTS (signatures))]);
    case 'b':
      return g_variant_new_boolean (g_rand_boolean (rand));
    case 'y':
      return g_variant_new_byte ((guchar) g_rand_int (rand));
    case 'n':
      return g_variant_new_int16 ((gint16) g_rand_int (rand));
    case 'q':
      return g_variant_new_uint16 ((guint16) g_rand_int (rand));
    case 'i':
      return g_variant_new_int32 ((gint32) g_rand_int (rand));
    case 'u':
      return g_variant_new_uint32 (g_rand_int (rand));
    case 'x':
      return g_variant_new_int64 (g_rand_int (rand));
    case 't':
      return g_variant_new_uint64 (g_rand_int (rand));
    default:
      return g_variant_new_double (g_rand_double (rand));
    }
}

static GVariant *
make_variant (GRand *rand,
              guint  depth)
{
  g_autoptr (GString) type = g_string_new (NULL);

  append_type (rand, type, depth);
  return g_variant_new_variant (make_value (rand, type->str, depth + 1));
}

/* A floating value of @type. */
static GVariant *
make_value (GRand      *rand,
            const char *type,
            guint       depth)
{
  const GVariantType *variant_type = (const GVariantType *) type;
  GVariantBuilder builder;
  guint n;

  if (g_variant_type_is_variant (variant_type))
    return make_variant (rand, depth);
  if (g_variant_type_is_basic (variant_type))
    return make_basic (rand, type[0]);
  g_variant_builder_init (&builder, variant_type);
  if (type[0] == 'a' || type[0] == 'm')
    {
      n = pick (rand, type[0] == 'a' ? 5 : 2);
      for (guint i = 0; i < n; i++)
        g_variant_builder_add_value (&builder, make_value (rand, type + 1, depth + 1));
      return g_variant_builder_end (&builder);
    }
  for (const GVariantType *member = g_variant_type_first (variant_type); member != NULL;
       member = g_variant_type_next (member))
    {
      g_autofree char *text = g_variant_type_dup_string (member);

      g_variant_builder_add_value (&builder, make_value (rand, text, depth + 1));
    }
  return g_variant_builder_end (&builder);
}

/* Checks that both give the same answer for @bytes. */
static void
compare (const char *type,
         GByteArray *bytes)
{
  g_autofree guint8 *copy = g_memdup2 (bytes->data, bytes->len);
  g_autoptr (GVariant) value = g_variant_ref_sink (
    g_variant_new_from_data ((const GVariantType *) type, copy, bytes->len, FALSE, NULL, NULL));
  /* GLib accepts a value of another size although the type has a fixed size. */
  gboolean is_normal = g_variant_is_normal_form (value) &&
                       g_variant_get_size (value) == bytes->len;
  const char *fault = gmp_normal_form_find_fault (type, copy, bytes->len, NULL);

  /* GLib accepts handles. */
  if ((fault == NULL) == is_normal || g_strrstr (fault, "handle") != NULL)
    return;
  for (guint i = 0; i < bytes->len; i++)
    g_printerr ("%02x ", bytes->data[i]);
  g_error ("%u bytes of type '%s' are %s in normal form: %s", bytes->len, type,
           is_normal ? "" : "not", fault);
}

/* Damages bytes: other values, missing, repeated or moved pieces. */
static void
mutate (GRand      *rand,
        GByteArray *bytes)
{
  static const guint8 structural[] = { 0, 1, 2, 'a', '(', ')', 's', 'v', 'm', '{', '}', 0x80,
                                       0xff };
  guint place = pick (rand, bytes->len + 1);
  guint8 byte = structural[pick (rand, G_N_ELEMENTS (structural))];

  switch (pick (rand, 6))
    {
    case 0:
      if (place < bytes->len)
        bytes->data[place] = (guint8) (bytes->data[place] + (g_rand_boolean (rand) ? 1 : -1));
      break;
    case 1:
      if (place < bytes->len)
        g_byte_array_remove_index (bytes, place);
      break;
    case 2:
      g_byte_array_append (bytes, &byte, 1);
      break;
    case 3:
      g_byte_array_set_size (bytes, place);
      break;
    case 4:
      if (bytes->len > 0)
        bytes->data[bytes->len - 1 - place % MIN (bytes->len, 8)] = byte;
      break;
    default:
      if (place < bytes->len)
        bytes->data[place] = byte;
    }
}

static GByteArray *
new_bytes (GVariant *value)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, g_variant_get_data (value), (guint) g_variant_get_size (value));
  return bytes;
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (SEED);

  for (guint round = get_rounds (); round > 0; round--)
    {
      g_autoptr (GString) type = g_string_new (NULL);
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GByteArray) bytes = NULL;

      append_type (rand, type, 0);
      value = g_variant_ref_sink (make_value (rand, type->str, 0));
      bytes = new_bytes (value);
      g_assert_null (gmp_normal_form_find_fault (type->str, bytes->data, bytes->len, NULL));
      for (guint i = 0; i < 20; i++)
        {
          g_autoptr (GByteArray) other = new_bytes (value);

          for (guint n = pick (rand, 3) + 1; n > 0; n--)
            mutate (rand, other);
          compare (type->str, other);
        }
    }
}

static const guint8 *seen_data;
static guint8 *seen;

static void
see (const guint8 *data,
     gsize         size)
{
  memset (seen + (data - seen_data), 1, size);
}

/* The skipped bytes are numbers, which are valid with any bytes. */
static void
test_look (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (SEED);

  for (guint round = get_rounds (); round > 0; round--)
    {
      g_autoptr (GString) type = g_string_new (NULL);
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GByteArray) bytes = NULL;
      g_autofree guint8 *marks = NULL;

      append_type (rand, type, 0);
      value = g_variant_ref_sink (make_value (rand, type->str, 0));
      bytes = new_bytes (value);
      seen = marks = g_malloc0 (bytes->len + 1);
      seen_data = bytes->data;
      g_assert_null (gmp_normal_form_find_fault (type->str, bytes->data, bytes->len, see));
      for (guint i = 0; i < bytes->len; i++)
        if (!seen[i])
          bytes->data[i] = (guint8) g_rand_int (rand);
      g_assert_null (gmp_normal_form_find_fault (type->str, bytes->data, bytes->len, NULL));
      compare (type->str, bytes);
    }
}

/* A variant in @n_boxes - 1 others, of an empty array of @n_arrays levels. */
static GByteArray *
make_deep (guint n_boxes,
           guint n_arrays)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (GString) type = g_string_new (NULL);

  for (guint i = 0; i < n_arrays; i++)
    g_string_append_c (type, 'a');
  g_string_append_c (type, 'i');
  g_byte_array_append (bytes, (const guint8 *) "", 1);
  g_byte_array_append (bytes, (const guint8 *) type->str, (guint) type->len);
  for (guint i = 1; i < n_boxes; i++)
    g_byte_array_append (bytes, (const guint8 *) "\0v", 2);
  return bytes;
}

/* One type of 129 levels is left out: GLib accepts an empty value of it. */
static void
test_depth (void)
{
  for (guint n = 120; n < 136; n++)
    for (guint n_arrays = 0; n_arrays < MIN (n, 128); n_arrays++)
      {
        g_autoptr (GByteArray) bytes = make_deep (n - n_arrays, n_arrays);

        compare ("v", bytes);
      }
}

static void
check_fault (const char *type,
             const char *bytes,
             gsize       size,
             const char *expected)
{
  const char *fault = gmp_normal_form_find_fault (type, bytes, size, NULL);

  g_assert_nonnull (fault);
  g_assert_nonnull (strstr (fault, expected));
}

static void
test_faults (void)
{
  g_autofree char *type = g_strnfill (GMP_NORMAL_FORM_TYPE_MAX + 2, 'y');
  g_autoptr (GByteArray) deep = make_deep (130, 0);
  g_autoptr (GByteArray) deepest_type = make_deep (1, 128);

  check_fault ("s", "text", 4, "normal form");
  check_fault ("ah", NULL, 0, "handle");
  check_fault ("v", "\0\0\0\0\0h", 6, "handle");
  check_fault ("v", (const char *) deep->data, deep->len, "nested too deeply");
  check_fault ("v", (const char *) deepest_type->data, deepest_type->len, "nested too deeply");
  check_fault ("v", type, GMP_NORMAL_FORM_TYPE_MAX + 2, "more than 16384 characters");
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/normal-form/random", test_random);
  g_test_add_func ("/normal-form/look", test_look);
  g_test_add_func ("/normal-form/depth", test_depth);
  g_test_add_func ("/normal-form/faults", test_faults);
  return g_test_run ();
}
