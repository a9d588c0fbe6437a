/* gmp-agent-proxy.c: an agent as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-agent-proxy-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-source-private.h"
#include "cluster/gmp-remote-process-private.h"

#include <signal.h>
#include <string.h>

#define WORKER_PATH "/org/gmproc/Worker/"

/* The number of heartbeats within the time-out of an agent. */
#define PINGS 4

struct _GmpAgentProxy
{
  GObject parent_instance;

  GmpBus *bus;
  char *name;
  guint slots;
  guint16 port; /* of its door, at the addresses */
  char **addresses;
  char **environment; /* that it may have from this process */
  double timeout; /* in seconds */
  GmpAgentLost lost;
  gpointer user_data;
  gulong closed_handler;
  guint subscription;
  guint leaving_subscription;
  GSource *ping_source;
  GQueue pings; /* of Ping: those without an answer */

  GMutex lock;           /* of what follows */
  GHashTable *processes; /* numbers, of GmpRemoteProcess that have not ended */
  guint last_number;
  GmpProcessSpec *prepared; /* (nullable): as the agent starts processes now */
  gboolean is_prepared_cold;
  guint n_workers;
  char *loss;          /* (nullable): the reason, once it is lost */
  gboolean is_failing; /* it is about to be lost: a call has failed */
  gboolean is_silent;  /* the last heartbeat but one has no answer yet */
};

G_DEFINE_FINAL_TYPE (GmpAgentProxy, gmp_agent_proxy, G_TYPE_OBJECT)

const char *
gmp_agent_proxy_get_name (GmpAgentProxy *self)
{
  return self->name;
}

guint
gmp_agent_proxy_get_slots (GmpAgentProxy *self)
{
  return self->slots;
}

/* TRUE from the moment on in which any of its workers is informed. */
gboolean
gmp_agent_proxy_is_lost (GmpAgentProxy *self)
{
  gboolean result;

  g_mutex_lock (&self->lock);
  result = self->loss != NULL || self->is_failing;
  g_mutex_unlock (&self->lock);
  return result;
}

/* TRUE if it may be about to be lost. */
gboolean
gmp_agent_proxy_is_silent (GmpAgentProxy *self)
{
  gboolean result;

  g_mutex_lock (&self->lock);
  result = self->is_silent;
  g_mutex_unlock (&self->lock);
  return result;
}

/* The address at which workers of other nodes reach those of this one. */
guint16
gmp_agent_proxy_get_port (GmpAgentProxy *self)
{
  return self->port;
}

const char * const *
gmp_agent_proxy_get_addresses (GmpAgentProxy *self)
{
  return (const char * const *) self->addresses;
}

guint
gmp_agent_proxy_get_n_workers (GmpAgentProxy *self)
{
  guint result;

  g_mutex_lock (&self->lock);
  result = self->n_workers;
  g_mutex_unlock (&self->lock);
  return result;
}

/* Reserves a place for a worker, which gmp_agent_proxy_start_async() uses up. Returns @self. */
GmpAgentProxy *
gmp_agent_proxy_reserve (GmpAgentProxy *self)
{
  g_mutex_lock (&self->lock);
  self->n_workers++;
  g_mutex_unlock (&self->lock);
  return self;
}

void
gmp_agent_proxy_release (GmpAgentProxy *self)
{
  g_mutex_lock (&self->lock);
  self->n_workers--;
  g_mutex_unlock (&self->lock);
}

/* The agent's end, and its workers'. */

static GError *
loss_error (GmpAgentProxy *self,
            const char    *reason)
{
  return g_error_new (GMP_ERROR, GMP_ERROR_NODE_LOST, "the node %s was lost: %s", self->name,
                      reason);
}

/* Its processes have ended, or will end without a report. In the thread of the bus. */
static void
lose (GmpAgentProxy *self,
      const char    *reason)
{
  g_autoptr (GList) processes = NULL;
  gboolean was_lost;

  g_mutex_lock (&self->lock);
  was_lost = self->loss != NULL;
  if (!was_lost)
    self->loss = g_strdup (reason);
  processes = g_hash_table_get_values (self->processes);
  g_hash_table_steal_all (self->processes);
  self->n_workers -= g_list_length (processes);
  g_mutex_unlock (&self->lock);
  for (GList *link = processes; link != NULL; link = link->next)
    {
      gmp_process_set_lost (link->data, loss_error (self, self->loss));
      g_object_unref (link->data);
    }
  if (was_lost)
    return;
  gmp_debug ("node %s is lost: %s", self->name, reason);
  gmp_agent_proxy_close (self);
  self->lost (self, self->user_data);
}

static const char closed_reason[] = "its agent has closed the connection, or was killed";

static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         by_peer G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  lose (user_data, closed_reason);
}

static void
leaving_cb (GDBusConnection *connection G_GNUC_UNUSED,
            const char      *sender G_GNUC_UNUSED,
            const char      *path G_GNUC_UNUSED,
            const char      *interface G_GNUC_UNUSED,
            const char      *name G_GNUC_UNUSED,
            GVariant        *body,
            gpointer         user_data)
{
  const char *reason = "its agent leaves";

  if (g_variant_is_of_type (body, G_VARIANT_TYPE ("(s)")))
    g_variant_get (body, "(&s)", &reason);
  lose (user_data, reason);
}

/* The limit on an answer is no time-out of GDBus, which would count time in which this process was
 * stopped: the answer may be there. */
typedef struct {
  GmpAgentProxy *owner;
  GSource *limit; /* (nullable) */
} Ping;

static void
set_silent (GmpAgentProxy *self,
            gboolean       is_silent)
{
  g_mutex_lock (&self->lock);
  self->is_silent = is_silent;
  g_mutex_unlock (&self->lock);
}

static void
pinged_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Ping *ping = user_data;
  g_autoptr (GmpAgentProxy) self = ping->owner;
  g_autoptr (GVariant) answer =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  /* If the connection is closed, closed_cb() knows it. */
  gmp_source_clear (&ping->limit);
  g_queue_remove (&self->pings, ping);
  set_silent (self, self->pings.length > 1);
  g_free (ping);
}

static gboolean
silent_cb (gpointer user_data)
{
  Ping *ping = user_data;
  g_autofree char *reason = g_strdup_printf ("its agent has not answered for %g seconds",
                                             ping->owner->timeout);

  gmp_source_clear (&ping->limit);
  lose (ping->owner, reason);
  return G_SOURCE_REMOVE;
}

static gboolean
ping_cb (gpointer user_data)
{
  GmpAgentProxy *self = user_data;
  Ping *ping = g_new0 (Ping, 1);

  set_silent (self, self->pings.length > 0);
  ping->owner = g_object_ref (self);
  ping->limit = gmp_source_attach_limit (self->timeout, G_PRIORITY_DEFAULT, silent_cb, ping);
  g_queue_push_tail (&self->pings, ping);
  g_dbus_connection_call (gmp_bus_get_connection (self->bus), NULL, GMP_AGENT_PATH,
                          GMP_AGENT_INFO->name, "Ping", g_variant_new ("(d)", self->timeout),
                          NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, pinged_cb, ping);
  return G_SOURCE_CONTINUE;
}

static GmpRemoteProcess *
find_process (GmpAgentProxy *self,
              const char    *path,
              gboolean       takes)
{
  GmpRemoteProcess *process = NULL;
  guint64 number = 0;

  if (!g_str_has_prefix (path, WORKER_PATH) ||
      !g_ascii_string_to_unsigned (path + strlen (WORKER_PATH), 10, 0, G_MAXUINT, &number, NULL))
    return NULL;
  g_mutex_lock (&self->lock);
  process = g_hash_table_lookup (self->processes, GUINT_TO_POINTER ((guint) number));
  if (process != NULL && takes)
    {
      g_hash_table_steal (self->processes, GUINT_TO_POINTER ((guint) number));
      self->n_workers--;
    }
  else if (process != NULL)
    {
      g_object_ref (process);
    }
  g_mutex_unlock (&self->lock);
  return process;
}

static void
process_cb (GDBusConnection *connection G_GNUC_UNUSED,
            const char      *sender G_GNUC_UNUSED,
            const char      *path,
            const char      *interface G_GNUC_UNUSED,
            const char      *name,
            GVariant        *body,
            gpointer         user_data)
{
  gboolean has_ended = g_str_equal (name, "Ended");
  g_autoptr (GmpRemoteProcess) process = NULL;

  /* Otherwise the worker would be waited for. */
  if (has_ended && !g_variant_is_of_type (body, GMP_REMOTE_ENDED))
    {
      lose (user_data, "its agent has reported the end of a worker in a way that this program does "
            "not understand (is its gmproc another build?)");
      return;
    }
  process = find_process (user_data, path, has_ended);
  if (process != NULL)
    gmp_remote_process_take_signal (process, name, body);
}

/* In the thread of the bus. */
void
gmp_agent_proxy_close (GmpAgentProxy *self)
{
  GDBusConnection *connection = gmp_bus_get_connection (self->bus);

  if (self->ping_source != NULL)
    g_source_destroy (self->ping_source);
  g_clear_pointer (&self->ping_source, g_source_unref);
  for (GList *link = self->pings.head; link != NULL; link = link->next)
    gmp_source_clear (&((Ping *) link->data)->limit);
  g_clear_signal_handler (&self->closed_handler, connection);
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (connection, self->subscription);
  self->subscription = 0;
  if (self->leaving_subscription != 0)
    g_dbus_connection_signal_unsubscribe (connection, self->leaving_subscription);
  self->leaving_subscription = 0;
  gmp_bus_close (self->bus);
}

/* The start of a worker. */

typedef struct {
  GmpRemoteProcess *process;
  GmpBusStream *stream;
  GmpOptions *options;
  guint number;
  GError *failure; /* (nullable): of the call */
} Start;

static void
start_free (gpointer data)
{
  Start *start = data;

  g_clear_object (&start->process);
  if (start->stream != NULL)
    gmp_message_stream_free (GMP_MESSAGE_STREAM (start->stream));
  gmp_options_unref (start->options);
  g_clear_error (&start->failure);
  g_free (start);
}

static void
remote_started_free (gpointer data)
{
  GmpRemoteStarted *started = data;

  if (started->stream != NULL)
    gmp_message_stream_free (started->stream);
  gmp_worker_process_abandon (started->process);
  g_free (started);
}

/* The agent has no process. */
static void
forget_process (GmpAgentProxy *self,
                guint          number)
{
  g_mutex_lock (&self->lock);
  if (g_hash_table_remove (self->processes, GUINT_TO_POINTER (number)))
    self->n_workers--;
  g_mutex_unlock (&self->lock);
}

static void
return_started (GTask    *task,
                GVariant *answer)
{
  Start *start = g_task_get_task_data (task);
  GmpRemoteStarted *started = g_new0 (GmpRemoteStarted, 1);
  gboolean is_connected;
  int pid;

  g_variant_get (answer, "(ibb)", &pid, &started->is_warm, &is_connected);
  gmp_remote_process_set_pid (start->process, pid);
  started->process = gmp_worker_process_new_remote (
    GMP_PROCESS (g_object_ref (start->process)), start->options,
    gmp_remote_process_get_reader (start->process, GMP_OUTPUT_STDOUT),
    gmp_remote_process_get_reader (start->process, GMP_OUTPUT_STDERR));
  if (is_connected)
    started->stream = GMP_MESSAGE_STREAM (g_steal_pointer (&start->stream));
  g_task_return_pointer (task, started, remote_started_free);
}

/* A call was not answered, or with something else than its reply: the node is lost, if it is not
 * yet. In the thread of the bus. */
static gboolean
lose_cb (gpointer user_data)
{
  GTask *task = user_data;
  GmpAgentProxy *self = g_task_get_source_object (task);
  Start *start = g_task_get_task_data (task);
  gboolean is_closed = g_dbus_connection_is_closed (gmp_bus_get_connection (self->bus));

  lose (self, is_closed ? closed_reason : start->failure->message);
  g_task_return_error (task, loss_error (self, self->loss));
  return G_SOURCE_REMOVE;
}

/* The agent's D-Bus has refused the call, so the agent is of a build with another interface. */
static gboolean
is_not_understood (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE);
}

/* Takes ownership of @error. */
static void
fail_start (GTask  *task,
            GError *error)
{
  GmpAgentProxy *self = g_task_get_source_object (task);
  Start *start = g_task_get_task_data (task);
  gboolean is_remote = g_dbus_error_is_remote_error (error);

  g_dbus_error_strip_remote_error (error);
  if (is_not_understood (error))
    g_prefix_error (&error, "its agent is of another build of gmproc, which does not understand "
                    "this program: ");
  else if (is_remote)
    {
      g_prefix_error (&error, "on node %s: ", self->name);
      g_task_return_error (task, error);
      return;
    }
  start->failure = error;
  g_mutex_lock (&self->lock);
  self->is_failing = TRUE;
  g_mutex_unlock (&self->lock);
  g_main_context_invoke_full (gmp_bus_get_context (), G_PRIORITY_DEFAULT, lose_cb,
                              g_object_ref (task), g_object_unref);
}

static void
start_called_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GmpAgentProxy *self = g_task_get_source_object (task);
  Start *start = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) answer =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (answer != NULL)
    {
      return_started (task, answer);
      return;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      /* The process may exist nevertheless. In any case the agent reports its end. */
      gmp_process_send_signal (GMP_PROCESS (start->process), SIGKILL);
      g_task_return_error (task, error);
      return;
    }
  forget_process (self, start->number);
  fail_start (task, error);
}

static GVariant *
make_options (GmpProcessSpec *spec,
              gboolean        is_cold)
{
  GVariantDict dict;
  GmpOptions *options = spec->options;
  g_auto (GStrv) fresh = gmp_options_list_fresh_modules (options);

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "capture-output", "b", options->capture_output);
  g_variant_dict_insert (&dict, "warm-start", "b", options->warm_start && !is_cold);
  g_variant_dict_insert (&dict, "fresh-modules", "^as", fresh);
  return g_variant_dict_end (&dict);
}

static gboolean
is_same_list (char **a,
              char **b)
{
  return (a == NULL) == (b == NULL) &&
         (a == NULL || g_strv_equal ((const char * const *) a, (const char * const *) b));
}

static gboolean
is_prepared_locked (GmpAgentProxy  *self,
                    GmpProcessSpec *spec,
                    gboolean        is_cold)
{
  const GmpProcessSpec *last = self->prepared;

  return last != NULL && self->is_prepared_cold == is_cold &&
         g_str_equal (last->runtime, spec->runtime) && is_same_list (last->argv, spec->argv) &&
         g_strcmp0 (last->working_directory, spec->working_directory) == 0 &&
         last->inner_threads == spec->inner_threads &&
         last->options->capture_output == spec->options->capture_output &&
         last->options->warm_start == spec->options->warm_start &&
         is_same_list (last->options->fresh_modules, spec->options->fresh_modules) &&
         is_same_list (last->environment, spec->environment);
}

static gboolean
has_variable (char      **environment,
              const char *entry)
{
  gsize length = strcspn (entry, "=");

  for (; *environment != NULL; environment++)
    if (strncmp (*environment, entry, length) == 0 && (*environment)[length] == '=')
      return TRUE;
  return FALSE;
}

/* With the names alone of variables that the agent may have, and the worker must not. */
static char **
list_variables (GmpAgentProxy  *self,
                GmpProcessSpec *spec)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_strv_builder_addv (builder, (const char **) spec->environment);
  for (char **entry = self->environment; *entry != NULL; entry++)
    if (!has_variable (spec->environment, *entry))
      {
        g_autofree char *name = g_strndup (*entry, strcspn (*entry, "="));

        g_strv_builder_add (builder, name);
      }
  return g_strv_builder_end (builder);
}

/* Takes ownership of @spec. An environment is long, so it is not sent for each worker. */
static void
prepare_locked (GmpAgentProxy  *self,
                GmpProcessSpec *spec,
                gboolean        is_cold)
{
  g_autoptr (GDBusMessage) call = NULL;
  g_auto (GStrv) variables = NULL;

  if (is_prepared_locked (self, spec, is_cold))
    {
      gmp_process_spec_free (spec);
      return;
    }
  variables = list_variables (self, spec);
  call = g_dbus_message_new_method_call (NULL, GMP_AGENT_PATH, GMP_AGENT_INFO->name, "Prepare");
  g_dbus_message_set_flags (call, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_message_set_body (call, g_variant_new (
    "(s^aay^aay^ayu@a{sv})", spec->runtime, spec->argv, variables,
    spec->working_directory != NULL ? spec->working_directory : "", spec->inner_threads,
    make_options (spec, is_cold)));
  g_dbus_connection_send_message (gmp_bus_get_connection (self->bus), call,
                                  G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  g_clear_pointer (&self->prepared, gmp_process_spec_free);
  self->prepared = spec;
  self->is_prepared_cold = is_cold;
}

/* Takes ownership of @spec. A call of gmp_agent_proxy_reserve() is used up. */
void
gmp_agent_proxy_start_async (GmpAgentProxy      *self,
                             GmpProcessSpec     *spec,
                             gboolean            is_cold,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Start *start;
  g_autofree char *path = NULL;

  g_task_set_source_tag (task, gmp_agent_proxy_start_async);
  g_task_set_priority (task, spec->options->priority);
  g_task_set_check_cancellable (task, FALSE);
  /* GDBus would not make the call, and the agent never report the end of a process. */
  if (g_task_return_error_if_cancelled (task))
    {
      gmp_agent_proxy_release (self);
      gmp_process_spec_free (spec);
      g_object_unref (task);
      return;
    }
  start = g_new0 (Start, 1);
  start->options = gmp_options_ref (spec->options);
  g_mutex_lock (&self->lock);
  start->number = ++self->last_number;
  start->process = gmp_remote_process_new (self->bus, self->name, start->number);
  if (self->loss == NULL)
    g_hash_table_insert (self->processes, GUINT_TO_POINTER (start->number),
                         g_object_ref (start->process));
  else
    self->n_workers--;
  path = g_strdup_printf (WORKER_PATH "%u", start->number);
  start->stream = gmp_bus_stream_new (self->bus, path);
  g_task_set_task_data (task, start, start_free);
  /* Another thread must not prepare something else between these. */
  prepare_locked (self, spec, is_cold);
  g_dbus_connection_call (
    gmp_bus_get_connection (self->bus), NULL, GMP_AGENT_PATH, GMP_AGENT_INFO->name, "Start",
    g_variant_new ("(u)", start->number), G_VARIANT_TYPE ("(ibb)"), G_DBUS_CALL_FLAGS_NONE,
    G_MAXINT, cancellable, start_called_cb, task);
  g_mutex_unlock (&self->lock);
}

/* Free it with g_free() after its members have been taken. */
GmpRemoteStarted *
gmp_agent_proxy_start_finish (GmpAgentProxy *self G_GNUC_UNUSED,
                              GAsyncResult  *result,
                              GError       **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
gmp_agent_proxy_finalize (GObject *object)
{
  GmpAgentProxy *self = GMP_AGENT_PROXY (object);

  g_hash_table_unref (self->processes);
  g_object_unref (self->bus);
  g_free (self->name);
  g_strfreev (self->addresses);
  g_strfreev (self->environment);
  g_free (self->loss);
  g_clear_pointer (&self->prepared, gmp_process_spec_free);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (gmp_agent_proxy_parent_class)->finalize (object);
}

static void
gmp_agent_proxy_class_init (GmpAgentProxyClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_agent_proxy_finalize;
}

static void
gmp_agent_proxy_init (GmpAgentProxy *self)
{
  g_mutex_init (&self->lock);
  self->processes = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
}

/* In the thread of the bus. The agent at the other end of @bus has identified itself. */
GmpAgentProxy *
gmp_agent_proxy_new (GmpBus              *bus,
                     const GmpAgentHello *hello,
                     double               timeout,
                     GmpAgentLost         lost,
                     gpointer             user_data)
{
  GmpAgentProxy *self = g_object_new (GMP_TYPE_AGENT_PROXY, NULL);
  GDBusConnection *connection = gmp_bus_get_connection (bus);

  self->bus = g_object_ref (bus);
  self->name = g_strdup (hello->name);
  self->slots = MAX (hello->slots, 1);
  self->port = hello->port;
  self->addresses = g_strdupv ((char **) hello->addresses);
  self->environment = g_strdupv ((char **) hello->environment);
  self->timeout = timeout;
  self->lost = lost;
  self->user_data = user_data;
  self->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (closed_cb), self);
  self->subscription = g_dbus_connection_signal_subscribe (
    connection, NULL, GMP_PROCESS_INFO->name, NULL, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
    process_cb, self, NULL);
  self->leaving_subscription = g_dbus_connection_signal_subscribe (
    connection, NULL, GMP_AGENT_INFO->name, "Leaving", GMP_AGENT_PATH, NULL,
    G_DBUS_SIGNAL_FLAGS_NONE, leaving_cb, self, NULL);
  self->ping_source = g_timeout_source_new ((guint) (timeout * 1000 / PINGS));
  g_source_set_callback (self->ping_source, ping_cb, self, NULL);
  g_source_attach (self->ping_source, g_main_context_get_thread_default ());
  ping_cb (self);
  return self;
}
