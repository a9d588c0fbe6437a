/* gmp-subprocess.c: a GSubprocess as a process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-subprocess-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-pidfd-private.h"
#include "base/gmp-runtime-private.h"
#include "launch/gmp-reaper-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <unistd.h>

/* For processes whose exit status and memory are not needed: GLib's thread waits for a GSubprocess
 * at once, and drops its rusage. */
struct _GmpSubprocess
{
  GmpProcess parent_instance;

  GSubprocess *subprocess; /* sends its signals in GLib's thread, some time later */
  int pid;
  int pidfd;               /* sends them at once */
};

G_DEFINE_FINAL_TYPE (GmpSubprocess, gmp_subprocess, GMP_TYPE_PROCESS)

/* The generation of gmp_fork_get_generation() in which GLib's thread was started; -1: it was not
 * started from here. */
static int thread_generation = -1;

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

  /* The call may be forbidden. */
  if (gmp_pidfd_send_signal (self->pidfd, signum, NULL, 0) == -1 && errno != ESRCH)
    g_subprocess_send_signal (self->subprocess, signum);
}

static void
gmp_subprocess_finalize (GObject *object)
{
  GmpSubprocess *self = GMP_SUBPROCESS (object);

  g_clear_object (&self->subprocess);
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

static gboolean
has_pidfds (void)
{
  int fd = gmp_pidfd_open (getpid (), 0);

  if (fd == -1)
    return FALSE;
  close (fd);
  return TRUE;
}

static gboolean
is_sigchld_ignored (void)
{
  struct sigaction action;

  return sigaction (SIGCHLD, NULL, &action) == 0 &&
         (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0);
}

/* GLib aborts the process where it cannot start its thread, so this tries one before it. */
static gboolean
has_thread (void)
{
  return thread_generation != -1 || gmp_reaper_try_thread ();
}

/* For programs that are started in another way, but need GLib's thread too. %FALSE if it is the
 * parent's: nothing that waits for it would ever end. */
gboolean
gmp_subprocess_claim_thread (void)
{
  int generation = (int) gmp_fork_get_generation ();

  g_atomic_int_compare_and_exchange (&thread_generation, -1, generation);
  return g_atomic_int_get (&thread_generation) == generation;
}

/* TRUE if GSubprocess works for @launch. It does not
 *
 * - in a child that the program has forked since it had a GSubprocess: GLib's thread is not there,
 *   and would never report an end;
 * - without pidfds: GLib then replaces the program's handler of SIGCHLD;
 * - where SIGCHLD is ignored, or others wait for the library's children: GLib logs a warning for
 *   each process, since 2.78;
 * - for a program file that has been replaced: argv[0] would not be the program's name. */
gboolean
gmp_subprocess_can_launch (const GmpLaunch *launch)
{
  return (thread_generation == -1 || thread_generation == (int) gmp_fork_get_generation ()) &&
         !is_sigchld_ignored () && !gmp_reaper_has_rival () &&
         !gmp_runtime_is_lost_program (launch->argv[0]) &&
         has_pidfds () && has_thread ();
}

/* Called in the reaper's thread. */

static void
waited_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GmpProcess) self = user_data;

  gmp_reaper_enter ();
  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  gmp_process_set_ended (self, GMP_PROCESS_STATUS_UNKNOWN, (GmpProcessUsage) { 0 });
  gmp_reaper_leave ();
}

static gboolean
wait_cb (gpointer user_data)
{
  GmpSubprocess *self = user_data;

  gmp_reaper_enter ();
  g_subprocess_wait_async (self->subprocess, NULL, waited_cb, g_object_ref (self));
  gmp_reaper_leave ();
  return G_SOURCE_REMOVE;
}

static void
watch (GmpSubprocess *self)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, wait_cb, g_object_ref (self), g_object_unref);
  gmp_reaper_attach (source);
}

static GSubprocess *
spawn (const GmpLaunch *launch,
       GError         **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_auto (GStrv) environment = gmp_launch_make_environment (launch);
  GSubprocess *result;
  GmpLaunchSetup setup;
  sigset_t old;

  g_subprocess_launcher_take_fd (launcher, launch->control_fd, GMP_WORKER_FD);
  g_subprocess_launcher_take_stdout_fd (launcher, launch->stdout_fd);
  g_subprocess_launcher_take_stderr_fd (launcher, launch->stderr_fd);
  g_subprocess_launcher_set_environ (launcher, environment);
  if (gmp_launch_get_folder (launch) != NULL)
    g_subprocess_launcher_set_cwd (launcher, launch->working_directory);
  g_subprocess_launcher_set_child_setup (launcher, gmp_launch_setup_cb, &setup, NULL);
  gmp_launch_setup_begin (&setup, &old);
  if (setup.leaves_descriptors)
    g_subprocess_launcher_set_flags (launcher, G_SUBPROCESS_FLAGS_INHERIT_FDS);
  result = g_subprocess_launcher_spawnv (launcher, (const char * const *) launch->argv, error);
  gmp_launch_setup_end (&old);
  return result;
}

/* As the method of a launcher: see gmp-launcher-private.h. Call it only if
 * gmp_subprocess_can_launch() returns TRUE. */
GmpProcess *
gmp_subprocess_launch (const GmpLaunch *launch,
                       GError         **error)
{
  g_autoptr (GmpSubprocess) self = g_object_new (GMP_TYPE_SUBPROCESS, NULL);
  g_autoptr (GError) local = NULL;
  const char *identifier;

  if (!gmp_environment_can_pass (launch->argv[0], &local) || !gmp_reaper_begin (&local))
    {
      gmp_launch_close (launch);
      gmp_launch_set_error (error, local);
      return NULL;
    }
  self->subprocess = spawn (launch, &local);
  if (self->subprocess == NULL)
    {
      gmp_launch_set_error (error, local);
      return NULL;
    }
  thread_generation = (int) gmp_fork_get_generation ();
  identifier = g_subprocess_get_identifier (self->subprocess);
  errno = ESRCH;
  if (identifier != NULL)
    {
      self->pid = atoi (identifier);
      self->pidfd = gmp_pidfd_open (self->pid, 0);
    }
  if (self->pidfd != -1)
    {
      watch (self);
      return GMP_PROCESS (g_steal_pointer (&self));
    }
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot watch '%s' by a pidfd: %s%s",
               launch->argv[0], g_strerror (errno), gmp_limit_describe (errno));
  g_subprocess_force_exit (self->subprocess);
  return NULL;
}
