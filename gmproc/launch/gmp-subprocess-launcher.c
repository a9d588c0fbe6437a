/* gmp-subprocess-launcher.c: workers on this machine, started by GSubprocess
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-subprocess-launcher-private.h"

#include "base/gmp-error.h"
#include "base/gmp-runtime-private.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct _GmpSubprocessLauncher
{
  GmpLauncher parent_instance;
};

G_DEFINE_FINAL_TYPE (GmpSubprocessLauncher, gmp_subprocess_launcher, GMP_TYPE_LAUNCHER)

/* The process handle that goes with it. */

#define GMP_TYPE_SUBPROCESS (gmp_subprocess_get_type ())
G_DECLARE_FINAL_TYPE (GmpSubprocess, gmp_subprocess, GMP, SUBPROCESS, GmpProcess)

struct _GmpSubprocess
{
  GmpProcess parent_instance;

  GSubprocess *subprocess;
  int pid;
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
  /* GSubprocess knows, under its lock, whether the pid is still its own. */
  g_subprocess_send_signal (GMP_SUBPROCESS (process)->subprocess, signum);
}

static void
waited_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (g_subprocess_wait_finish (G_SUBPROCESS (source), result, &error))
    g_task_return_int (task, g_subprocess_get_status (G_SUBPROCESS (source)));
  else
    g_task_return_error (task, error);
}

static void
gmp_subprocess_wait_async (GmpProcess         *process,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  GTask *task = g_task_new (process, cancellable, callback, user_data);

  g_task_set_source_tag (task, gmp_subprocess_wait_async);
  g_subprocess_wait_async (GMP_SUBPROCESS (process)->subprocess, cancellable, waited_cb, task);
}

static gboolean
gmp_subprocess_wait_finish (GmpProcess   *process G_GNUC_UNUSED,
                            GAsyncResult *result,
                            int          *wait_status,
                            GError      **error)
{
  GError *local = NULL;
  gssize status = g_task_propagate_int (G_TASK (result), &local);

  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  *wait_status = (int) status;
  return TRUE;
}

static void
gmp_subprocess_finalize (GObject *object)
{
  g_clear_object (&GMP_SUBPROCESS (object)->subprocess);
  G_OBJECT_CLASS (gmp_subprocess_parent_class)->finalize (object);
}

static void
gmp_subprocess_class_init (GmpSubprocessClass *klass)
{
  GmpProcessClass *process_class = GMP_PROCESS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_subprocess_finalize;
  process_class->get_pid = gmp_subprocess_get_pid;
  process_class->send_signal = gmp_subprocess_send_signal;
  process_class->wait_async = gmp_subprocess_wait_async;
  process_class->wait_finish = gmp_subprocess_wait_finish;
}

static void
gmp_subprocess_init (GmpSubprocess *self G_GNUC_UNUSED)
{
}

/* GMPROC_WRAP puts a debugger, valgrind or strace around each worker. */
static char **
wrap (char       **argv,
      const char  *wrapper,
      GError     **error)
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
static void
limit_inner_threads (GSubprocessLauncher *launcher,
                     guint                inner_threads)
{
  static const char *variables[] = {
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
  };
  g_autofree char *number = g_strdup_printf ("%u", inner_threads);

  for (gsize i = 0; i < G_N_ELEMENTS (variables); i++)
    g_subprocess_launcher_setenv (launcher, variables[i], number, FALSE);
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

static GSubprocessLauncher *
prepare (const GmpLaunch *launch,
         gboolean         with_input)
{
  GSubprocessFlags flags = with_input ? G_SUBPROCESS_FLAGS_STDIN_INHERIT : G_SUBPROCESS_FLAGS_NONE;
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  if (launch->environment != NULL)
    g_subprocess_launcher_set_environ (launcher, launch->environment);
  if (launch->working_directory != NULL && !is_here (launch->working_directory))
    g_subprocess_launcher_set_cwd (launcher, launch->working_directory);
  g_subprocess_launcher_setenv (launcher, GMP_WORKER_ENV, G_STRINGIFY (GMP_WORKER_FD), TRUE);
  limit_inner_threads (launcher, launch->inner_threads);
  g_subprocess_launcher_take_fd (launcher, launch->control_fd, GMP_WORKER_FD);
  if (launch->stdout_fd != -1)
    g_subprocess_launcher_take_stdout_fd (launcher, launch->stdout_fd);
  if (launch->stderr_fd != -1)
    g_subprocess_launcher_take_stderr_fd (launcher, launch->stderr_fd);
  return launcher;
}

/* A worker does not hear Ctrl-C before it knows what to do with it: gmp_host_run() unblocks the
 * signal. An interpreter that is interrupted while it starts would die with a complaint of its
 * own. */
static GSubprocess *
spawn_deaf (GSubprocessLauncher *launcher,
            char               **argv,
            GError             **error)
{
  GSubprocess *subprocess;
  sigset_t interrupt;
  sigset_t old;

  sigemptyset (&interrupt);
  sigaddset (&interrupt, SIGINT);
  pthread_sigmask (SIG_BLOCK, &interrupt, &old);
  subprocess = g_subprocess_launcher_spawnv (launcher, (const char * const *) argv, error);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return subprocess;
}

static GmpProcess *
gmp_subprocess_launcher_real_launch (GmpLauncher     *self G_GNUC_UNUSED,
                                     const GmpLaunch *launch,
                                     GError         **error)
{
  /* A debugger wants the terminal; other workers must not fight over it, and read nothing. */
  const char *wrapper = g_getenv ("GMPROC_WRAP");
  g_autoptr (GSubprocessLauncher) launcher = prepare (launch, wrapper != NULL);
  g_autoptr (GSubprocess) subprocess = NULL;
  g_autoptr (GError) local = NULL;
  g_auto (GStrv) argv = NULL;
  GmpSubprocess *process;
  const char *identifier;

  argv = wrap (launch->argv, wrapper, &local);
  if (argv != NULL && wrapper != NULL)
    subprocess = g_subprocess_launcher_spawnv (launcher, (const char * const *) argv, &local);
  else if (argv != NULL)
    subprocess = spawn_deaf (launcher, argv, &local);
  /* Or the copies in this process keep the other end from seeing the child's death. */
  g_subprocess_launcher_close (launcher);
  if (subprocess == NULL)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH, local->message);
      return NULL;
    }

  process = g_object_new (GMP_TYPE_SUBPROCESS, NULL);
  process->subprocess = g_steal_pointer (&subprocess);
  /* A process that has ended already has no identifier any more. */
  identifier = g_subprocess_get_identifier (process->subprocess);
  process->pid = identifier != NULL ? atoi (identifier) : 0;
  return GMP_PROCESS (process);
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
