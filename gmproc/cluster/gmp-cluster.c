/* gmp-cluster.c: the agents of this program, and which of them gets a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-cluster-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-source-private.h"
#include "cluster/gmp-engine-private.h"
#include "cluster/gmp-reception-private.h"
#include "launch/gmp-subprocess-private.h"

#include <string.h>
#include <unistd.h>

/* The seconds without an agent after which a message is logged. */
#define PATIENCE 10

/* The milliseconds that the first agent waits for the others, so that all get their share. */
#define GATHERING 500

/* The seconds that commands have to end when the program does, and then when they are killed. */
#define END_LIMIT  3
#define KILL_LIMIT 2

/* There is one for each launcher, from its first worker to the end of the program. Everything but
 * the lists of agents, and of workers that wait for one, happens in the thread of
 * gmp_bus_get_context(). */
struct _GmpCluster
{
  guint generation; /* of this process, by gmp_fork_get_generation() */
  char *launcher;
  GmpCluster *next_cluster; /* (nullable) */

  GmpReception *reception;
  guint n_commands; /* that run; under the lock, as what follows */
  guint n_expected; /* agents that have not come */
  guint n_nodes;    /* that were invited when it last began */
  guint n_lost;     /* of all that ever came */
  GSource *patience;  /* (nullable): until all have */
  GSource *gathering; /* (nullable): the first has, and others are about to */

  GMutex lock;
  GCond cond; /* n_commands is 0 */
  gboolean has_begun;
  GPtrArray *agents;
  gboolean is_gathered;
  GQueue waiting; /* of GTask */
  guint next;     /* the agent that comes first among equals */
};

G_LOCK_DEFINE_STATIC (clusters);
static GmpCluster *clusters;

/* They are the parent's. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (clusters), 0, sizeof G_LOCK_NAME (clusters));
  clusters = NULL;
}

GMP_FORK_FORGETS (forget)

static gboolean
is_busier (GmpAgentProxy *a,
           GmpAgentProxy *b)
{
  guint64 load_a = gmp_agent_proxy_get_n_workers (a) + 1;
  guint64 load_b = gmp_agent_proxy_get_n_workers (b) + 1;

  return load_a * gmp_agent_proxy_get_slots (b) > load_b * gmp_agent_proxy_get_slots (a);
}

static gboolean
has_room (GmpAgentProxy *agent)
{
  return gmp_agent_proxy_get_n_workers (agent) < gmp_agent_proxy_get_slots (agent);
}

/* A node that does not answer is likely to be lost, so it gets a worker only if no other has a free
 * slot. */
static gboolean
is_better (GmpAgentProxy *a,
           GmpAgentProxy *b)
{
  if (has_room (a) != has_room (b))
    return has_room (a);
  if (gmp_agent_proxy_is_silent (a) != gmp_agent_proxy_is_silent (b))
    return gmp_agent_proxy_is_silent (b);
  return is_busier (b, a);
}

static gboolean
is_good_locked (GmpCluster    *self,
                GmpAgentProxy *agent)
{
  return has_room (agent) && !gmp_agent_proxy_is_silent (agent) &&
         !gmp_agent_proxy_is_lost (agent) && g_ptr_array_find (self->agents, agent, NULL);
}

/* @near (nullable) while it answers and has a free slot; then the one with the most free slots, in
 * turn if several are equal. %NULL if there is none, or all have just been lost: lost_cb()
 * follows. */
static GmpAgentProxy *
choose_locked (GmpCluster    *self,
               GmpAgentProxy *near)
{
  gboolean is_near = near != NULL && is_good_locked (self, near);
  GmpAgentProxy *best = is_near ? near : NULL;

  for (guint i = 0; !is_near && i < self->agents->len; i++)
    {
      GmpAgentProxy *agent = self->agents->pdata[(self->next + i) % self->agents->len];

      if (!gmp_agent_proxy_is_lost (agent) && (best == NULL || is_better (agent, best)))
        best = agent;
    }
  self->next++;
  return best != NULL ? g_object_ref (gmp_agent_proxy_reserve (best)) : NULL;
}

static void
release (gpointer agent)
{
  gmp_agent_proxy_release (agent);
  g_object_unref (agent);
}

/* Gives waiting callers an agent, or @error (nullable). One that is cancelled meanwhile is either
 * served or still waiting. */
static void
serve_waiting (GmpCluster   *self,
               const GError *error)
{
  GmpAgentProxy *agent = NULL;

  g_mutex_lock (&self->lock);
  while ((self->is_gathered || error != NULL) && self->waiting.length > 0)
    {
      g_autoptr (GTask) task = NULL;

      agent = choose_locked (self, NULL);
      if (agent == NULL && error == NULL)
        break;
      task = g_queue_pop_head (&self->waiting);
      if (agent != NULL)
        g_task_return_pointer (task, agent, release);
      else
        g_task_return_error (task, g_error_copy (error));
    }
  g_mutex_unlock (&self->lock);
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Takes ownership of @source. */
static GSource *
attach (GSource    *source,
        GSourceFunc callback,
        GmpCluster *self)
{
  g_source_set_callback (source, callback, self, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

/* No agent is left, and none will come. The next worker starts again from the beginning. */
static void
give_up (GmpCluster   *self,
         const GError *error)
{
  clear_source (&self->patience);
  clear_source (&self->gathering);
  g_mutex_lock (&self->lock);
  self->has_begun = FALSE;
  self->is_gathered = FALSE;
  g_mutex_unlock (&self->lock);
  serve_waiting (self, error);
}

static gboolean
has_none (GmpCluster *self)
{
  gboolean result;

  g_mutex_lock (&self->lock);
  result = self->agents->len == 0 && self->n_expected == 0;
  g_mutex_unlock (&self->lock);
  return result;
}

/* TRUE if some began to wait when they found all agents lost: for them it begins anew. Agents that
 * are lost before they get any worker are an error instead. */
static gboolean
stop_gathered (GmpCluster *self)
{
  gboolean result;

  g_mutex_lock (&self->lock);
  result = self->is_gathered && !g_queue_is_empty (&self->waiting);
  if (result)
    self->is_gathered = FALSE;
  g_mutex_unlock (&self->lock);
  return result;
}

static gboolean begin_cb (gpointer user_data);

static void
lost_cb (GmpAgentProxy *agent,
         gpointer       user_data)
{
  GmpCluster *self = user_data;
  g_autoptr (GError) error = g_error_new (GMP_ERROR, GMP_ERROR_NODE_LOST,
                                          "no node is left: %s was the last",
                                          gmp_agent_proxy_get_name (agent));

  g_mutex_lock (&self->lock);
  g_ptr_array_remove (self->agents, agent);
  self->n_lost++;
  g_mutex_unlock (&self->lock);
  if (!has_none (self))
    return;
  if (stop_gathered (self))
    begin_cb (self);
  else
    give_up (self, error);
}

static gboolean
gathered_cb (gpointer user_data)
{
  GmpCluster *self = user_data;

  clear_source (&self->gathering);
  g_mutex_lock (&self->lock);
  self->is_gathered = self->agents->len > 0;
  g_mutex_unlock (&self->lock);
  serve_waiting (self, NULL);
  return G_SOURCE_REMOVE;
}

/* An agent has proved that it is one. */
static void
arrived_cb (GmpBus             *bus,
            const GmpAgentHello *hello,
            gpointer            user_data)
{
  GmpCluster *self = user_data;
  GmpAgentProxy *agent = gmp_agent_proxy_new (bus, hello,
                                              gmp_reception_get_timeout (),
                                              lost_cb, self);
  gboolean is_complete;

  gmp_debug ("node %u is %s, with %u slots", hello->node, hello->name, hello->slots);
  g_mutex_lock (&self->lock);
  self->n_expected--;
  g_ptr_array_add (self->agents, agent);
  is_complete = self->n_expected == 0;
  g_mutex_unlock (&self->lock);
  if (is_complete)
    {
      clear_source (&self->patience);
      gathered_cb (self);
    }
  else if (self->is_gathered)
    serve_waiting (self, NULL);
  else if (self->gathering == NULL)
    self->gathering = attach (g_timeout_source_new (GATHERING), gathered_cb, self);
}

static void
expect_locked (GmpCluster *self,
               GPtrArray  *commands)
{
  self->n_commands += commands->len;
  for (guint i = 0; i < commands->len; i++)
    self->n_expected += ((GmpEngineCommand *) commands->pdata[i])->n_agents;
}

/* A command has ended before @n_missing of its agents have connected, and @others (nullable)
 * replace it. */
static void
ended_cb (const char *description,
          guint       n_missing,
          GPtrArray  *others,
          gpointer    user_data)
{
  GmpCluster *self = user_data;
  g_autoptr (GError) error = g_error_new (GMP_ERROR, GMP_ERROR_LAUNCH, "there is no node: %s",
                                          description);
  gboolean is_complete;

  g_mutex_lock (&self->lock);
  if (others != NULL)
    expect_locked (self, others);
  self->n_commands--;
  self->n_expected -= n_missing;
  if (self->n_commands == 0)
    g_cond_broadcast (&self->cond);
  is_complete = self->n_expected == 0;
  g_mutex_unlock (&self->lock);
  if (n_missing == 0)
    return;
  if (others != NULL)
    {
      g_message ("Each node is tried by itself: %s", description);
      gmp_reception_invite (self->reception, others);
      return;
    }
  if (is_complete)
    clear_source (&self->patience);
  if (has_none (self))
    give_up (self, error);
  else
    g_message ("Workers have fewer nodes: %s", description);
}

static gboolean
patience_cb (gpointer user_data)
{
  GmpCluster *self = user_data;

  g_autofree char *missing = gmp_reception_list_missing (self->reception);
  guint n_agents;

  g_mutex_lock (&self->lock);
  n_agents = self->agents->len;
  g_mutex_unlock (&self->lock);
  g_message ("Waiting for nodes: %s did not answer within %d seconds; workers %s", missing,
             PATIENCE, n_agents > 0 ? "run on the others" : "start when the first does");
  clear_source (&self->patience);
  return G_SOURCE_REMOVE;
}

static void
opened_cb (GPtrArray    *commands,
           const GError *error,
           gpointer      user_data)
{
  GmpCluster *self = user_data;

  if (error != NULL)
    {
      give_up (self, error);
      return;
    }
  g_mutex_lock (&self->lock);
  expect_locked (self, commands);
  self->n_nodes = self->n_expected;
  g_mutex_unlock (&self->lock);
  self->patience = attach (g_timeout_source_new_seconds (PATIENCE), patience_cb, self);
  gmp_reception_invite (self->reception, commands);
}

static gboolean
begin_cb (gpointer user_data)
{
  GmpCluster *self = user_data;
  g_autoptr (GError) error = NULL;

  if (!gmp_subprocess_claim_thread ())
    {
      g_set_error_literal (&error, GMP_ERROR, GMP_ERROR_LAUNCH,
                           "agents cannot be started: this process was forked after the program "
                           "had used workers. Let it fork before that, or set the property "
                           "launcher to 'local'");
      give_up (self, error);
      return G_SOURCE_REMOVE;
    }
  if (self->reception == NULL)
    self->reception = gmp_reception_new (self->launcher, opened_cb, arrived_cb, ended_cb, self);
  gmp_reception_open (self->reception);
  return G_SOURCE_REMOVE;
}

static gboolean
cancelled_cb (gpointer user_data)
{
  GTask *task = user_data;
  GmpCluster *self = g_task_get_task_data (task);
  gboolean waits;

  g_mutex_lock (&self->lock);
  waits = g_queue_remove (&self->waiting, task);
  g_mutex_unlock (&self->lock);
  if (waits)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                               "Waiting for a node was cancelled");
      g_object_unref (task);
    }
  return G_SOURCE_REMOVE;
}

/* In the thread that cancels, so the task returns later. */
static void
watched_cb (GCancellable *cancellable G_GNUC_UNUSED,
            gpointer      task)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_task_attach_source (task, source, cancelled_cb);
}

static void
unref_task (gpointer  task,
            GClosure *closure G_GNUC_UNUSED)
{
  g_object_unref (task);
}

/* Without a source, for each turn of a main loop looks at those of all workers that wait. */
static void
watch_cancellable (GTask *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  gulong handler;

  if (cancellable == NULL)
    return;
  handler = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (watched_cb),
                                   g_object_ref (task), unref_task, 0);
  g_object_set_data (G_OBJECT (task), "handler", GSIZE_TO_POINTER (handler));
  if (g_cancellable_is_cancelled (cancellable))
    watched_cb (cancellable, task);
}

/* Finishes with a node for a worker, when there is one: one call of gmp_agent_proxy_start_async(),
 * or of gmp_agent_proxy_release(), has to follow. */
void
gmp_cluster_reserve_async (GmpCluster         *self,
                           int                 priority,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GmpAgentProxy *agent = NULL;
  gboolean begins = FALSE;
  GError *error = NULL;

  g_task_set_source_tag (task, gmp_cluster_reserve_async);
  g_task_set_priority (task, priority);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, self, NULL);
  if (!gmp_bus_begin (&error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_mutex_lock (&self->lock);
  if (self->is_gathered)
    agent = choose_locked (self, NULL);
  if (agent == NULL)
    {
      g_queue_push_tail (&self->waiting, g_object_ref (task));
      begins = !self->has_begun;
      self->has_begun = TRUE;
    }
  g_mutex_unlock (&self->lock);
  if (agent != NULL)
    g_task_return_pointer (task, agent, release);
  else
    watch_cancellable (task);
  if (begins)
    g_main_context_invoke (gmp_bus_get_context (), begin_cb, self);
}

GmpAgentProxy *
gmp_cluster_reserve_finish (GmpCluster   *self G_GNUC_UNUSED,
                            GAsyncResult *result,
                            GError      **error)
{
  gulong handler = GPOINTER_TO_SIZE (g_object_get_data (G_OBJECT (result), "handler"));

  if (handler != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (G_TASK (result)), handler);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* A node that is there now, with a worker reserved as by gmp_cluster_reserve_async(): @near
 * (nullable) if it has a free slot. %NULL if there is no node. */
GmpAgentProxy *
gmp_cluster_reserve_now (GmpCluster    *self,
                         GmpAgentProxy *near)
{
  GmpAgentProxy *agent = NULL;

  g_mutex_lock (&self->lock);
  if (self->is_gathered)
    agent = choose_locked (self, near);
  g_mutex_unlock (&self->lock);
  return agent;
}

/* How many nodes may be lost at the same moment, and within which time in seconds they all are
 * noticed then. */
void
gmp_cluster_get_loss (GmpCluster *self,
                      guint      *n_nodes,
                      double     *seconds)
{
  g_mutex_lock (&self->lock);
  *n_nodes = self->n_nodes;
  g_mutex_unlock (&self->lock);
  *seconds = gmp_reception_get_timeout ();
}

guint
gmp_cluster_count_lost (GmpCluster *self)
{
  guint result;

  g_mutex_lock (&self->lock);
  result = self->n_lost;
  g_mutex_unlock (&self->lock);
  return result;
}

/* The data by which the ends of a channel reach each other, floating: its server is a worker on the
 * node of @agent. Once there is a node. */
void
gmp_cluster_introduce (GmpCluster    *self,
                       GmpAgentProxy *agent,
                       GVariant     **client,
                       GVariant     **server)
{
  gmp_reception_introduce (self->reception, gmp_agent_proxy_get_port (agent),
                           gmp_agent_proxy_get_addresses (agent), client, server);
}

/* As gmp_reception_serve(). Once there is a node. */
GVariant *
gmp_cluster_serve (GmpCluster *self,
                   const char *name,
                   int         fd)
{
  return gmp_reception_serve (self->reception, name, fd);
}

static GmpCluster *
cluster_new (const char *launcher)
{
  GmpCluster *self = g_new0 (GmpCluster, 1);

  self->generation = gmp_fork_get_generation ();
  self->launcher = g_strdup (launcher);
  g_mutex_init (&self->lock);
  g_cond_init (&self->cond);
  self->agents = g_ptr_array_new_with_free_func (g_object_unref);
  return self;
}

/* For workers of an object whose property is @launcher (nullable). %NULL if they run on this
 * machine, which costs only the check of a variable. */
GmpCluster *
gmp_cluster_get (const char *launcher)
{
  const char *wanted = gmp_engine_choose (launcher);
  GmpCluster *self;

  if (wanted == NULL)
    return NULL;
  G_LOCK (clusters);
  for (self = clusters; self != NULL && !g_str_equal (self->launcher, wanted);)
    self = self->next_cluster;
  if (self == NULL)
    {
      self = cluster_new (wanted);
      self->next_cluster = clusters;
      clusters = self;
    }
  G_UNLOCK (clusters);
  return self;
}

static gboolean
close_cb (gpointer user_data)
{
  GmpCluster *self = user_data;

  for (guint i = 0; i < self->agents->len; i++)
    gmp_agent_proxy_close (self->agents->pdata[i]);
  gmp_reception_close (self->reception, FALSE);
  return G_SOURCE_REMOVE;
}

static gboolean
kill_cb (gpointer user_data)
{
  gmp_reception_close (((GmpCluster *) user_data)->reception, TRUE);
  return G_SOURCE_REMOVE;
}

static gboolean
await_commands_locked (GmpCluster *self,
                       gint64      end)
{
  while (self->n_commands > 0 && g_cond_wait_until (&self->cond, &self->lock, end))
    ;
  return self->n_commands == 0;
}

/* A command that is killed is waited for, because GSubprocess sends the signal from another
 * thread. */
static void
await_end (GmpCluster *self,
           gint64      end)
{
  g_mutex_lock (&self->lock);
  if (!await_commands_locked (self, end))
    {
      g_mutex_unlock (&self->lock);
      g_main_context_invoke (gmp_bus_get_context (), kill_cb, self);
      g_mutex_lock (&self->lock);
      await_commands_locked (self, end + KILL_LIMIT * G_TIME_SPAN_SECOND);
    }
  g_mutex_unlock (&self->lock);
}

static gboolean
is_open_here (GmpCluster *self)
{
  return self->reception != NULL && self->generation == gmp_fork_get_generation ();
}

/* A program that ends leaves no agent behind, and no command that has started one. */
__attribute__ ((destructor)) static void
end_agents (void)
{
  gint64 end = g_get_monotonic_time () + END_LIMIT * G_TIME_SPAN_SECOND;

  for (GmpCluster *self = clusters; self != NULL; self = self->next_cluster)
    if (is_open_here (self))
      g_main_context_invoke (gmp_bus_get_context (), close_cb, self);
  for (GmpCluster *self = clusters; self != NULL; self = self->next_cluster)
    if (is_open_here (self))
      await_end (self, end);
}
