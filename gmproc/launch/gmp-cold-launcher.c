/* gmp-cold-launcher.c: workers on this machine that are started cold
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-cold-launcher-private.h"

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

struct _GmpColdLauncher
{
  GmpLauncher parent_instance;
};

G_DEFINE_FINAL_TYPE (GmpColdLauncher, gmp_cold_launcher, GMP_TYPE_LAUNCHER)

/* The process handle for it. */

#define GMP_TYPE_COLD_PROCESS (gmp_cold_process_get_type ())
G_DECLARE_FINAL_TYPE (GmpColdProcess, gmp_cold_process, GMP, COLD_PROCESS, GmpProcess)

/* The reaper holds it until it has ended, so every child is waited for. */
struct _GmpColdProcess
{
  GmpProcess parent_instance;

  int pid;
  int pidfd;
};

G_DEFINE_FINAL_TYPE (GmpColdProcess, gmp_cold_process, GMP_TYPE_PROCESS)

static int
gmp_cold_process_get_pid (GmpProcess *process)
{
  return GMP_COLD_PROCESS (process)->pid;
}

static void
gmp_cold_process_send_signal (GmpProcess *process,
                              int         signum)
{
  GmpColdProcess *self = GMP_COLD_PROCESS (process);

  /* A pidfd never refers to another process, even after this one has ended. */
  if (gmp_pidfd_send_signal (self->pidfd, signum, NULL, 0) == 0 || errno == ESRCH)
    return;
  /* It is not a pidfd, see gmp_reaper_open(), or the call is forbidden. */
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
                                             gmp_limit_get_cpu_time (usage), FALSE });
}

static void
gmp_cold_process_finalize (GObject *object)
{
  GmpColdProcess *self = GMP_COLD_PROCESS (object);

  if (self->pidfd != -1)
    close (self->pidfd);
  G_OBJECT_CLASS (gmp_cold_process_parent_class)->finalize (object);
}

static void
gmp_cold_process_class_init (GmpColdProcessClass *klass)
{
  GmpProcessClass *process_class = GMP_PROCESS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_cold_process_finalize;
  process_class->get_pid = gmp_cold_process_get_pid;
  process_class->send_signal = gmp_cold_process_send_signal;
}

static void
gmp_cold_process_init (GmpColdProcess *self)
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

/* With @is_wrapped a debugger needs the terminal, and Ctrl-C. Other workers must not compete for
 * it, and do not read standard input. */
static gboolean
spawn (const GmpLaunch *launch,
       char           **argv,
       gboolean         is_wrapped,
       int             *pid,
       GError         **error)
{
  g_auto (GStrv) environment = gmp_launch_make_environment (launch);
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_auto (GStrv) command = NULL;
  GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH;
  int target_fd = GMP_WORKER_FD;
  gboolean result;
  GmpLaunchSetup setup;
  sigset_t old;

  if (is_wrapped)
    flags |= G_SPAWN_CHILD_INHERITS_STDIN;
  if (gmp_runtime_is_lost_program (argv[0]))
    {
      g_strv_builder_add (words, GMP_OWN_PROGRAM);
      flags |= G_SPAWN_FILE_AND_ARGV_ZERO;
    }
  g_strv_builder_addv (words, (const char **) argv);
  command = g_strv_builder_end (words);
  gmp_launch_setup_begin (&setup, &old);
  if (is_wrapped)
    sigemptyset (&setup.mask);
  if (setup.leaves_descriptors)
    flags |= G_SPAWN_LEAVE_DESCRIPTORS_OPEN;
  result = g_spawn_async_with_pipes_and_fds (gmp_launch_get_folder (launch),
                                             (const char * const *) command,
                                             (const char * const *) environment, flags,
                                             gmp_launch_setup_cb, &setup,
                                             -1, launch->stdout_fd, launch->stderr_fd,
                                             &launch->control_fd, &target_fd, 1, pid, NULL, NULL,
                                             NULL, error);
  gmp_launch_setup_end (&old);
  return result;
}

/* Registers the child @pid with the reaper. */
static GmpProcess *
adopt (int      pid,
       GError **error)
{
  int pidfd = gmp_reaper_open (pid);
  GmpColdProcess *process;

  if (pidfd == -1)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot watch a process by a pidfd: %s%s",
                   g_strerror (errno), errno == ESRCH ? " (the program must not ignore SIGCHLD)"
                   : gmp_limit_describe (errno));
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      return NULL;
    }
  process = g_object_new (GMP_TYPE_COLD_PROCESS, NULL);
  process->pid = pid;
  process->pidfd = pidfd;
  gmp_reaper_watch (pid, pidfd, reaped_cb, g_object_ref (process));
  return GMP_PROCESS (process);
}

static GmpProcess *
gmp_cold_launcher_real_launch (GmpLauncher     *self G_GNUC_UNUSED,
                               const GmpLaunch *launch,
                               GError         **error)
{
  const char *wrapper = gmp_environment_get ("GMPROC_WRAP");
  g_autoptr (GError) local = NULL;
  g_auto (GStrv) argv = wrap (launch->argv, wrapper, &local);
  gboolean was_started = FALSE;
  int pid;

  if (argv != NULL && !gmp_environment_can_pass (launch->argv[0], &local))
    g_clear_pointer (&argv, g_strfreev);
  if (argv != NULL && gmp_reaper_begin (&local))
    was_started = spawn (launch, argv, wrapper != NULL, &pid, &local);
  gmp_launch_close (launch);
  if (was_started)
    return adopt (pid, error);
  gmp_launch_set_error (error, local);
  return NULL;
}

static void
gmp_cold_launcher_class_init (GmpColdLauncherClass *klass)
{
  GMP_LAUNCHER_CLASS (klass)->launch = gmp_cold_launcher_real_launch;
}

static void
gmp_cold_launcher_init (GmpColdLauncher *self G_GNUC_UNUSED)
{
}

GmpLauncher *
gmp_cold_launcher_new (void)
{
  return g_object_new (GMP_TYPE_COLD_LAUNCHER, NULL);
}
