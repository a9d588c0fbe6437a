/* workers.c: the guide's first program: a value that ten runs of a worker count up
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>

/* Runs in its own process. */
static GVariant *
example (GVariant *params,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (params != NULL ? g_variant_get_int32 (params) + 1 : 0);
}

static gboolean
count (GError **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  const int ids[] = { 1 };

  if (!gmp_workers_add (workers, 1, example, g_variant_new_int32 (0), error))
    return FALSE;
  for (int turn = 0; turn < 10; turn++)
    {
      g_autoptr (GVariant) results = gmp_workers_run (workers, ids, 1, NULL, error);
      g_autoptr (GVariant) result = NULL;
      int id;

      if (results == NULL)
        return FALSE;
      g_variant_get_child (results, 0, "{iv}", &id, &result);
      gmp_workers_set_params (workers, id, result, NULL);
      printf ("%d\n", g_variant_get_int32 (result));
    }
  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;

  gmp_init (&argc, &argv);

  if (count (&error))
    return EXIT_SUCCESS;
  g_printerr ("%s\n", error->message);
  return EXIT_FAILURE;
}
