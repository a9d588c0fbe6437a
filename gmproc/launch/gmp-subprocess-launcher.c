/* gmp-subprocess-launcher.c: workers on this machine, executed anew
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-subprocess-launcher-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-pidfd-private.h"
#include "base/gmp-runtime-private.h"
#include "launch/gmp-reaper-private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct _GmpSubprocessLauncher
{
  GmpLauncher parent_instance;
};

G_DEFINE_FINAL_TYPE (GmpSubprocessLauncher, gmp_subprocess_launcher, GMP_TYPE_LAUNCHER)

/* The process handle that goes with it. */

#define GMP_TYPE_SUBPROCESS (gmp_subprocess_get_type ())
G_DECLARE_FINAL_TYPE (GmpSubprocess, gmp_subprocess, GMP, SUBPROCESS, GmpProcess)

/* It is held by the reaper until it has ended, so none is left unwaited for. */
struct _GmpSubprocess
{
  GmpProcess parent_instance;

  int pid;
  int pidfd;
};

G_DEFINE_FINAL_TYPE (GmpSubprocess, gmp_subprocess, GMP_TYPE_PROCESS)

static int
gmp_subprocess_get_pid (GmpProcess *process)
{
  return GMP_SUBPROCESS (process)->pid;
}

static void
gmp_subprocess_send_signal (GmpProcess *process,
                            int         signum)
{
  GmpSubprocess *self = GMP_SUBPROCESS (process);

  /* A pidfd never means another process, whatever has become of this one. */
  if (gmp_pidfd_send_signal (self->pidfd, signum, NULL, 0) == 0 || errno == ESRCH)
    return;
  /* It is none, see gmp_reaper_open(), or the call is forbidden. */
  if (!gmp_process_has_ended (process))
    kill (self->pid, signum);
}

/* Called in the reaper's thread. */
static void
reaped_cb (int                  wait_status,
           const struct rusage *usage,
           gpointer             user_data)
{
  g_autoptr (GmpProcess) self = user_data;

  gmp_process_set_ended (self, wait_status,
                         (GmpProcessUsage) { (guint64) usage->ru_maxrss * 1024,
                                             gmp_limit_get_cpu_time (usage) });
}

static void
gmp_subprocess_finalize (GObject *object)
{
  GmpSubprocess *self = GMP_SUBPROCESS (object);

  if (self->pidfd != -1)
    close (self->pidfd);
  G_OBJECT_CLASS (gmp_subprocess_parent_class)->finalize (object);
}

static void
gmp_subprocess_class_init (GmpSubprocessClass *klass)
{
  GmpProcessClass *process_class = GMP_PROCESS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_subprocess_finalize;
  process_class->get_pid = gmp_subprocess_get_pid;
  process_class->send_signal = gmp_subprocess_send_signal;
}

static void
gmp_subprocess_init (GmpSubprocess *self)
{
  self->pidfd = -1;
}

/* GMPROC_WRAP puts a debugger, valgrind or strace around each worker. */
static char **
wrap (char      **argv,
      const char *wrapper,
      GError    **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) words = NULL;

  if (wrapper != NULL)
    {
      if (!g_shell_parse_argv (wrapper, NULL, &words, error))
        {
          g_prefix_error (error, "GMPROC_WRAP=%s: ", wrapper);
          return NULL;
        }
      g_strv_builder_addv (builder, (const char **) words);
    }
  g_strv_builder_addv (builder, (const char **) argv);
  return g_strv_builder_end (builder);
}

/* OpenMP and the numeric libraries start a thread for each processor, in each worker. They read
 * these when they are loaded, so it has to be said before that. What the user has set counts. */
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

/* A process may be in a folder that it could not go to any more. */
static gboolean
is_here (const char *path)
{
  char *here = getcwd (NULL, 0);
  gboolean result = g_strcmp0 (here, path) == 0;

  free (here);
  return result;
}

static char **
make_environment (const GmpLaunch *launch)
{
  char **result = launch->environment != NULL ? g_strdupv (launch->environment)
                                              : g_get_environ ();

  result = gmp_environment_clean (result);
  result = limit_inner_threads (result, launch->inner_threads);
  return g_environ_setenv (result, GMP_WORKER_ENV, G_STRINGIFY (GMP_WORKER_FD), TRUE);
}

/* A limit on processes is met here, and the system's own words for it name none. It has an error of
 * its own, for those who can wait. */
static void
explain (GError      **error,
         const GError *reason)
{
  gboolean refused = g_error_matches (reason, G_SPAWN_ERROR, G_SPAWN_ERROR_FORK) ||
                     g_error_matches (reason, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN);

  if (refused)
    g_set_error (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, "%s%s", reason->message,
                 gmp_limit_describe (EAGAIN));
  else
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH, reason->message);
}

static gboolean
are_same (const sigset_t *a,
          const sigset_t *b)
{
  for (int signum = 1; signum < NSIG; signum++)
    if (sigismember (a, signum) != sigismember (b, signum))
      return FALSE;
  return TRUE;
}

/* Called in the child, before it executes the program. */
static void
set_mask_cb (gpointer mask)
{
  sigprocmask (SIG_SETMASK, mask, NULL);
}

/* The program begins with the signals of @mask blocked, whatever this thread blocks. */
static gboolean
spawn (const GmpLaunch *launch,
       char           **argv,
       gboolean         with_input,
       sigset_t        *mask,
       int             *pid,
       GError         **error)
{
  g_auto (GStrv) environment = make_environment (launch);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_auto (GStrv) command = NULL;
  GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH;
  const char *folder = launch->working_directory;
  int target_fd = GMP_WORKER_FD;
  GSpawnChildSetupFunc setup = NULL;
  sigset_t blocked;

  pthread_sigmask (SIG_BLOCK, NULL, &blocked);
  if (folder != NULL && is_here (folder))
    folder = NULL;
  if (with_input)
    flags |= G_SPAWN_CHILD_INHERITS_STDIN;
  if (gmp_runtime_is_lost_program (argv[0]))
    {
      g_strv_builder_add (words, GMP_OWN_PROGRAM);
      flags |= G_SPAWN_FILE_AND_ARGV_ZERO;
    }
  g_strv_builder_addv (words, (const char **) argv);
  command = g_strv_builder_end (words);
  /* Without a function to call first, the child need not be forked. */
  if (!are_same (&blocked, mask))
    setup = set_mask_cb;
  return g_spawn_async_with_pipes_and_fds (folder, (const char * const *) command,
                                           (const char * const *) environment, flags, setup, mask,
                                           -1, launch->stdout_fd, launch->stderr_fd,
                                           &launch->control_fd, &target_fd, 1, pid, NULL, NULL,
                                           NULL, error);
}

/* A worker does not hear Ctrl-C before it knows what to do with it: gmp_host_run() unblocks the
 * signal. An interpreter that is interrupted while it starts would die with a complaint of its
 * own. */
static gboolean
spawn_deaf (const GmpLaunch *launch,
            char           **argv,
            int             *pid,
            GError         **error)
{
  gboolean result;
  sigset_t interrupt;
  sigset_t old;

  sigemptyset (&interrupt);
  sigaddset (&interrupt, SIGINT);
  pthread_sigmask (SIG_BLOCK, &interrupt, &old);
  result = spawn (launch, argv, FALSE, &interrupt, pid, error);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return result;
}

/* The copies in this process would keep the other end from seeing the child's death. */
static void
close_all (const GmpLaunch *launch)
{
  close (launch->control_fd);
  if (launch->stdout_fd != -1)
    close (launch->stdout_fd);
  if (launch->stderr_fd != -1)
    close (launch->stderr_fd);
}

/* Takes care of the child @pid. */
static GmpProcess *
adopt (int      pid,
       GError **error)
{
  int pidfd = gmp_reaper_open (pid);
  GmpSubprocess *process;

  if (pidfd == -1)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot watch a process by a pidfd: %s%s",
                   g_strerror (errno), errno == ESRCH ? " (the program must not ignore SIGCHLD)"
                   : gmp_limit_describe (errno));
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      return NULL;
    }
  process = g_object_new (GMP_TYPE_SUBPROCESS, NULL);
  process->pid = pid;
  process->pidfd = pidfd;
  gmp_reaper_watch (pid, pidfd, reaped_cb, g_object_ref (process));
  return GMP_PROCESS (process);
}

static GmpProcess *
gmp_subprocess_launcher_real_launch (GmpLauncher     *self G_GNUC_UNUSED,
                                     const GmpLaunch *launch,
                                     GError         **error)
{
  /* A debugger wants the terminal; other workers must not fight over it, and read nothing. */
  const char *wrapper = gmp_environment_get ("GMPROC_WRAP");
  g_autoptr (GError) local = NULL;
  g_auto (GStrv) argv = wrap (launch->argv, wrapper, &local);
  gboolean was_started = FALSE;
  sigset_t nothing;
  int pid;

  sigemptyset (&nothing);
  if (argv != NULL && !gmp_environment_can_pass (launch->argv[0], &local))
    g_clear_pointer (&argv, g_strfreev);
  if (argv != NULL && !gmp_reaper_begin (&local))
    g_prefix_error (&local, "no thread can be started to watch it: ");
  else if (argv != NULL && wrapper != NULL)
    was_started = spawn (launch, argv, TRUE, &nothing, &pid, &local);
  else if (argv != NULL)
    was_started = spawn_deaf (launch, argv, &pid, &local);
  close_all (launch);
  if (was_started)
    return adopt (pid, error);
  explain (error, local);
  return NULL;
}

static void
gmp_subprocess_launcher_class_init (GmpSubprocessLauncherClass *klass)
{
  GMP_LAUNCHER_CLASS (klass)->launch = gmp_subprocess_launcher_real_launch;
}

static void
gmp_subprocess_launcher_init (GmpSubprocessLauncher *self G_GNUC_UNUSED)
{
}

GmpLauncher *
gmp_subprocess_launcher_new (void)
{
  return g_object_new (GMP_TYPE_SUBPROCESS_LAUNCHER, NULL);
}
