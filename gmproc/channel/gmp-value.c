/* gmp-value.c: a GVariant as type string and bytes, on its way between processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-value-private.h"

#include "base/gmp-error.h"

/* Up to this many bytes a value is checked as a whole when it comes, so that nonsense is told as
 * such. That takes 14 ms a megabyte, whatever the type. Above it nonsense reads as default values:
 * GLib checks each access to a value from outside. */
#define CHECKED_MAX ((gsize) 64 * 1024)

/* GLib reads values that came from elsewhere up to this depth. */
#define DEPTH_MAX 127

/* What is wrong with @value, or %NULL. */
static const char *
find_fault (GVariant *value,
            guint     depth)
{
  const char *type = g_variant_get_type_string (value);
  const char *fault = NULL;

  if (strchr (type, 'h') != NULL)
    return "a handle (h) means nothing in another process";
  if (depth > DEPTH_MAX)
    return "it is nested too deeply: at most " G_STRINGIFY (DEPTH_MAX) " levels, so send what it "
           "holds in a flat array, with references by number";
  /* Only what is inside variants does not show in the type. */
  if (strchr (type, 'v') == NULL)
    return NULL;
  for (gsize i = 0; i < g_variant_n_children (value) && fault == NULL; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      fault = find_fault (child, depth + 1);
    }
  return fault;
}

/* @value is nullable. */
gboolean
gmp_value_check_sendable (GVariant *value,
                          GError  **error)
{
  const char *type = value != NULL ? g_variant_get_type_string (value) : "";
  const char *fault;

  if (strlen (type) > GMP_VALUE_TYPE_MAX)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "A value whose type has %" G_GSIZE_FORMAT " characters cannot be sent: at most "
                   "%" G_GSIZE_FORMAT ", so send an array of variants (av) in place of a long "
                   "tuple", strlen (type), GMP_VALUE_TYPE_MAX);
      return FALSE;
    }
  fault = value != NULL ? find_fault (value, 0) : NULL;
  if (fault == NULL)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "A value of type '%s' cannot be sent: %s",
               type, fault);
  return FALSE;
}

/* Whether a value of @size bytes may be sent, or was to be: then @code is GMP_ERROR_PROTOCOL. A
 * @limit of 0 is none. */
gboolean
gmp_value_check_size (guint64  size,
                      guint64  limit,
                      GmpError code,
                      GError **error)
{
  if (limit == 0 || size <= limit)
    return TRUE;
  g_set_error (error, GMP_ERROR, code,
               "A value of %" G_GUINT64_FORMAT " bytes is bigger than the limit of %"
               G_GUINT64_FORMAT " bytes (value-size-limit)", size, limit);
  return FALSE;
}

/* Whether a type that came from elsewhere is one that a value can have. */
gboolean
gmp_value_check_type (const char *type,
                      GError    **error)
{
  g_autofree char *start = NULL;

  if (strlen (type) <= GMP_VALUE_TYPE_MAX && g_variant_type_string_is_valid (type) &&
      g_variant_type_is_definite ((const GVariantType *) type))
    return TRUE;
  start = g_utf8_make_valid (type, (gssize) MIN (strlen (type), 100));
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "A payload came with the impossible type '%s'", start);
  return FALSE;
}

/* Bytes in the middle of a message lie anywhere. GLib 2.74 aligns those of a new variant, but not
 * a few of them, and then aborts the process when somebody looks at a child of that variant. */
static GBytes *
align (GBytes *bytes)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  return GPOINTER_TO_SIZE (data) % 8 == 0 ? g_bytes_ref (bytes) : g_bytes_new (data, size);
}

/* How many bytes each of the numbers of a type has, or 0 for what is no number. */
static gsize
number_size (char type)
{
  switch (type)
    {
    case 'y':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'i':
    case 'u':
      return 4;
    case 'x':
    case 't':
    case 'd':
      return 8;
    default:
      return 0;
    }
}

/* Whether @size bytes are a number, or an array of them: any bytes are, so they need no look, and
 * GLib would look at each. */
static gboolean
is_numbers (const char *type,
            gsize       size)
{
  gboolean is_array = type[0] == 'a';
  gsize each = number_size (type[is_array]);

  return each > 0 && type[is_array + 1] == '\0' && (is_array ? size % each == 0 : size == each);
}

/* A type may say how many bytes each of its values has. For too few, or too many, GLib has a value
 * of that size without any bytes, and aborts the process of whoever asks for them. */
static gboolean
has_its_size (GVariant *value,
              GBytes   *bytes)
{
  return g_variant_get_size (value) == g_bytes_get_size (bytes);
}

/* The value that came as @bytes, of a @type that gmp_value_check_type() has passed. */
GVariant *
gmp_value_from_bytes (const char *type,
                      GBytes     *bytes,
                      GError    **error)
{
  g_autoptr (GBytes) aligned = align (bytes);
  g_autoptr (GVariant) value = NULL;
  gboolean is_trusted = is_numbers (type, g_bytes_get_size (bytes));

  value = g_variant_ref_sink (g_variant_new_from_bytes ((const GVariantType *) type, aligned,
                                                        is_trusted));
  if (is_trusted ||
      (g_variant_get_size (value) > CHECKED_MAX ? has_its_size (value, bytes)
                                                : g_variant_is_normal_form (value)))
    return g_steal_pointer (&value);
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "A payload of type '%.100s' came with bytes that are not of this type", type);
  return NULL;
}
