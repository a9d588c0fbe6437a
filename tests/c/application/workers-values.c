/* workers-values.c: every kind of value reaches a worker and returns unchanged
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

/* The deepest nesting of variants that is accepted. */
#define DEEPEST 127

#include <string.h>
#include <unistd.h>

/* Too large for a D-Bus message, so the value is sent in a memfd. */
#define BIG ((gsize) 64 * 1024 * 1024)

static const char * const texts[] = {
  "true",
  "byte 0x07",
  "int16 -7",
  "uint16 7",
  "-7",
  "uint32 7",
  "int64 -9223372036854775808",
  "uint64 18446744073709551615",
  "0.1",
  "''",
  "'text with ü and \\n'",
  "objectpath '/a/b'",
  "signature 'a{sv}'",
  "b'bytes'",
  "@ay []",
  "@mi nothing",
  "@mi 7",
  "@mmi just nothing",
  "@mms just just ''",
  "@mv nothing",
  "@m() just ()",
  "()",
  "(1, 'two', <3>, @mi nothing)",
  "@ai []",
  "@a{sv} {}",
  "{'a': <1>, 'b': <@ay []>, 'c': <{'d': <'e'>}>}",
  "{uint64 1: true, 2: false}",
  "@aai [[], [1], [1, 2]]",
  "[@mi nothing, 1]",
  "[<1>, <'two'>]",
  "[<1>]",
  "[<int16 1>]",
  "[[<1>]]",
  "<<1>>",
  "<<<1>>>",
  "@a(ims) [(1, nothing), (2, 'two')]",
};

static GVariant *
echo (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  return g_variant_ref (params);
}

static GVariant *
new_bytes (gsize  size,
           guint8 seed)
{
  guint8 *bytes = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) (i * 31 + (i >> 12) + seed);
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

/* Inside a dictionary, so that the bytes do not begin at the start of the memory. */
static GVariant *
make_big (GVariant *params,
          GError  **error G_GNUC_UNUSED)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "bytes", new_bytes (BIG, g_variant_get_byte (params)));
  g_variant_dict_insert (&dict, "after", "s", "the end");
  return g_variant_dict_end (&dict);
}

static GVariant *
check_big (GVariant *params,
           GError  **error G_GNUC_UNUSED)
{
  g_autoptr (GVariant) expected = g_variant_ref_sink (new_bytes (BIG, 5));

  return g_variant_new_boolean (gmp_test_is_same (params, expected));
}

static GVariant *
make_handle (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  return g_variant_new ("(sh)", "a handle", 0);
}

static GVariant *
make_boxed_handle (GVariant *params G_GNUC_UNUSED,
                   GError  **error G_GNUC_UNUSED)
{
  return g_variant_new ("(sv)", "a handle", g_variant_new_handle (0));
}

static void
test_kinds (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, "max-parallel",
                                                 2, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      GVariant *value = g_variant_parse (NULL, texts[i], NULL, NULL, &error);

      g_assert_no_error (error);
      gmp_workers_add (workers, (int) i, echo, value, &error);
      g_variant_unref (value);
      g_assert_no_error (error);
    }
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) sent = g_variant_parse (NULL, texts[i], NULL, NULL, NULL);
      g_autoptr (GVariant) returned = gmp_test_get_int (results, (int) i);

      g_assert_cmpvariant (sent, returned);
    }
}

static void
test_big_params (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, check_big, new_bytes (BIG, 5), &error);
  gmp_workers_add (workers, 2, check_big, new_bytes (BIG, 6), &error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_value (results, "{1: <true>, 2: <false>}");
}

static void
test_big_result (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) bytes = NULL;
  g_autoptr (GVariant) expected = g_variant_ref_sink (new_bytes (BIG, 9));
  g_autoptr (GError) error = NULL;
  const char *after;

  gmp_workers_add (workers, 1, make_big, g_variant_new_byte (9), &error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  value = gmp_test_get_int (results, 1);
  g_assert_true (g_variant_lookup (value, "after", "&s", &after));
  g_assert_cmpstr (after, ==, "the end");
  bytes = g_variant_lookup_value (value, "bytes", G_VARIANT_TYPE_BYTESTRING);
  g_assert_true (gmp_test_is_same (bytes, expected));
}

static void
try_limit (gsize limit)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);

  for (gsize size = limit - 1; size <= limit + 1; size++)
    {
      g_autoptr (GVariant) sent = g_variant_ref_sink (new_bytes (size, 1));
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GVariant) returned = NULL;
      g_autoptr (GError) error = NULL;
      const int id = (int) (size - limit);

      gmp_workers_add (workers, id, echo, sent, &error);
      results = gmp_workers_run (workers, &id, 1, NULL, &error);
      g_assert_no_error (error);
      returned = gmp_test_get_int (results, id);
      g_assert_true (gmp_test_is_same (sent, returned));
    }
}

/* Sizes around the two limits: the smallest that is sent in a memfd, and the largest that fits
 * into a message. */
static void
test_limits (void)
{
  try_limit ((gsize) 256 * 1024);
  try_limit ((gsize) 16 * 1024 * 1024);
}

static GVariant *
get_pid (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (getpid ());
}

static gboolean
holds_values (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/maps", pid);
  g_autofree char *maps = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &maps, NULL, &error);
  g_assert_no_error (error);
  return strstr (maps, "gmproc-payload") != NULL;
}

static void
test_kept_process_holds_nothing (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (GMP_TYPE_WORKERS, "reuse", TRUE, NULL);
  g_autoptr (GVariant) sent = g_variant_ref_sink (new_bytes ((gsize) 4 * 1024 * 1024, 1));
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) pid = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, get_pid, sent, &error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  pid = gmp_test_get_int (results, 1);
  /* The worker has replied, and is about to free its parameters. */
  while (holds_values (g_variant_get_int32 (pid)))
    g_usleep (1000);
}

static void
check_refused (GmpMethod   method,
               GVariant   *params,
               const char *reason)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, method, params, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (error->message, reason);
}

static GVariant *
new_nested (guint depth)
{
  GVariant *value = g_variant_new_int32 (1);

  for (guint i = 0; i < depth; i++)
    value = g_variant_new_variant (value);
  return value;
}

/* In its type too. */
static GVariant *
new_nested_tuple (guint depth)
{
  GVariant *value = g_variant_new_int32 (1);

  for (guint i = 0; i < depth; i++)
    value = g_variant_new_tuple (&value, 1);
  return value;
}

/* Takes ownership of @value, floating. */
static void
check_returned (GVariant *value)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) sent = g_variant_ref_sink (value);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) returned = NULL;
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, echo, sent, &error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  returned = gmp_test_get_int (results, 1);
  g_assert_true (gmp_test_is_same (sent, returned));
}

/* GLib refuses to read such values, so they are refused before they are sent. */
static void
test_nested (void)
{
  check_returned (new_nested (DEEPEST));
  check_returned (new_nested_tuple (DEEPEST));
  check_refused (echo, new_nested (DEEPEST + 1), "nested too deeply");
  check_refused (echo, new_nested (5000), "nested too deeply");
  check_refused (echo, new_nested_tuple (DEEPEST + 1), "nested too deeply");
  check_refused (echo, new_nested_tuple (1000), "nested too deeply");
  check_refused (echo, g_variant_new_variant (new_nested_tuple (1000)), "nested too deeply");
}

static void
test_handle_params (void)
{
  check_refused (echo, g_variant_new_handle (0), "handle");
  check_refused (echo, g_variant_new_array (G_VARIANT_TYPE_HANDLE, NULL, 0), "handle");
}

static void
test_handle_result (void)
{
  check_refused (make_handle, NULL, "handle");
}

static void
test_handle_boxed (void)
{
  check_refused (echo, g_variant_new_variant (g_variant_new_handle (0)), "handle");
  check_refused (make_boxed_handle, NULL, "handle");
}

/* Reading a value with many parts takes as long in the worker as here. Quadratic time would be
 * minutes, which the watchdog ends. */
#define N_PARTS 300000

static GVariant *
make_dictionary (guint n)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < n; i++)
    {
      char key[16];

      g_snprintf (key, sizeof key, "%u", i);
      g_variant_builder_add (&builder, "{sv}", key, g_variant_new_string (key));
    }
  return g_variant_builder_end (&builder);
}

static GVariant *
sum_keys (GVariant *params,
          GError  **error G_GNUC_UNUSED)
{
  GVariantIter iter;
  GVariant *part;
  const char *key;
  guint64 sum = 0;

  g_variant_iter_init (&iter, params);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &part))
    sum += g_ascii_strtoull (key, NULL, 10);
  return g_variant_new ("(t@a{sv})", sum, params);
}

static void
test_parts (void)
{
  g_autoptr (GVariant) sent = g_variant_ref_sink (make_dictionary (N_PARTS));
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) returned = NULL;
  guint64 sum;

  gmp_test_add_worker (workers, 1, sum_keys, sent);
  results = gmp_test_run (workers);
  result = gmp_test_get_int (results, 1);
  g_variant_get (result, "(t@a{sv})", &sum, &returned);
  g_assert_cmpuint (sum, ==, (guint64) N_PARTS * (N_PARTS - 1) / 2);
  g_assert_true (gmp_test_is_same (sent, returned));
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/workers-values/kinds", test_kinds);
  gmp_test_add ("/workers-values/big-params", test_big_params);
  gmp_test_add ("/workers-values/big-result", test_big_result);
  gmp_test_add ("/workers-values/limits", test_limits);
  gmp_test_add ("/workers-values/kept-process", test_kept_process_holds_nothing);
  gmp_test_add ("/workers-values/nested", test_nested);
  gmp_test_add ("/workers-values/parts", test_parts);
  gmp_test_add ("/workers-values/handle-params", test_handle_params);
  gmp_test_add ("/workers-values/handle-result", test_handle_result);
  gmp_test_add ("/workers-values/handle-boxed", test_handle_boxed);
  return g_test_run ();
}
