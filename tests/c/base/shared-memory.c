/* shared-memory.c: memory that a worker writes and the application reads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <string.h>

#define SIZE 100000

/* Writes its number to its part of the memory. */
static GVariant *
fill (GVariant *params,
      GError  **error)
{
  g_autoptr (GVariant) variant = g_variant_get_child_value (params, 0);
  g_autoptr (GmpSharedMemory) memory = gmp_shared_memory_from_variant (variant, error);
  int part;

  if (memory == NULL)
    return NULL;
  g_variant_get_child (params, 1, "i", &part);
  memset ((guint8 *) gmp_shared_memory_get_data (memory) + part * SIZE, part + 1, SIZE);
  return NULL;
}

static void
test_workers (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GmpSharedMemory) memory = gmp_shared_memory_new (3 * SIZE, &error);
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  const guint8 *data;

  g_assert_no_error (error);
  g_assert_cmpuint (gmp_shared_memory_get_size (memory), ==, 3 * SIZE);
  data = gmp_shared_memory_get_data (memory);
  for (int i = 0; i < 2; i++)
    gmp_workers_add (workers, i, fill,
                     g_variant_new ("(@(suitt)i)", gmp_shared_memory_to_variant (memory), i),
                     &error);
  g_assert_no_error (error);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 3 * SIZE; i++)
    g_assert_cmpuint (data[i], ==, i < 2 * SIZE ? i / SIZE + 1 : 0);
}

/* The memory lives as long as its bytes, and as any process that has opened it. */
static void
test_holders (void)
{
  g_autoptr (GError) error = NULL;
  GmpSharedMemory *memory = gmp_shared_memory_new (10, &error);
  g_autoptr (GVariant) variant = g_variant_ref_sink (gmp_shared_memory_to_variant (memory));
  g_autoptr (GmpSharedMemory) again = gmp_shared_memory_from_variant (variant, &error);
  g_autoptr (GBytes) bytes = gmp_shared_memory_get_bytes (memory);

  g_assert_no_error (error);
  strcpy (gmp_shared_memory_get_data (memory), "shared");
  g_object_unref (memory);
  g_assert_cmpstr (g_bytes_get_data (bytes, NULL), ==, "shared");
  g_assert_cmpstr (gmp_shared_memory_get_data (again), ==, "shared");
  g_clear_pointer (&bytes, g_bytes_unref);
  g_clear_object (&again);
  again = gmp_shared_memory_from_variant (variant, &error);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

static void
test_nonsense (void)
{
  static const char * const texts[] = {
    "7",
    "('gmproc.shared-memory', 1)",
    "('else', uint32 1, 3, uint64 1, uint64 10)",
    "('gmproc.shared-memory', uint32 1, -3, uint64 1, uint64 10)",
    "('gmproc.shared-memory', uint32 1, 3, uint64 1, uint64 0)",
    "('gmproc.shared-memory', uint32 1, 3, uint64 1, uint64 18446744073709551615)",
  };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) variant = g_variant_new_parsed (texts[i]);

      g_assert_null (gmp_shared_memory_from_variant (variant, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
      g_clear_error (&error);
    }
  g_assert_null (gmp_shared_memory_new (0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (gmp_shared_memory_new (G_MAXSIZE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  /* More than any processor can address. */
  g_assert_null (gmp_shared_memory_new ((gsize) 1 << 62, &error));
  g_assert_nonnull (error);
}

int
main (int   argc,
      char *argv[])
{
  gmp_test_init (&argc, &argv);
  gmp_test_add ("/shared-memory/workers", test_workers);
  gmp_test_add ("/shared-memory/holders", test_holders);
  gmp_test_add ("/shared-memory/nonsense", test_nonsense);
  return g_test_run ();
}
