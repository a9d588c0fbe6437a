/* deeds.c: the misbehaviour of the workers of program.c
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static Fault at_shutdown;

/* A single write, so that the lines of several processes do not mix. */
void
print_line (const char *format,
            ...)
{
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strconcat (text, "\n", NULL);
  if (write (STDOUT_FILENO, line, strlen (line)) < 0)
    _exit (EXIT_FAILURE);
}

static void
block (void)
{
  for (;;)
    pause ();
}

void
hang_at (const char *place)
{
  if (g_strcmp0 (g_getenv ("GMPROC_HANG"), place) == 0)
    block ();
}

static void
use_memory (void)
{
  for (;;)
    memset (g_malloc (1024 * 1024), 'x', 1024 * 1024);
}

static gboolean
use_files (GError **error)
{
  while (open ("/dev/null", O_RDONLY) != -1)
    ;
  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot open: %s",
               g_strerror (errno));
  return FALSE;
}

/* It holds all descriptors. */
static void
leave_a_child (void)
{
  if (fork () == 0)
    block ();
}

static void
close_all (void)
{
  for (int fd = 3; fd < 1024; fd++)
    close (fd);
}

static void
write_nowhere (void)
{
  volatile int *volatile nowhere = NULL;

  *nowhere = 1;
}

/* The process that has forked this one, if there is one. */
static void
kill_warm_server (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/environ", (int) getppid ());
  g_autofree char *environment = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &environment, &length, NULL));
  for (gsize i = 0; i < length; i += strlen (environment + i) + 1)
    if (g_str_has_prefix (environment + i, "GMPROC_WARM_SERVER="))
      kill (getppid (), SIGKILL);
}

static void
spin (void)
{
  signal (SIGTERM, SIG_IGN);
  for (volatile int i = 0;; i = !i)
    ;
}

static void
die (const char *fault)
{
  if (g_str_equal (fault, "SIGKILL"))
    raise (SIGKILL);
  else if (g_str_equal (fault, "SIGSEGV"))
    write_nowhere ();
  else if (g_str_equal (fault, "SIGSTOP"))
    raise (SIGSTOP);
  else if (g_str_equal (fault, "abort"))
    abort ();
  else if (g_str_equal (fault, "exit-3"))
    exit (3);
  else if (g_str_equal (fault, "exit-0"))
    exit (0);
  else if (g_str_equal (fault, "close-block"))
    close_all (), block ();
  else if (g_str_equal (fault, "block"))
    block ();
  else if (g_str_equal (fault, "memory"))
    use_memory ();
  else if (g_str_equal (fault, "grandchild"))
    leave_a_child (), raise (SIGKILL);
  else if (g_str_equal (fault, "grandchild-block"))
    leave_a_child (), block ();
  else
    spin ();
}

/* Reports the moment, and misbehaves. */
gboolean
commit (const char *fault,
        GError    **error)
{
  print_line ("at %d %" G_GINT64_FORMAT, (int) getpid (), g_get_monotonic_time ());
  if (g_str_equal (fault, "deaf cpu"))
    signal (SIGXCPU, SIG_IGN);
  if (g_str_has_suffix (fault, "cpu"))
    for (volatile int i = 0;; i = !i)
      ;
  if (g_str_equal (fault, "files"))
    return use_files (error);
  if (g_str_equal (fault, "close"))
    {
      close_all ();
      return TRUE;
    }
  if (g_str_equal (fault, "warm server"))
    {
      kill_warm_server ();
      return TRUE;
    }
  if (!g_str_equal (fault, "error"))
    die (fault);
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED, "the worker does not like this");
  return FALSE;
}

static void
commit_at_exit (void)
{
  commit (at_shutdown.fault, NULL);
}

void
fault_set (Fault    *self,
           GVariant *params)
{
  if (!g_variant_lookup (params, "fault", "s", &self->fault) ||
      !g_variant_lookup (params, "moment", "s", &self->moment))
    self->fault = self->moment = g_strdup ("none");
  if (g_str_equal (self->moment, "shutdown"))
    {
      at_shutdown = *self;
      atexit (commit_at_exit);
    }
}

gboolean
fault_at (Fault      *self,
          const char *moment,
          GError    **error)
{
  return !g_str_equal (self->moment, moment) || commit (self->fault, error);
}
