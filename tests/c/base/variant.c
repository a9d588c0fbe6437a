/* variant.c: which values may be written to
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-private-memory-private.h"
#include "base/gmp-variant.h"

#define SIZE 64

static GVariant *
make_at (gpointer data,
         gsize    size)
{
  return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE ("aay"), data, size, FALSE,
                                                      NULL, NULL));
}

/* An array of one array: its bytes, and the offset of its end. */
static void
fill (guint8 *data)
{
  memset (data, 'x', SIZE - 1);
  data[SIZE - 1] = SIZE - 1;
}

static void
test_ranges (void)
{
  guint8 data[3 * SIZE] = { 0, };

  g_assert_false (gmp_private_memory_make_writable (data, 1));
  gmp_private_memory_add (data + SIZE, SIZE);
  g_assert_true (gmp_private_memory_make_writable (data + SIZE, SIZE));
  g_assert_true (gmp_private_memory_make_writable (data + 2 * SIZE - 1, 1));
  g_assert_false (gmp_private_memory_make_writable (data + SIZE - 1, 1));
  g_assert_false (gmp_private_memory_make_writable (data + SIZE - 1, 2));
  g_assert_false (gmp_private_memory_make_writable (data + SIZE, SIZE + 1));
  g_assert_false (gmp_private_memory_make_writable (data + SIZE + 1, G_MAXSIZE));
  g_assert_false (gmp_private_memory_make_writable (data + 2 * SIZE, 0));
  g_assert_false (gmp_private_memory_make_writable (NULL, 0));

  gmp_private_memory_add (data, 1);
  g_assert_true (gmp_private_memory_make_writable (data, 1));
  gmp_private_memory_remove (data + SIZE);
  g_assert_false (gmp_private_memory_make_writable (data + SIZE, 1));
  gmp_private_memory_remove (data);
  g_assert_false (gmp_private_memory_make_writable (data, 1));
}

/* As many ranges as a program may hold that keeps what it receives, added and removed in random
 * order. */
static void
test_many_ranges (void)
{
  const guint n = 20011; /* a prime, so its multiples cover all indices */
  g_autofree guint8 *data = g_malloc0 (2 * n);

  for (guint i = 0; i < n; i++)
    gmp_private_memory_add (data + 2 * (i * 7919 % n), 1);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (gmp_private_memory_make_writable (data + 2 * i, 1));
      g_assert_false (gmp_private_memory_make_writable (data + 2 * i + 1, 1));
    }
  for (guint i = 0; i < n; i++)
    {
      guint8 *place = data + 2 * (i * 104729 % n);

      gmp_private_memory_remove (place);
      g_assert_false (gmp_private_memory_make_writable (place, 1));
    }
}

static void
test_values (void)
{
  _Alignas (8) guint8 data[SIZE];
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) child = NULL;
  g_autoptr (GVariant) elsewhere = g_variant_ref_sink (g_variant_new_string ("on the heap"));

  fill (data);
  value = make_at (data, SIZE);
  child = g_variant_get_child_value (value, 0);
  g_assert_null (gmp_variant_get_private_data (value));

  gmp_private_memory_add (data, SIZE);
  g_assert_true (gmp_variant_get_private_data (value) == data);
  g_assert_true (gmp_variant_get_private_data (child) == data);
  g_assert_cmpuint (g_variant_get_size (child), ==, SIZE - 1);
  g_assert_null (gmp_variant_get_private_data (elsewhere));
  gmp_private_memory_remove (data);
  g_assert_null (gmp_variant_get_private_data (child));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/variant/ranges", test_ranges);
  g_test_add_func ("/variant/many-ranges", test_many_ranges);
  g_test_add_func ("/variant/values", test_values);
  return g_test_run ();
}
