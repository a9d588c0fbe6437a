/* target-program.c: a program to be run as PIE, at a fixed address, and stripped
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc-binding.h>

#include <stdio.h>
#include <stdlib.h>

/* The argument selects the fault: "no-init" never calls gmp_init (), "early-exit" exits before
 * that in its workers. */

static GVariant *
hidden (GVariant *params,
        GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (g_variant_get_int32 (params) + 1);
}

int
main (int    argc,
      char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";
  g_autoptr (GmpWorkers) workers = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  if (g_getenv ("TEST_EARLY_EXIT") != NULL && gmp_host_is_worker ())
    return 9;
  if (!g_str_equal (mode, "no-init"))
    gmp_init (&argc, &argv);
  if (g_str_equal (mode, "early-exit"))
    g_setenv ("TEST_EARLY_EXIT", "yes", TRUE);

  workers = gmp_workers_new ();
  if (gmp_workers_add (workers, 1, hidden, g_variant_new_int32 (41), &error))
    results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  if (results == NULL)
    {
      printf ("%s %d %s\n", g_quark_to_string (error->domain), error->code, error->message);
      return EXIT_FAILURE;
    }
  text = g_variant_print (results, TRUE);
  printf ("%s\n", text);
  return EXIT_SUCCESS;
}
