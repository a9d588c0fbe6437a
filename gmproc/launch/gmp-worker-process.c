/* gmp-worker-process.c: a worker's process: its start, its output, its end
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-worker-process-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-socketpair-private.h"
#include "base/gmp-source-private.h"
#include "launch/gmp-room-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* The number of lines of standard error that a failure quotes. */
#define TAIL_LINES 10

/* The milliseconds that a killed process may take to end. */
#define END_LIMIT 1000

/* The seconds that a killed process has in a run, before the run continues without its end. */
#define KILL_GRACE 5.0

/* It is watched during each run, in the main context of that run, and not between runs: its output
 * then waits in the pipe, and its end is noticed when the next run begins. */
struct _GmpWorkerProcess
{
  GmpProcess *process;
  GmpOptions *options;
  GmpLineReader *out; /* (nullable): not captured */
  GmpLineReader *err;
  GQueue tail;        /* of char *: the last lines of standard error in this run */
  double cpu_before;  /* the processor time in seconds that it had used before this run */

  GmpWorkerLine line;
  GmpWorkerEnded ended;
  gpointer user_data;
  gboolean is_watched;
  gboolean is_left;    /* it has ended or is kept, and only its last lines are reported */
  GSource *end_source; /* (nullable): the next signal */
  int end_signal;
  gboolean was_forced;
  gboolean was_signalled;
  gboolean has_ended;
  int wait_status;
};

static void
out_line_cb (const char *line,
             gpointer    user_data)
{
  GmpWorkerProcess *self = user_data;

  self->line (GMP_OUTPUT_STDOUT, line, self->user_data);
  gmp_process_take_line (self->process);
}

static void
err_line_cb (const char *line,
             gpointer    user_data)
{
  GmpWorkerProcess *self = user_data;

  g_queue_push_tail (&self->tail, g_strdup (line));
  if (self->tail.length > TAIL_LINES)
    g_free (g_queue_pop_head (&self->tail));
  if (self->options->capture_output)
    self->line (GMP_OUTPUT_STDERR, line, self->user_data);
  gmp_process_take_line (self->process);
}

static gboolean
open_pipe (int      fds[2],
           GError **error)
{
  if (pipe2 (fds, O_CLOEXEC) == 0)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "it cannot be started without a pipe: %s%s",
               g_strerror (errno), gmp_limit_describe (errno));
  return FALSE;
}

/* TRUE if @fd is a standard stream of this process. If that was closed, its number may belong to
 * any other file. Programs do not inherit such a file, and nothing should be printed to it. */
static gboolean
is_stream (int fd)
{
  int flags = fcntl (fd, F_GETFD);

  return flags != -1 && (flags & FD_CLOEXEC) == 0;
}

static gboolean
open_nothing (int     *fd,
              GError **error)
{
  *fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  if (*fd != -1)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "it cannot be started without output: "
               "/dev/null: %s%s", g_strerror (errno), gmp_limit_describe (errno));
  return FALSE;
}

/* Standard error always passes through here, because a failure quotes its end; uncaptured, it is
 * copied to the application's own. */
static gboolean
open_output (GmpWorkerProcess *self,
             GmpLaunch        *launch,
             GError          **error)
{
  gboolean is_captured = self->options->capture_output;
  gboolean is_copied = !is_captured && is_stream (STDERR_FILENO);
  int fds[2];

  if (!is_captured && !is_stream (STDOUT_FILENO) && !open_nothing (&launch->stdout_fd, error))
    return FALSE;
  if (!open_pipe (fds, error))
    return FALSE;
  launch->stderr_fd = fds[1];
  self->err = gmp_line_reader_new (fds[0], is_copied ? STDERR_FILENO : -1, err_line_cb, self);
  if (!is_captured)
    return TRUE;
  if (!open_pipe (fds, error))
    return FALSE;
  launch->stdout_fd = fds[1];
  self->out = gmp_line_reader_new (fds[0], -1, out_line_cb, self);
  return TRUE;
}

static gboolean
check_limit (int      last_fd,
             GError **error)
{
  struct rlimit limit;

  if (gmp_room_allows (last_fd) || getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               "it cannot be started within the limit of %" G_GUINT64_FORMAT " open files: raise "
               "it with 'ulimit -n', or run fewer workers at a time",
               (guint64) limit.rlim_cur);
  return FALSE;
}

static void
close_if_open (int fd)
{
  if (fd != -1)
    close (fd);
}

/* @control_fd becomes the application's end of the control socket. */
GmpWorkerProcess *
gmp_worker_process_new (GmpLauncher          *launcher,
                        const GmpProcessSpec *spec,
                        int                  *control_fd,
                        GError              **error)
{
  GmpWorkerProcess *self = g_new0 (GmpWorkerProcess, 1);
  GmpLaunch launch = {
    .argv = spec->argv,
    .environment = spec->environment,
    .working_directory = spec->working_directory,
    .inner_threads = spec->inner_threads,
    .is_ahead = spec->is_ahead,
    .control_fd = -1,
    .stdout_fd = -1,
    .stderr_fd = -1,
  };
  int fds[2] = { -1, -1 };

  self->options = gmp_options_ref (spec->options);
  g_queue_init (&self->tail);
  if (!open_output (self, &launch, error) || !check_limit (launch.stderr_fd, error) ||
      !gmp_socketpair_open (fds, error))
    {
      close_if_open (launch.stdout_fd);
      close_if_open (launch.stderr_fd);
      gmp_worker_process_free (self);
      return NULL;
    }
  launch.control_fd = fds[1];
  self->process = gmp_launcher_launch (launcher, &launch, error);
  if (self->process == NULL)
    {
      close (fds[0]);
      gmp_worker_process_free (self);
      return NULL;
    }
  *control_fd = fds[0];
  return self;
}

/* For a process on another machine, whose lines arrive through @out and @err. Takes ownership of
 * all arguments but @options. */
GmpWorkerProcess *
gmp_worker_process_new_remote (GmpProcess    *process,
                               GmpOptions    *options,
                               GmpLineReader *out,
                               GmpLineReader *err)
{
  GmpWorkerProcess *self = g_new0 (GmpWorkerProcess, 1);

  self->options = gmp_options_ref (options);
  g_queue_init (&self->tail);
  self->process = process;
  self->out = out;
  self->err = err;
  gmp_line_reader_set_func (out, out_line_cb, self);
  gmp_line_reader_set_func (err, err_line_cb, self);
  return self;
}

/* Not while it is watched. */
void
gmp_worker_process_free (GmpWorkerProcess *self)
{
  g_assert (!self->is_watched);

  g_clear_object (&self->process);
  gmp_options_unref (self->options);
  g_clear_pointer (&self->out, gmp_line_reader_free);
  g_clear_pointer (&self->err, gmp_line_reader_free);
  g_queue_clear_full (&self->tail, g_free);
  g_free (self);
}

static void
rest (GmpLineReader *reader)
{
  if (reader == NULL)
    return;
  gmp_line_reader_drain (reader);
  gmp_line_reader_detach (reader);
}

static void
waited_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  GmpWorkerProcess *self = user_data;
  int wait_status;

  self->has_ended = gmp_process_wait_finish (GMP_PROCESS (source), result, &wait_status, NULL);
  if (self->has_ended)
    {
      gmp_debug ("pid %d has ended", gmp_process_get_pid (self->process));
      self->wait_status = wait_status;
    }
  gmp_source_clear (&self->end_source);
  self->is_left = TRUE;
  rest (self->out);
  rest (self->err);
  self->is_left = FALSE;
  self->is_watched = FALSE;
  self->ended (self->user_data);
}

/* Of all its threads, in seconds; 0 if it has ended, has hardly begun, or is on another machine. */
static double
get_cpu_time (GmpWorkerProcess *self)
{
  int pid = gmp_process_get_node (self->process) == NULL ? gmp_process_get_pid (self->process) : 0;
  clockid_t clock;
  struct timespec time;

  if (pid == 0 || clock_getcpuclockid (pid, &clock) != 0 ||
      clock_gettime (clock, &time) != 0)
    return 0;
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void
attach_output (GmpWorkerProcess *self)
{
  if (self->out != NULL)
    gmp_line_reader_attach (self->out, self->options->priority);
  gmp_line_reader_attach (self->err, self->options->priority);
}

/* Its lines are not read until gmp_worker_process_resume_output(), unless it ends. So it waits when
 * its pipes are full. */
void
gmp_worker_process_pause_output (GmpWorkerProcess *self)
{
  if (self->out != NULL)
    gmp_line_reader_detach (self->out);
  gmp_line_reader_detach (self->err);
}

void
gmp_worker_process_resume_output (GmpWorkerProcess *self)
{
  if (self->is_watched)
    attach_output (self);
}

/* Everything runs in the thread-default main context. */
void
gmp_worker_process_watch (GmpWorkerProcess *self,
                          GmpWorkerLine     line,
                          GmpWorkerEnded    ended,
                          gpointer          user_data)
{
  g_assert (!self->is_watched);

  self->line = line;
  self->ended = ended;
  self->user_data = user_data;
  self->cpu_before = get_cpu_time (self);
  g_queue_clear_full (&self->tail, g_free);
  attach_output (self);
  self->is_watched = TRUE;
  gmp_process_wait_async (self->process, self->options->priority, waited_cb, self);
}

void
gmp_worker_process_unwatch (GmpWorkerProcess *self)
{
  gmp_process_unwait (self->process);
}

static gboolean end_cb (gpointer user_data);

static void
schedule_end (GmpWorkerProcess *self,
              int               signum,
              double            grace)
{
  gmp_source_clear (&self->end_source);
  self->end_signal = signum;
  self->end_source = gmp_source_attach_limit (grace, self->options->priority, end_cb, self);
}

/* The kernel cannot end it, because it waits for a device, or may not, because it belongs to
 * another user. Waiting for it might never end. */
static gboolean
give_up_cb (gpointer user_data)
{
  GmpWorkerProcess *self = user_data;

  gmp_source_clear (&self->end_source);
  g_message ("Process %d does not exit, and cannot be killed", gmp_process_get_pid (self->process));
  gmp_worker_process_unwatch (self);
  return G_SOURCE_REMOVE;
}

static gboolean
end_cb (gpointer user_data)
{
  GmpWorkerProcess *self = user_data;

  gmp_source_clear (&self->end_source);
  gmp_debug ("signal %d to pid %d", self->end_signal, gmp_process_get_pid (self->process));
  self->was_forced = TRUE;
  self->was_signalled = TRUE;
  gmp_process_send_signal (self->process, self->end_signal);
  if (self->end_signal == SIGTERM)
    schedule_end (self, SIGKILL, self->options->kill_grace);
  else
    self->end_source = gmp_source_attach_limit (KILL_GRACE, self->options->priority, give_up_cb,
                                                self);
  return G_SOURCE_REMOVE;
}

/* Ends a process that does not end by itself within @grace seconds: SIGTERM, then SIGKILL. To be
 * called while it is watched; the last call replaces earlier ones, unless the end has begun. */
void
gmp_worker_process_end (GmpWorkerProcess *self,
                        double            grace)
{
  if (!self->was_forced && self->is_watched && !self->is_left)
    schedule_end (self, SIGTERM, grace);
}

void
gmp_worker_process_kill (GmpWorkerProcess *self)
{
  self->was_signalled = TRUE;
  gmp_process_send_signal (self->process, SIGKILL);
}

void
gmp_worker_process_send_signal (GmpWorkerProcess *self,
                                int               signum)
{
  gmp_process_send_signal (self->process, signum);
}

/* The options of its run, if it was started ahead. */
void
gmp_worker_process_set_options (GmpWorkerProcess *self,
                                GmpOptions       *options)
{
  gmp_options_ref (options);
  gmp_options_unref (self->options);
  self->options = options;
}

static void
ignore_line (GmpOutputStream stream G_GNUC_UNUSED,
             const char     *line G_GNUC_UNUSED,
             gpointer        user_data G_GNUC_UNUSED)
{
}

/* Waits for the end of a process that is not watched and should end. Its remaining output appears
 * if output is not captured, and is dropped otherwise. */
void
gmp_worker_process_end_sync (GmpWorkerProcess *self)
{
  gmp_process_end_sync (self->process, END_LIMIT);
  self->line = ignore_line;
  gmp_line_reader_drain (self->err);
}

/* Kills an idle process that is not watched, and frees @self. */
void
gmp_worker_process_abandon (GmpWorkerProcess *self)
{
  gmp_process_expect_end (self->process);
  gmp_worker_process_kill (self);
  self->line = ignore_line;
  gmp_line_reader_drain (self->err);
  gmp_worker_process_free (self);
}

/* 0 if it is not known yet. */
int
gmp_worker_process_get_pid (GmpWorkerProcess *self)
{
  return gmp_process_get_pid (self->process);
}

gboolean
gmp_worker_process_is_watched (GmpWorkerProcess *self)
{
  return self->is_watched;
}

gboolean
gmp_worker_process_has_ended (GmpWorkerProcess *self)
{
  return self->has_ended;
}

/* TRUE if gmp_worker_process_end() had to send a signal. */
gboolean
gmp_worker_process_was_forced (GmpWorkerProcess *self)
{
  return self->was_forced;
}

/* TRUE if this process has sent it any signal. */
gboolean
gmp_worker_process_was_signalled (GmpWorkerProcess *self)
{
  return self->was_signalled;
}

/* As from waitpid(); 0 before the process has ended. */
int
gmp_worker_process_get_wait_status (GmpWorkerProcess *self)
{
  return self->wait_status;
}

/* Its processor time counts from the start of the run, when it was first watched. */
GmpProcessUsage
gmp_worker_process_get_usage (GmpWorkerProcess *self)
{
  GmpProcessUsage usage = gmp_process_get_usage (self->process);

  usage.cpu_time = MAX (usage.cpu_time - self->cpu_before, 0);
  return usage;
}

const GQueue *
gmp_worker_process_get_tail (GmpWorkerProcess *self)
{
  return &self->tail;
}

/* (nullable): NULL on this machine. */
const char *
gmp_worker_process_get_node (GmpWorkerProcess *self)
{
  return gmp_process_get_node (self->process);
}

/* (nullable): why its status is unknown. */
const GError *
gmp_worker_process_get_loss (GmpWorkerProcess *self)
{
  return self->has_ended ? gmp_process_get_loss (self->process) : NULL;
}
