/* gmp-agent.c: starts workers for an application on another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/gmp-agent-private.h"

#include "agent/gmp-agent-gpus-private.h"
#include "agent/gmp-agent-skeletons.h"
#include "agent/gmp-agent-worker-private.h"
#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-version.h"
#include "peer/gmp-addresses-private.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>

/* The milliseconds that killed processes have to end, and the application to take the last
 * messages. */
#define END_LIMIT 2000
#define LAST_LIMIT 1000

typedef struct {
  GMainLoop *loop;
  GmpBus *bus;
  const GmpAgentIdentity *identity;
  GmpProcessCache *cache;
  GmpAgentChannels *channels;
  GmpAgentDbusAgent1 *skeleton;
  GmpAgentGpus *gpus;
  GHashTable *workers; /* numbers, of GmpAgentWorker */
  GHashTable *starts;  /* of GmpAgentWorker, GDBusMethodInvocation */
  GSource *deadline;   /* (nullable): NULL before the first call of the application */
  double timeout;      /* of it, in seconds */

  /* What the application wants to be started next. */
  char *runtime; /* (nullable): nothing yet */
  char **argv;
  char **environment;
  char *folder;
  guint inner_threads;
  GVariant *wanted;
} Agent;

/* Variables of this machine that those of the application do not replace. @entry may be a name
 * without a value. */
static gboolean
is_of_node (const char *entry)
{
  static const char *names[] = {
    "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "HOSTNAME",
  };
  gsize length = strcspn (entry, "=");

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (strlen (names[i]) == length && strncmp (entry, names[i], length) == 0)
      return TRUE;
  return g_str_has_prefix (entry, "SLURM");
}

/* Workers of workers run on this node, and are controlled like local ones. A name without a value
 * removes the variable, which the agent may have too. */
static char **
filter_environment (Agent *self,
                    guint  worker)
{
  static const char *dropped[] = {
    "GMPROC_LAUNCHER", "GMPROC_NODES", "GMPROC_AGENT", "GMPROC_CONTROL", "GMPROC_WRAP",
  };
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  char **filtered;

  for (char **entry = self->environment; *entry != NULL; entry++)
    if (!is_of_node (*entry))
      g_strv_builder_add (builder, *entry);
  for (gsize i = 0; i < G_N_ELEMENTS (dropped); i++)
    g_strv_builder_add (builder, dropped[i]);
  filtered = g_strv_builder_end (builder);
  filtered = g_environ_setenv (filtered, "GMPROC_NODE", self->identity->name, TRUE);
  return gmp_agent_gpus_give (self->gpus, worker, filtered);
}

static GmpOptions *
make_options (Agent *self,
              guint  worker)
{
  GmpOptions *options = gmp_options_new ();

  g_variant_lookup (self->wanted, "capture-output", "b", &options->capture_output);
  g_variant_lookup (self->wanted, "warm-start", "b", &options->warm_start);
  g_variant_lookup (self->wanted, "fresh-modules", "^as", &options->fresh_modules);
  options->environment = filter_environment (self, worker);
  options->working_directory = self->folder[0] != '\0' ? g_strdup (self->folder) : NULL;
  options->priority = G_PRIORITY_DEFAULT;
  return options;
}

static void
started_cb (GmpAgentWorker *worker,
            gboolean        is_connected,
            const GError   *error,
            gpointer        user_data)
{
  Agent *self = user_data;
  GDBusMethodInvocation *invocation = NULL;

  if (!g_hash_table_steal_extended (self->starts, worker, NULL, (gpointer *) &invocation))
    return;
  if (error != NULL)
    g_dbus_method_invocation_return_gerror (invocation, error);
  else
    gmp_agent_dbus_agent1_complete_start (self->skeleton, invocation,
                                          gmp_agent_worker_get_pid (worker),
                                          gmp_agent_worker_is_warm (worker), is_connected);
}

static gboolean
free_cb (gpointer worker)
{
  gmp_agent_worker_free (worker);
  return G_SOURCE_REMOVE;
}

/* The caller continues to use it. */
static void
ended_cb (GmpAgentWorker *worker,
          gpointer        user_data)
{
  Agent *self = user_data;

  guint number = gmp_agent_worker_get_number (worker);

  g_hash_table_remove (self->workers, GUINT_TO_POINTER (number));
  gmp_agent_gpus_take_back (self->gpus, number);
  g_idle_add_full (G_PRIORITY_HIGH, free_cb, worker, NULL);
}

static void
forget_description (Agent *self)
{
  g_clear_pointer (&self->runtime, g_free);
  g_clear_pointer (&self->argv, g_strfreev);
  g_clear_pointer (&self->environment, g_strfreev);
  g_clear_pointer (&self->folder, g_free);
  g_clear_pointer (&self->wanted, g_variant_unref);
}

static gboolean
prepare_cb (GmpAgentDbusAgent1    *skeleton,
            GDBusMethodInvocation *invocation,
            const char            *runtime,
            const char * const    *argv,
            const char * const    *environment,
            const char            *folder,
            guint                  inner_threads,
            GVariant              *wanted,
            gpointer               user_data)
{
  Agent *self = user_data;

  forget_description (self);
  self->runtime = g_strdup (runtime);
  self->argv = g_strdupv ((char **) argv);
  self->environment = g_strdupv ((char **) environment);
  self->folder = g_strdup (folder);
  self->inner_threads = inner_threads;
  self->wanted = g_variant_ref (wanted);
  gmp_agent_dbus_agent1_complete_prepare (skeleton, invocation);
  return TRUE;
}

static gboolean
start_cb (GmpAgentDbusAgent1    *skeleton G_GNUC_UNUSED,
          GDBusMethodInvocation *invocation,
          guint                  number,
          gpointer               user_data)
{
  Agent *self = user_data;
  g_autoptr (GmpOptions) options = NULL;
  GmpAgentWorker *worker;

  if (self->runtime == NULL || self->argv[0] == NULL ||
      g_hash_table_contains (self->workers, GUINT_TO_POINTER (number)))
    {
      g_dbus_method_invocation_return_error (invocation, GMP_ERROR, GMP_ERROR_PROTOCOL,
                                             "The command is missing, or worker %u exists already",
                                             number);
      return TRUE;
    }
  options = make_options (self, number);
  worker = gmp_agent_worker_new (self->bus, self->cache, self->channels, number,
                                 gmp_process_spec_new (self->runtime,
                                                       (const char * const *) self->argv, options,
                                                       self->inner_threads),
                                 started_cb, ended_cb, self);
  g_hash_table_insert (self->workers, GUINT_TO_POINTER (number), worker);
  g_hash_table_insert (self->starts, worker, invocation);
  return TRUE;
}

static gboolean
signal_cb (GmpAgentDbusAgent1    *skeleton,
           GDBusMethodInvocation *invocation,
           guint                  number,
           int                    signum,
           gpointer               user_data)
{
  Agent *self = user_data;
  GmpAgentWorker *worker = g_hash_table_lookup (self->workers, GUINT_TO_POINTER (number));

  if (worker != NULL)
    gmp_agent_worker_send_signal (worker, signum);
  gmp_agent_dbus_agent1_complete_signal (skeleton, invocation);
  return TRUE;
}

static gboolean
take_lines_cb (GmpAgentDbusAgent1    *skeleton,
               GDBusMethodInvocation *invocation,
               guint                  number,
               guint                  n,
               gpointer               user_data)
{
  Agent *self = user_data;
  GmpAgentWorker *worker = g_hash_table_lookup (self->workers, GUINT_TO_POINTER (number));

  if (worker != NULL)
    gmp_agent_worker_take_lines (worker, n);
  gmp_agent_dbus_agent1_complete_take_lines (skeleton, invocation);
  return TRUE;
}

static gboolean
hello_cb (GmpAgentDbusAgent1    *skeleton,
          GDBusMethodInvocation *invocation,
          gpointer               user_data)
{
  Agent *self = user_data;
  g_auto (GStrv) addresses = gmp_addresses_list ();

  gmp_agent_dbus_agent1_complete_hello (skeleton, invocation, self->identity->token,
                                        gmp_get_version_string (), self->identity->node,
                                        self->identity->name, self->identity->slots,
                                        self->identity->port, (const char * const *) addresses,
                                        GMP_AGENT_PROTOCOL);
  return TRUE;
}

/* Tells the application why, if it can still be told. Nothing waits for that before the workers
 * have ended. */
static void
leave (Agent      *self,
       const char *reason)
{
  gmp_debug ("%s, so the workers of this node end", reason);
  gmp_agent_dbus_agent1_emit_leaving (self->skeleton, reason);
  g_main_loop_quit (self->loop);
}

/* The application has been silent for as long as it waits for this agent. It has given up the
 * workers, and may have replaced them; or it was stopped itself. */
static gboolean
deadline_cb (gpointer user_data)
{
  Agent *self = user_data;
  g_autofree char *reason = g_strdup_printf ("its agent has not heard from this program for %g "
                                             "seconds (was one of them stopped, or the network "
                                             "down?)", self->timeout);

  leave (self, reason);
  return G_SOURCE_REMOVE;
}

static void
set_deadline (Agent *self,
              double timeout)
{
  if (self->deadline != NULL)
    g_source_destroy (self->deadline);
  g_clear_pointer (&self->deadline, g_source_unref);
  self->timeout = timeout;
  self->deadline = g_timeout_source_new ((guint) (CLAMP (timeout, 0.01, 1e6) * 1000));
  /* Handled before messages that arrived while this process was stopped. */
  g_source_set_priority (self->deadline, 2 * G_PRIORITY_HIGH);
  g_source_set_callback (self->deadline, deadline_cb, self, NULL);
  g_source_attach (self->deadline, NULL);
}

static gboolean
ping_cb (GmpAgentDbusAgent1    *skeleton,
         GDBusMethodInvocation *invocation,
         double                 timeout,
         gpointer               user_data)
{
  set_deadline (user_data, timeout);
  gmp_agent_dbus_agent1_complete_ping (skeleton, invocation);
  return TRUE;
}

/* In the thread of the bus. */
static void
closed_cb (GDBusConnection *connection G_GNUC_UNUSED,
           gboolean         by_peer G_GNUC_UNUSED,
           GError          *error G_GNUC_UNUSED,
           gpointer         user_data)
{
  gmp_debug ("the application has disconnected");
  g_main_loop_quit (user_data);
}

/* Slurm, or the session that the agent is in, ends the job. */
static gboolean
end_cb (gpointer user_data)
{
  leave (user_data, "its agent was terminated (SIGTERM or SIGHUP): the job may be over, or has "
         "been cancelled");
  return G_SOURCE_CONTINUE;
}

static void
kill_worker_cb (gpointer number G_GNUC_UNUSED,
                gpointer worker,
                gpointer unused G_GNUC_UNUSED)
{
  gmp_agent_worker_send_signal (worker, SIGKILL);
}

static gboolean
is_over_cb (gpointer over)
{
  *(gboolean *) over = TRUE;
  return G_SOURCE_REMOVE;
}

/* No process outlives the agent. */
static void
end_workers (Agent *self)
{
  gboolean is_over = FALSE;
  guint limit;

  g_hash_table_foreach (self->workers, kill_worker_cb, NULL);
  limit = g_timeout_add (END_LIMIT, is_over_cb, &is_over);
  while (!is_over && g_hash_table_size (self->workers) > 0)
    g_main_context_iteration (NULL, TRUE);
  if (!is_over)
    g_source_remove (limit);
  gmp_process_cache_unref (self->cache);
}

static void
flushed_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      is_over)
{
  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  *(gboolean *) is_over = TRUE;
}

/* An application that is stopped takes nothing. */
static void
flush (Agent *self)
{
  static gboolean is_over; /* the connection may still be flushed when this returns */

  g_timeout_add (LAST_LIMIT, is_over_cb, &is_over);
  g_dbus_connection_flush (gmp_bus_get_connection (self->bus), NULL, flushed_cb, &is_over);
  while (!is_over)
    g_main_context_iteration (NULL, TRUE);
}

/* Returns when the application has disconnected, or the agent was terminated; its workers have
 * ended then. */
void
gmp_agent_serve (GmpBus                 *bus,
                 const GmpAgentIdentity *identity,
                 double                  timeout)
{
  GDBusConnection *connection = gmp_bus_get_connection (bus);
  Agent self = { .bus = bus, .identity = identity };

  self.loop = g_main_loop_new (NULL, FALSE);
  self.cache = gmp_process_cache_ref_default ();
  self.channels = gmp_agent_channels_new (identity->door, timeout);
  self.gpus = gmp_agent_gpus_new (g_getenv ("CUDA_VISIBLE_DEVICES"));
  self.workers = g_hash_table_new (NULL, NULL);
  self.starts = g_hash_table_new (NULL, NULL);
  self.skeleton = gmp_agent_dbus_agent1_skeleton_new ();
  g_signal_connect (self.skeleton, "handle-hello", G_CALLBACK (hello_cb), &self);
  g_signal_connect (self.skeleton, "handle-ping", G_CALLBACK (ping_cb), &self);
  g_signal_connect (self.skeleton, "handle-prepare", G_CALLBACK (prepare_cb), &self);
  g_signal_connect (self.skeleton, "handle-start", G_CALLBACK (start_cb), &self);
  g_signal_connect (self.skeleton, "handle-signal", G_CALLBACK (signal_cb), &self);
  g_signal_connect (self.skeleton, "handle-take-lines", G_CALLBACK (take_lines_cb), &self);
  g_signal_connect (connection, "closed", G_CALLBACK (closed_cb), self.loop);
  g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self.skeleton), connection,
                                    GMP_AGENT_PATH, NULL);
  g_unix_signal_add (SIGTERM, end_cb, &self);
  g_unix_signal_add (SIGHUP, end_cb, &self);
  g_unix_signal_add (SIGINT, end_cb, &self);
  set_deadline (&self, timeout);
  g_dbus_connection_start_message_processing (connection);
  if (!g_dbus_connection_is_closed (connection))
    g_main_loop_run (self.loop);
  end_workers (&self);
  flush (&self);
  gmp_bus_close (bus);
  if (self.deadline != NULL)
    g_source_destroy (self.deadline);
  g_clear_pointer (&self.deadline, g_source_unref);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self.skeleton));
  g_object_unref (self.skeleton);
  g_hash_table_unref (self.workers);
  g_hash_table_unref (self.starts);
  forget_description (&self);
  gmp_agent_channels_free (self.channels);
  gmp_agent_gpus_free (self.gpus);
}
