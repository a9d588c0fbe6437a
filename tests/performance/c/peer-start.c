/* peer-start.c: starting a process by fork, or GSubprocess, and waiting for its end
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child adds one, and writes the result to a pipe. */
static void
start_by_fork (int number)
{
  int fds[2], result = 0, status;
  pid_t pid;

  if (pipe (fds) != 0 || (pid = fork ()) < 0)
    work_fail ("No pipe or no process: %s", g_strerror (errno));
  if (pid == 0)
    {
      result = number + 1;
      _exit (write (fds[1], &result, sizeof result) == sizeof result ? 0 : 1);
    }
  close (fds[1]);
  if (read (fds[0], &result, sizeof result) != sizeof result || result != number + 1)
    work_fail ("A wrong result of %d", number);
  close (fds[0]);
  if (waitpid (pid, &status, 0) != pid || status != 0)
    work_fail ("The process failed");
}

static void
start_by_subprocess (int number G_GNUC_UNUSED)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, "/bin/true",
                                                      NULL);

  if (process == NULL || !g_subprocess_wait_check (process, NULL, &error))
    work_fail ("%s", error->message);
}

int
main (int    argc,
      char **argv)
{
  gboolean is_fork = argc == 3 && g_str_equal (argv[1], "fork");
  WorkTimes times;

  if (!is_fork && !(argc == 3 && g_str_equal (argv[1], "gsubprocess")))
    work_fail ("Usage: %s fork|gsubprocess COUNT", argv[0]);
  work_times_init (&times, strtoul (argv[2], NULL, 10));
  for (int i = 0; !work_times_is_over (&times); i++)
    {
      work_times_begin (&times);
      if (is_fork)
        start_by_fork (i);
      else
        start_by_subprocess (i);
      work_times_end (&times);
    }
  work_print (work_times_get (&times), times.n);
  return EXIT_SUCCESS;
}
