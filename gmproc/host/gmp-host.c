/* gmp-host.c: the worker's side of a process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-host.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-exit-private.h"
#include "base/gmp-guard-private.h"
#include "host/gmp-fork-server-private.h"
#include "host/gmp-group-private.h"
#include "host/gmp-host-private.h"
#include "worker/gmp-call-private.h"
#include "worker/gmp-worker-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* SIGCONT also reaches a process that has been stopped (SIGSTOP) or is about to be; other signals
 * would wait. */
#define PARENT_DEATH_SIGNAL SIGCONT

/**
 * GmpHost:
 *
 * The worker's side of a process, for bindings to another language.
 *
 * The worker process of a runtime creates a host that overrides `prepare`, `call` and `build`, and
 * calls [method@Gmp.Host.run]. Programs in C only need `gmp_init ()`.
 *
 * Since: 0.1
 */

typedef struct {
  GmpWorkerSkeleton *control; /* (nullable): NULL while it does not run */
} GmpHostPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpHost, gmp_host, G_TYPE_OBJECT)

/**
 * GmpHostClass::call:
 * @self: a host
 * @description: the target, without the runtime's name
 * @id: the worker's id
 * @params: (nullable): the worker's parameters
 * @error: return location for an error
 *
 * Finds the function that @description names, and calls it.
 *
 * Returns: (transfer full) (nullable): the function's result, floating or not
 *
 * Since: 0.1
 */
static GVariant *
gmp_host_real_call (GmpHost    *self,
                    const char *description G_GNUC_UNUSED,
                    const char *id G_GNUC_UNUSED,
                    GVariant   *params G_GNUC_UNUSED,
                    GError    **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "%s cannot run functions",
               G_OBJECT_TYPE_NAME (self));
  return NULL;
}

/**
 * GmpHostClass::build:
 * @self: a host
 * @description: the target, without the runtime's name
 * @id: the worker's id
 * @error: return location for an error
 *
 * Finds the class that @description names, and makes an instance.
 *
 * Returns: (transfer full): a [class@Gmp.ServerWorker] or a [class@Gmp.ClientWorker]
 *
 * Since: 0.1
 */
static GmpWorker *
gmp_host_real_build (GmpHost    *self,
                     const char *description G_GNUC_UNUSED,
                     const char *id G_GNUC_UNUSED,
                     GError    **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "%s cannot run servers and clients",
               G_OBJECT_TYPE_NAME (self));
  return NULL;
}

/**
 * GmpHostClass::load:
 * @self: a host
 * @what: (nullable): what to load, of type `(asas)`: the modules of
 *   [func@Gmp.runtime_add_modules], and those of [property@Gmp.Runner:fresh-modules], which are not
 *   to be loaded; %NULL in a fork that has been started ahead
 * @error: return location for an error
 *
 * Loads what workers will need, in a process that will be forked for each of them. If that fails,
 * starts a thread, prints, or leaves a file open, workers are started cold. The default does
 * nothing.
 *
 * A fork that has been started ahead calls it again, without @what, while it waits for its job. It
 * may then execute once what each job executes around the user's code, so that the pages that this
 * writes to are no longer shared when the job arrives. If that fails, nothing happens.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_host_real_load (GmpHost  *self G_GNUC_UNUSED,
                    GVariant *what G_GNUC_UNUSED,
                    GError  **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpHostClass::fork:
 * @self: a host
 * @error: return location for an error
 *
 * Forks this process, which has one thread. Override it if the runtime has to prepare for a fork.
 * The default calls fork().
 *
 * Returns: the child's pid; 0 in the child
 *
 * Since: 0.1
 */
static int
gmp_host_real_fork (GmpHost *self G_GNUC_UNUSED,
                    GError **error)
{
  int pid = fork ();

  if (pid == -1)
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "fork: %s", g_strerror (errno));
  return pid;
}

/**
 * GmpHostClass::prepare:
 * @self: a host
 * @description: the target, without the runtime's name
 * @id: the worker's id
 * @params: (nullable): the worker's parameters
 * @error: return location for an error
 *
 * Called before `call` or `build`, to load what they will need. The time for it counts as the
 * worker's start ([property@Gmp.Runner:startup-timeout]). The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_host_real_prepare (GmpHost    *self G_GNUC_UNUSED,
                       const char *description G_GNUC_UNUSED,
                       const char *id G_GNUC_UNUSED,
                       GVariant   *params G_GNUC_UNUSED,
                       GError    **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpHostClass::release:
 * @self: a host
 * @error: return location for an error
 *
 * Called in a process that is kept, after its job has been answered and before it waits for the
 * next: frees the memory of the job, where the language would do so later. The default does
 * nothing.
 *
 * Returns: ignored, and so is @error
 *
 * Since: 0.1
 */
static gboolean
gmp_host_real_release (GmpHost *self G_GNUC_UNUSED,
                       GError **error G_GNUC_UNUSED)
{
  return TRUE;
}

static void
gmp_host_class_init (GmpHostClass *klass)
{
  klass->call = gmp_host_real_call;
  klass->build = gmp_host_real_build;
  klass->load = gmp_host_real_load;
  klass->fork = gmp_host_real_fork;
  klass->prepare = gmp_host_real_prepare;
  klass->release = gmp_host_real_release;
}

static void
gmp_host_init (GmpHost *self G_GNUC_UNUSED)
{
}

static gboolean
report_cb (GmpReport kind,
           GVariant *value,
           gpointer  user_data,
           GError  **error)
{
  return gmp_worker_skeleton_report (user_data, kind, value, error);
}

/* The message of GJS about a refused call, which is made again: see GMP_GUARD(). */
static gboolean
is_of_refusal (const char *domain,
               const char *message)
{
  return g_strcmp0 (domain, "Gjs") == 0 &&
         (g_str_has_prefix (message, "Attempting to run a JS callback during garbage collection") ||
          g_str_has_prefix (message, "The offending callback was "));
}

/* Sends GLib's log messages to the application, which decides where they go. A message that aborts
 * the process is printed here, because it might not be sent in time. So is one that cannot reach
 * the application, or that a forked process logs. Structured logging goes to standard error: its
 * writer can be set only once in a process, and that call belongs to the program. */
static void
log_cb (const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data)
{
  if ((level & (G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION)) != 0)
    g_log_default_handler (domain, level, message, NULL);
  else if (!g_log_writer_default_would_drop (level, domain) && !is_of_refusal (domain, message) &&
           !gmp_worker_skeleton_log (user_data, domain != NULL ? domain : "", level, message))
    g_log_default_handler (domain, level, message, NULL);
}

static void
release (GmpHost *self)
{
  g_autoptr (GError) ignored_error = NULL;
  gboolean ignored G_GNUC_UNUSED;

  GMP_GUARD (ignored, GMP_HOST_GET_CLASS (self)->release, self, &ignored_error);
}

/* In a fork that waits for its job: the runtime executes what each job executes around the user's
 * code. A fork shares its memory with others until it writes to it, and to copy the pages takes
 * longer than to execute this. That is so in Python, where each use of an object writes to it. What
 * C executes touches few pages, so the steps of the skeleton are not rehearsed here. Nothing fails
 * if this does: a job will find the same reason. */
static void
rehearse (GmpHost *self)
{
  g_autoptr (GError) ignored_error = NULL;
  gboolean ignored G_GNUC_UNUSED;

  GMP_GUARD (ignored, GMP_HOST_GET_CLASS (self)->load, self, NULL, &ignored_error);
}

static void
ignore_cb (int signum G_GNUC_UNUSED)
{
}

static pid_t application;

static void
parent_died_cb (int signum G_GNUC_UNUSED)
{
  if (getppid () != application && gmp_fork_server_has_lost_application ())
    gmp_group_exit ();
}

/* The control thread notices the application's end, unless user code has closed its socket. The
 * kernel's parent-death signal covers that; it also arrives when only the thread that started this
 * process ends. */
static void
watch_parent (void)
{
  struct sigaction action = { .sa_handler = parent_died_cb, .sa_flags = SA_RESTART };

  application = getppid ();
  sigaction (PARENT_DEATH_SIGNAL, &action, NULL);
  prctl (PR_SET_PDEATHSIG, PARENT_DEATH_SIGNAL);
}

/* Ctrl-C reaches all processes of the terminal, and the application decides what its workers do.
 * This is a handler and not SIG_IGN, because programs started from here would inherit SIG_IGN. The
 * launcher has blocked the signal until here. A worker blocks no signal, whatever the application,
 * or this program before gmp_init(), has blocked. */
static void
set_signals (void)
{
  struct sigaction action = { .sa_handler = ignore_cb, .sa_flags = SA_RESTART };
  sigset_t nothing;

  sigaction (SIGINT, &action, NULL);
  sigemptyset (&nothing);
  pthread_sigmask (SIG_SETMASK, &nothing, NULL);
  signal (SIGPIPE, SIG_IGN);
}

/* The socket's number from the environment. The variable is then removed, because programs started
 * from here are not workers. */
static int
take_control_fd (void)
{
  const char *text = gmp_environment_get (GMP_WORKER_ENV);
  guint64 fd;
  struct stat status;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &fd, NULL) ||
      fstat ((int) fd, &status) == -1 || !S_ISSOCK (status.st_mode))
    return -1;
  g_unsetenv (GMP_WORKER_ENV);
  fcntl ((int) fd, F_SETFD, FD_CLOEXEC);
  return (int) fd;
}

/**
 * gmp_host_is_worker:
 *
 * Returns %TRUE if this process was started as a worker and has not run as one yet.
 *
 * Returns: %TRUE if [method@Gmp.Host.run] should be called
 *
 * Since: 0.1
 */
gboolean
gmp_host_is_worker (void)
{
  return gmp_environment_get (GMP_WORKER_ENV) != NULL;
}

/**
 * gmp_host_check_fork:
 * @self: a host
 * @error: return location for an error
 *
 * Checks that a fork of this process is like a process that is executed anew: this process has one
 * thread, has printed nothing and has opened no file. `load` may use it to find out what should not
 * be loaded before a fork.
 *
 * Returns: %TRUE on success
 *
 * Since: 0.1
 */
gboolean
gmp_host_check_fork (GmpHost *self,
                     GError **error)
{
  g_return_val_if_fail (GMP_IS_HOST (self), FALSE);

  return gmp_fork_server_check (error);
}

/**
 * gmp_host_end_forked:
 *
 * Ends this process where it is one that the worker's code has forked, and does nothing elsewhere.
 * For runtimes, when user code has come back, before anything that could wait for a lock:
 * another thread of the worker may have held it at the fork.
 *
 * Since: 0.1
 */
void
gmp_host_end_forked (void)
{
  gmp_guard_end_forked ();
}

/**
 * gmp_host_exit:
 * @status: the exit status
 *
 * Ends this process, for runtimes in which exit() cannot be called everywhere.
 *
 * Since: 0.1
 */
void
gmp_host_exit (int status)
{
  exit (status);
}

/**
 * gmp_host_call_instance:
 * @self: a host
 * @instance: an object of a subclass of [class@Gmp.Workers]
 * @id: the worker's id
 * @params: (nullable): the worker's parameters
 * @error: return location for an error
 *
 * Takes an object through the turns of a worker, from `start` to `finish`. For `call`, where the
 * target is a class.
 *
 * Returns: (transfer full) (nullable): the worker's result, floating or not
 *
 * Since: 0.1
 */
GVariant *
gmp_host_call_instance (GmpHost    *self,
                        GObject    *instance,
                        const char *id,
                        GVariant   *params,
                        GError    **error)
{
  GmpCall call;

  g_return_val_if_fail (GMP_IS_HOST (self), NULL);
  g_return_val_if_fail (G_IS_OBJECT (instance), NULL);
  g_return_val_if_fail (id != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  call = gmp_call_lookup (G_OBJECT_TYPE (instance));
  if (call != NULL)
    return call (instance, id, params, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "%s cannot be called",
               G_OBJECT_TYPE_NAME (instance));
  return NULL;
}

/**
 * gmp_host_report_modules:
 * @self: a host
 * @names: (array zero-terminated=1): names of modules
 *
 * Reports modules that this worker has loaded and that a fork server should load for later workers.
 * Call it from `prepare`, and again when it has loaded more.
 *
 * Since: 0.1
 */
void
gmp_host_report_modules (GmpHost            *self,
                         const char * const *names)
{
  GmpHostPrivate *priv = gmp_host_get_instance_private (self);

  g_return_if_fail (GMP_IS_HOST (self));
  g_return_if_fail (names != NULL);

  if (priv->control != NULL && names[0] != NULL)
    gmp_worker_skeleton_loaded (priv->control, names);
}

/**
 * gmp_host_report_slow:
 * @self: a host
 * @names: (array zero-terminated=1): names of modules
 *
 * Reports modules that take long to load and that a fork server cannot load, so each worker does.
 * The application logs this once. Call it from `load`.
 *
 * Since: 0.1
 */
void
gmp_host_report_slow (GmpHost            *self,
                      const char * const *names)
{
  g_return_if_fail (GMP_IS_HOST (self));
  g_return_if_fail (names != NULL);

  gmp_fork_server_set_slow (names);
}

static void
load_cb (gpointer  self,
         GVariant *what,
         GError  **error)
{
  GMP_HOST_GET_CLASS (self)->load (self, what, error);
}

static int
fork_cb (gpointer self,
         GError **error)
{
  return GMP_HOST_GET_CLASS (self)->fork (self, error);
}

/**
 * gmp_host_run:
 * @self: a host
 *
 * Runs the jobs that the application sends, until it sends no more.
 *
 * Call it in the main thread, once in a process.
 *
 * Returns: the exit status for the process
 *
 * Since: 0.1
 */
int
gmp_host_run (GmpHost *self)
{
  GmpHostPrivate *priv = gmp_host_get_instance_private (self);
  g_autoptr (GError) error = NULL;
  const GmpForkServerCode code = { self, load_cb, fork_cb };
  GmpWorkerSkeleton *control;
  gboolean is_ahead = FALSE;
  GmpJob *job;
  int fd;

  g_return_val_if_fail (GMP_IS_HOST (self), EXIT_FAILURE);

  fd = take_control_fd ();
  if (fd == -1)
    {
      g_printerr ("gmproc: %s is set, but names no socket; is this program started from a worker "
                  "that was wrapped?\n", GMP_WORKER_ENV);
      return EXIT_FAILURE;
    }
  set_signals ();
  watch_parent ();
  if (gmp_fork_server_is_wanted ())
    {
      is_ahead = gmp_fork_server_run (fd, &code);
      watch_parent ();
    }
  gmp_group_lead ();
  /* One write for each line, so that lines of several workers do not mix and appear when they are
   * printed. */
  setvbuf (stdout, NULL, _IOLBF, 0);
  control = gmp_worker_skeleton_new (fd, &error);
  if (control == NULL)
    {
      if (error->domain == G_THREAD_ERROR)
        return GMP_EXIT_NO_THREAD;
      g_printerr ("gmproc: cannot run a worker: %s\n", error->message);
      return GMP_EXIT_NO_WORKER;
    }
  gmp_worker_set_process (gmp_worker_skeleton_get_cancellable (control), report_cb, control);
  priv->control = control;
  g_log_set_default_handler (log_cb, control);
  if (is_ahead)
    rehearse (self);
  while (!gmp_worker_skeleton_has_last (control) &&
         (job = gmp_worker_skeleton_take_job (control)) != NULL)
    {
      gmp_host_run_job (self, control, job);
      if (!gmp_worker_skeleton_has_last (control))
        release (self);
    }

  /* The skeleton is not freed, because threads of user code may be using it. */
  priv->control = NULL;
  g_log_set_default_handler (g_log_default_handler, NULL);
  return EXIT_SUCCESS;
}
