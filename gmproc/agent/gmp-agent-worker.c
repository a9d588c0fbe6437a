/* gmp-agent-worker.c: a worker of another machine's application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/gmp-agent-worker-private.h"

#include "agent/gmp-agent-skeletons.h"
#include "base/gmp-source-private.h"
#include "launch/gmp-oom-witness-private.h"
#include "peer/gmp-socket-stream-private.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The milliseconds that the end of a killed worker waits for the agent's own. */
#define DOUBT 200

/* Messages go from the worker's socket to its object on the application's connection, and back,
 * with their serial numbers. Each direction is read while the other end takes the previous
 * messages, so a worker that reports faster than the application reads waits here as it would on
 * the same machine.
 *
 * The end of the process is reported after everything that it sent. */
struct _GmpAgentWorker
{
  GmpBus *bus;
  GmpAgentChannels *channels;
  guint number;
  char *path;
  GmpAgentDbusProcess1 *skeleton;
  GmpAgentWorkerStarted started; /* (nullable): NULL after it was called */
  GmpAgentWorkerEnded ended;
  gpointer user_data;

  GmpWorkerProcess *process;     /* (nullable): not started */
  gboolean is_warm;
  gboolean has_ended;
  int early_signal;              /* 0: none came before the process */
  GmpOptions *options;
  GmpOomWitness memory;
  GVariantBuilder *lines;        /* (nullable): those that are sent next, of "(us)" */
  GSource *lines_source;
  guint n_lines;                 /* that were read, and that the application has not reported */
  gboolean is_paused;            /* no more are read */

  GmpMessageStream *worker;      /* (nullable): it has closed its socket */
  GmpMessageStream *application; /* (nullable): NULL when nothing is left to report */
  GSource *worker_source;
  GSource *application_source;
  GSource *flush_worker;
  GSource *flush_application;
  GSource *doubt;                /* (nullable): the end is reported when it is over */
};

guint
gmp_agent_worker_get_number (GmpAgentWorker *self)
{
  return self->number;
}

int
gmp_agent_worker_get_pid (GmpAgentWorker *self)
{
  return gmp_worker_process_get_pid (self->process);
}

gboolean
gmp_agent_worker_is_warm (GmpAgentWorker *self)
{
  return self->is_warm;
}

void
gmp_agent_worker_send_signal (GmpAgentWorker *self,
                              int             signum)
{
  if (self->process != NULL)
    gmp_worker_process_send_signal (self->process, signum);
  else
    self->early_signal = signum;
}

static void
report_started (GmpAgentWorker *self,
                gboolean        is_connected,
                const GError   *error)
{
  GmpAgentWorkerStarted started = self->started;

  self->started = NULL;
  if (started != NULL)
    started (self, is_connected, error, self->user_data);
}

/* The application may still send messages to the worker, which are not read any more. */
static void
close_worker (GmpAgentWorker *self)
{
  gmp_source_clear (&self->worker_source);
  gmp_source_clear (&self->application_source);
  gmp_source_clear (&self->flush_worker);
  g_clear_pointer (&self->worker, gmp_message_stream_free);
}

static void
close_application (GmpAgentWorker *self)
{
  gmp_source_clear (&self->application_source);
  gmp_source_clear (&self->flush_application);
  g_clear_pointer (&self->application, gmp_message_stream_free);
}

static void
send_lines (GmpAgentWorker *self)
{
  if (self->lines == NULL)
    return;
  gmp_source_clear (&self->lines_source);
  gmp_agent_dbus_process1_emit_lines (self->skeleton, g_variant_builder_end (self->lines));
  g_clear_pointer (&self->lines, g_variant_builder_unref);
}

static gboolean
lines_cb (gpointer self)
{
  send_lines (self);
  return G_SOURCE_REMOVE;
}

/* By something other than this agent. */
static gboolean
was_killed (GmpAgentWorker *self)
{
  int status = gmp_worker_process_get_wait_status (self->process);

  return status != GMP_PROCESS_STATUS_UNKNOWN && WIFSIGNALED (status) &&
         WTERMSIG (status) == SIGKILL && !gmp_worker_process_was_signalled (self->process);
}

/* What ends a whole job sends a signal to the workers, their fork server and the agent, in any
 * order. The agent's own end then explains theirs. */
static gboolean
is_doubtful (GmpAgentWorker *self)
{
  int status = gmp_worker_process_get_wait_status (self->process);

  if (gmp_worker_process_was_signalled (self->process))
    return FALSE;
  return status == GMP_PROCESS_STATUS_UNKNOWN || WIFSIGNALED (status);
}

static void
report_end (GmpAgentWorker *self)
{
  GmpProcessUsage usage = gmp_worker_process_get_usage (self->process);
  const GQueue *tail = gmp_worker_process_get_tail (self->process);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) lines = NULL;

  send_lines (self);
  /* Captured lines have been reported. */
  for (const GList *link = self->options->capture_output ? NULL : tail->head; link != NULL;
       link = link->next)
    g_strv_builder_add (builder, link->data);
  lines = g_strv_builder_end (builder);
  if (was_killed (self) && gmp_oom_witness_explains (&self->memory))
    gmp_agent_dbus_process1_emit_out_of_memory (self->skeleton);
  gmp_agent_dbus_process1_emit_ended (self->skeleton,
                                      gmp_worker_process_get_wait_status (self->process),
                                      usage.peak_memory, usage.cpu_time,
                                      (const char * const *) lines);
  self->ended (self, self->user_data);
}

static gboolean
doubt_cb (gpointer user_data)
{
  GmpAgentWorker *self = user_data;

  gmp_source_clear (&self->doubt);
  report_end (self);
  return G_SOURCE_REMOVE;
}

static void
report_end_in_time (GmpAgentWorker *self)
{
  if (!is_doubtful (self))
    {
      report_end (self);
      return;
    }
  self->doubt = g_timeout_source_new (DOUBT);
  g_source_set_callback (self->doubt, doubt_cb, self, NULL);
  g_source_attach (self->doubt, NULL);
}

static void read_both (GmpAgentWorker *self);

/* Call it last. */
static void
maybe_end (GmpAgentWorker *self)
{
  if (self->worker == NULL && self->application != NULL &&
      gmp_message_stream_flush (self->application))
    close_application (self);
  if (self->has_ended && self->worker == NULL && self->application == NULL &&
      self->doubt == NULL)
    report_end_in_time (self);
}

static gboolean
flush_application_cb (GSocket     *socket G_GNUC_UNUSED,
                      GIOCondition condition G_GNUC_UNUSED,
                      gpointer     user_data)
{
  GmpAgentWorker *self = user_data;

  if (!gmp_message_stream_flush (self->application) &&
      gmp_message_stream_is_open (self->application))
    return G_SOURCE_CONTINUE;
  gmp_source_clear (&self->flush_application);
  read_both (self);
  maybe_end (self);
  return G_SOURCE_REMOVE;
}

static gboolean
flush_worker_cb (GSocket     *socket G_GNUC_UNUSED,
                 GIOCondition condition G_GNUC_UNUSED,
                 gpointer     user_data)
{
  GmpAgentWorker *self = user_data;

  if (!gmp_message_stream_flush (self->worker))
    return G_SOURCE_CONTINUE;
  gmp_source_clear (&self->flush_worker);
  read_both (self);
  return G_SOURCE_REMOVE;
}

/* A worker speaks as org.gmproc.Worker1 only, whatever it says. The application checks what it says
 * then, and which of its calls a reply answers. */
static void
set_interface (GDBusMessage *message)
{
  GDBusMessageType type = g_dbus_message_get_message_type (message);

  if (type == G_DBUS_MESSAGE_TYPE_SIGNAL || type == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    g_dbus_message_set_interface (message, GMP_WORKER_INFO->name);
}

/* FALSE while the application has not taken the previous messages. */
static gboolean
send_to_application (GmpAgentWorker *self,
                     GDBusMessage   *message)
{
  if (self->application == NULL || gmp_message_stream_post (self->application, message))
    return TRUE;
  gmp_source_clear (&self->worker_source);
  if (self->flush_application == NULL)
    self->flush_application = gmp_message_stream_create_source (
      self->application, G_PRIORITY_DEFAULT, G_IO_OUT, NULL, flush_application_cb, self);
  return FALSE;
}

static gboolean
worker_cb (GSocket     *socket G_GNUC_UNUSED,
           GIOCondition condition G_GNUC_UNUSED,
           gpointer     user_data)
{
  GmpAgentWorker *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusMessage) message = gmp_message_stream_receive (self->worker, &error);

  if (message != NULL)
    {
      set_interface (message);
      return send_to_application (self, message);
    }
  if (error == NULL)
    return G_SOURCE_CONTINUE;
  close_worker (self);
  maybe_end (self);
  return G_SOURCE_REMOVE;
}

/* FALSE while the worker has not taken the previous messages. */
static gboolean
send_to_worker (GmpAgentWorker *self,
                GDBusMessage   *call)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusMessage) message =
      gmp_agent_channels_translate (self->channels, call, self->number, &error);
  g_autoptr (GDBusMessage) reply = NULL;

  if (message != NULL)
    return gmp_message_stream_post (self->worker, message);
  reply = gmp_message_stream_new_error (call, error);
  send_to_application (self, reply);
  return TRUE;
}

static gboolean
application_cb (GSocket     *socket G_GNUC_UNUSED,
                GIOCondition condition G_GNUC_UNUSED,
                gpointer     user_data)
{
  GmpAgentWorker *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusMessage) message = gmp_message_stream_receive (self->application, &error);

  if (message == NULL && error == NULL)
    return G_SOURCE_CONTINUE;
  /* The agent ends all workers then, which would each complain otherwise. */
  if (message == NULL && g_dbus_connection_is_closed (gmp_bus_get_connection (self->bus)))
    {
      gmp_source_clear (&self->application_source);
      return G_SOURCE_REMOVE;
    }
  if (message == NULL)
    {
      /* A worker that its application has disconnected from exits by itself. */
      close_application (self);
      close_worker (self);
      maybe_end (self);
      return G_SOURCE_REMOVE;
    }
  if (send_to_worker (self, message))
    return G_SOURCE_CONTINUE;
  gmp_source_clear (&self->application_source);
  self->flush_worker = gmp_message_stream_create_source (self->worker, G_PRIORITY_DEFAULT,
                                                         G_IO_OUT, NULL, flush_worker_cb, self);
  return G_SOURCE_REMOVE;
}

static void
read_both (GmpAgentWorker *self)
{
  if (self->worker != NULL && self->worker_source == NULL && self->flush_application == NULL)
    self->worker_source = gmp_message_stream_create_source (self->worker, G_PRIORITY_DEFAULT,
                                                            G_IO_IN, NULL, worker_cb, self);
  if (self->application != NULL && self->worker != NULL && self->application_source == NULL &&
      self->flush_worker == NULL)
    self->application_source = gmp_message_stream_create_source (
      self->application, G_PRIORITY_DEFAULT, G_IO_IN, NULL, application_cb, self);
}

static gboolean
greeted_cb (GSocket     *socket G_GNUC_UNUSED,
            GIOCondition condition G_GNUC_UNUSED,
            gpointer     user_data)
{
  GmpAgentWorker *self = user_data;

  gmp_source_clear (&self->worker_source);
  if (gmp_socket_stream_take_greeting (GMP_SOCKET_STREAM (self->worker), NULL))
    {
      gmp_oom_witness_follow (&self->memory, gmp_agent_worker_get_pid (self));
      report_started (self, TRUE, NULL);
      read_both (self);
      return G_SOURCE_REMOVE;
    }
  close_worker (self);
  close_application (self);
  report_started (self, FALSE, NULL);
  maybe_end (self);
  return G_SOURCE_REMOVE;
}

/* A line is reported with those that were read at the same time: a message takes much longer than a
 * line. */
static void
line_cb (GmpOutputStream stream,
         const char     *line,
         gpointer        user_data)
{
  GmpAgentWorker *self = user_data;

  if (self->lines == NULL)
    {
      self->lines = g_variant_builder_new (G_VARIANT_TYPE ("a(us)"));
      self->lines_source = gmp_source_attach (g_idle_source_new (), G_PRIORITY_DEFAULT, lines_cb,
                                              self);
    }
  g_variant_builder_add (self->lines, "(us)", stream, line);
  self->n_lines++;
  if (self->n_lines < GMP_LINES_AHEAD || self->is_paused || self->has_ended)
    return;
  self->is_paused = TRUE;
  gmp_worker_process_pause_output (self->process);
}

/* The application has reported them. */
void
gmp_agent_worker_take_lines (GmpAgentWorker *self,
                             guint           n)
{
  self->n_lines -= MIN (n, self->n_lines);
  if (!self->is_paused || self->n_lines >= GMP_LINES_AHEAD)
    return;
  self->is_paused = FALSE;
  gmp_worker_process_resume_output (self->process);
}

/* Its remaining messages are read, up to the end of its socket. A child of the worker may hold that
 * open, so no further. */
static void
ended_cb (gpointer user_data)
{
  GmpAgentWorker *self = user_data;
  GDBusMessage *message;

  self->has_ended = TRUE;
  if (self->started != NULL)
    {
      close_application (self);
      report_started (self, FALSE, NULL);
    }
  while (self->worker != NULL && self->application != NULL &&
         (message = gmp_message_stream_receive (self->worker, NULL)) != NULL)
    {
      set_interface (message);
      send_to_application (self, message);
      g_object_unref (message);
    }
  close_worker (self);
  maybe_end (self);
}

/* The application, if it has given up the start, learns only from this that there is no process. */
static void
report_no_process (GmpAgentWorker *self)
{
  static const char * const no_lines[] = { NULL };

  gmp_agent_dbus_process1_emit_ended (self->skeleton, GMP_PROCESS_STATUS_UNKNOWN, 0, 0, no_lines);
  self->ended (self, self->user_data);
}

static void
process_started_cb (GObject      *source G_GNUC_UNUSED,
                    GAsyncResult *result,
                    gpointer      user_data)
{
  GmpAgentWorker *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree GmpStarted *started = gmp_process_cache_start_finish (NULL, result, &error);

  if (started == NULL)
    {
      report_started (self, FALSE, error);
      report_no_process (self);
      return;
    }
  self->process = started->process;
  gmp_worker_process_set_options (self->process, self->options);
  self->is_warm = started->is_warm;
  gmp_worker_process_watch (self->process, line_cb, ended_cb, self);
  if (self->early_signal != 0)
    gmp_worker_process_send_signal (self->process, self->early_signal);
  self->worker = (GmpMessageStream *) gmp_socket_stream_new (started->control_fd, &error);
  if (self->worker == NULL)
    {
      gmp_worker_process_kill (self->process);
      return;
    }
  self->worker_source = gmp_message_stream_create_source (self->worker, G_PRIORITY_DEFAULT,
                                                          G_IO_IN, NULL, greeted_cb, self);
}

/* Not while its process is watched, unless the agent itself ends. */
void
gmp_agent_worker_free (GmpAgentWorker *self)
{
  close_worker (self);
  close_application (self);
  gmp_source_clear (&self->doubt);
  gmp_source_clear (&self->lines_source);
  g_clear_pointer (&self->lines, g_variant_builder_unref);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->skeleton));
  g_object_unref (self->skeleton);
  g_clear_pointer (&self->process, gmp_worker_process_free);
  gmp_options_unref (self->options);
  gmp_oom_witness_clear (&self->memory);
  gmp_agent_channels_forget (self->channels, self->number);
  g_object_unref (self->bus);
  g_free (self->path);
  g_free (self);
}

/* Takes ownership of @spec. */
GmpAgentWorker *
gmp_agent_worker_new (GmpBus               *bus,
                      GmpProcessCache      *cache,
                      GmpAgentChannels     *channels,
                      guint                 number,
                      GmpProcessSpec       *spec,
                      GmpAgentWorkerStarted started,
                      GmpAgentWorkerEnded   ended,
                      gpointer              user_data)
{
  GmpAgentWorker *self = g_new0 (GmpAgentWorker, 1);
  gboolean is_cold = !spec->options->warm_start;

  self->bus = g_object_ref (bus);
  self->channels = channels;
  self->number = number;
  self->path = g_strdup_printf (GMP_WORKER_PATH "/%u", number);
  self->started = started;
  self->ended = ended;
  self->user_data = user_data;
  self->options = gmp_options_ref (spec->options);
  self->skeleton = gmp_agent_dbus_process1_skeleton_new ();
  g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->skeleton),
                                    gmp_bus_get_connection (bus), self->path, NULL);
  self->application = GMP_MESSAGE_STREAM (gmp_bus_stream_new (bus, self->path));
  gmp_oom_witness_begin (&self->memory);
  gmp_process_cache_start_async (cache, spec, is_cold, NULL, process_started_cb, self);
  return self;
}
