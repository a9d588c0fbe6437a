/* gmproc-start.c: our native workers: a process is started, runs a function and returns its result
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static GVariant *
add_one (GVariant *params,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (g_variant_get_int32 (params) + 1);
}

/* Reports its pid, and waits to be killed. */
static GVariant *
sit (GVariant *params G_GNUC_UNUSED,
     GError  **error G_GNUC_UNUSED)
{
  printf ("%d\n", getpid ());
  fflush (stdout);
  while (pause () < 0)
    ;
  return NULL;
}

static void
measure (guint n)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;
  const int ids[] = { 1 };
  WorkTimes times;

  gmp_workers_add (workers, 1, add_one, NULL, &error);
  g_assert_no_error (error);
  work_times_init (&times, n);
  for (int i = 0; !work_times_is_over (&times); i++)
    {
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GVariant) value = NULL;
      int result;

      gmp_workers_set_params (workers, 1, g_variant_new_int32 (i), NULL);
      work_times_begin (&times);
      results = gmp_workers_run (workers, ids, 1, NULL, &error);
      work_times_end (&times);
      if (results == NULL)
        work_fail ("%s", error->message);
      g_variant_get_child (results, 0, "{iv}", NULL, &value);
      result = g_variant_get_int32 (value);
      if (result != i + 1)
        work_fail ("The result should be %d, and is %d", i + 1, result);
    }
  work_print (work_times_get (&times), n);
}

static void
seat (guint n)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    gmp_workers_add (workers, i, sit, NULL, NULL);
  gmp_workers_run (workers, NULL, 0, NULL, &error);
  work_fail ("%s", error->message);
}

int
main (int    argc,
      char **argv)
{
  gmp_init (&argc, &argv);

  if (argc == 3 && g_str_equal (argv[1], "start"))
    measure (strtoul (argv[2], NULL, 10));
  else if (argc == 3 && g_str_equal (argv[1], "sit"))
    seat (strtoul (argv[2], NULL, 10));
  else
    work_fail ("Usage: %s start COUNT | sit COUNT", argv[0]);
  return EXIT_SUCCESS;
}
