/* gmp-launcher.c: starts processes, here or elsewhere
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-launcher-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

G_DEFINE_ABSTRACT_TYPE (GmpLauncher, gmp_launcher, G_TYPE_OBJECT)

static void
gmp_launcher_class_init (GmpLauncherClass *klass G_GNUC_UNUSED)
{
}

static void
gmp_launcher_init (GmpLauncher *self G_GNUC_UNUSED)
{
}

GmpProcess *
gmp_launcher_launch (GmpLauncher     *self,
                     const GmpLaunch *launch,
                     GError         **error)
{
  return GMP_LAUNCHER_GET_CLASS (self)->launch (self, launch, error);
}

/* The common part of launchers that execute a program. */

/* Old sandboxes answer EPERM to system calls that they do not know, others EACCES. GLib closes a
 * child's descriptors by this one, and starts no process then. The flag makes it leave them
 * open. */
static gboolean
cannot_close_range (void)
{
#ifdef SYS_close_range
  return syscall (SYS_close_range, G_MAXUINT, G_MAXUINT, 0) == -1 && errno != ENOSYS &&
         gmp_limit_is_sandbox (errno);
#else
  return FALSE;
#endif
}

/* -1 if that is not known. */
static int
find_highest_descriptor (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  int result = -1;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    result = MAX (result, atoi (name));
  return result;
}

/* A worker must not receive Ctrl-C before it can handle it; gmp_host_run() unblocks the signal. An
 * interpreter that is interrupted while it starts would exit with its own message. SIGINT is
 * therefore blocked here while the child is forked: @old is to be restored then. */
void
gmp_launch_setup_begin (GmpLaunchSetup *self,
                        sigset_t       *old)
{
  self->leaves_descriptors = cannot_close_range ();
  self->highest = self->leaves_descriptors ? find_highest_descriptor () : -1;
  sigemptyset (&self->mask);
  sigaddset (&self->mask, SIGINT);
  pthread_sigmask (SIG_BLOCK, &self->mask, old);
  gmp_fork_is_launch = TRUE;
}

/* In the parent, when the child was forked. */
void
gmp_launch_setup_end (const sigset_t *old)
{
  gmp_fork_is_launch = FALSE;
  pthread_sigmask (SIG_SETMASK, old, NULL);
}

/* Called in the child, before it executes the program. */
void
gmp_launch_setup_cb (gpointer setup)
{
  GmpLaunchSetup *self = setup;

  sigprocmask (SIG_SETMASK, &self->mask, NULL);
  for (int fd = GMP_WORKER_FD + 1; fd <= self->highest; fd++)
    fcntl (fd, F_SETFD, FD_CLOEXEC);
}

/* OpenMP and the numeric libraries start a thread for each processor, in each worker. They read
 * these variables when they are loaded, so they must be set before. Values of the user are kept. */
static char **
limit_inner_threads (char **environment,
                     guint  inner_threads)
{
  static const char *variables[] = {
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
  };
  g_autofree char *number = g_strdup_printf ("%u", inner_threads);

  for (gsize i = 0; i < G_N_ELEMENTS (variables); i++)
    environment = g_environ_setenv (environment, variables[i], number, FALSE);
  return environment;
}

char **
gmp_launch_make_environment (const GmpLaunch *self)
{
  char **result = self->environment != NULL ? g_strdupv (self->environment)
                                            : gmp_environment_copy ();

  result = gmp_environment_clean (result);
  result = limit_inner_threads (result, self->inner_threads);
  /* mimalloc, which is the allocator of Python without a GIL, reserves 1 GiB of addresses. They
   * count as data, for memory-limit as well, unless it asks for them piece by piece. */
  result = g_environ_setenv (result, "MIMALLOC_ARENA_EAGER_COMMIT", "0", FALSE);
  return g_environ_setenv (result, GMP_WORKER_ENV, G_STRINGIFY (GMP_WORKER_FD), TRUE);
}

/* A process may be in a folder that it could no longer enter. */
static gboolean
is_here (const char *path)
{
  char *here = getcwd (NULL, 0);
  gboolean result = g_strcmp0 (here, path) == 0;

  free (here);
  return result;
}

/* The working directory that the child has to change to; %NULL for this process's own. */
const char *
gmp_launch_get_folder (const GmpLaunch *self)
{
  const char *folder = self->working_directory;

  return folder != NULL && !is_here (folder) ? folder : NULL;
}

/* Copies in this process would keep the other end from noticing the child's death. */
void
gmp_launch_close (const GmpLaunch *self)
{
  close (self->control_fd);
  if (self->stdout_fd != -1)
    close (self->stdout_fd);
  if (self->stderr_fd != -1)
    close (self->stderr_fd);
}

/* GLib says in text only what the system says. 0 for another code than these. */
static int
find_code (const GError *reason)
{
  const int codes[] = { EMFILE, ENFILE, ENOMEM, EPERM, EACCES, ENOSYS };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (strstr (reason->message, g_strerror (codes[i])) != NULL)
      return codes[i];
  return 0;
}

/* The limit on processes is hit here, and the system's message does not name it. It gets its own
 * error, for callers that can wait. */
void
gmp_launch_set_error (GError      **error,
                      const GError *reason)
{
  int code = find_code (reason);

  if (g_error_matches (reason, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN))
    g_propagate_error (error, g_error_copy (reason));
  else if (g_error_matches (reason, G_SPAWN_ERROR, G_SPAWN_ERROR_FORK) &&
           gmp_limit_is_sandbox (code))
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "%s%s", reason->message,
                 gmp_limit_describe (code));
  else if (g_error_matches (reason, G_SPAWN_ERROR, G_SPAWN_ERROR_FORK))
    g_set_error (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, "%s%s", reason->message,
                 gmp_limit_describe (EAGAIN));
  else if (g_error_matches (reason, G_UNIX_ERROR, 0))
    /* GLib opened no pipe. */
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "it cannot be started: %s%s", reason->message,
                 gmp_limit_describe (code));
  else
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH, reason->message);
}
