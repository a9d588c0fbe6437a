/* gmproc-start.c: our native workers: a process is started, runs a function and returns its result
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
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

static guint
count_descriptors (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}

/* This process's, in seconds. */
static double
get_cpu_time (void)
{
  struct timespec time;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* All at once: the time until the last result, the application's processor time for each, and the
 * descriptors that it has open. */
static void
measure_many (guint n)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  double cpu_begin = get_cpu_time ();
  gint64 begin = work_now ();

  for (guint i = 0; i < n; i++)
    gmp_workers_add (workers, i, add_one, g_variant_new_int32 (i), NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  if (results == NULL)
    work_fail ("%s", error->message);
  if (g_variant_n_children (results) != n)
    work_fail ("There should be %u results", n);
  printf ("{\"seconds\": %.9f, \"cpu\": %.9f, \"descriptors\": %u}\n",
          (work_now () - begin) / 1e9, (get_cpu_time () - cpu_begin) / n, count_descriptors ());
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
  else if (argc == 3 && g_str_equal (argv[1], "many"))
    measure_many (strtoul (argv[2], NULL, 10));
  else if (argc == 3 && g_str_equal (argv[1], "sit"))
    seat (strtoul (argv[2], NULL, 10));
  else
    work_fail ("Usage: %s start COUNT | many COUNT | sit COUNT", argv[0]);
  return EXIT_SUCCESS;
}
