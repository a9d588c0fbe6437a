/* gmp-process.c: a process that a launcher started
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-private.h"

#include "base/gmp-fork-private.h"
#include "launch/gmp-reaper-private.h"

#include <signal.h>
#include <string.h>

typedef struct {
  guint generation; /* of this process, by gmp_fork_get_generation() */

  GMutex lock;
  GCond ended_cond;
  GList *waits; /* of GTask; under lock, as what follows */
  gboolean is_expected; /* to end, see n_expected */
  GSource *kill_source; /* (nullable) */
  gboolean has_ended;
  int wait_status;
  GmpProcessUsage usage;
  GError *loss; /* (nullable): why its status is unknown */
} GmpProcessPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpProcess, gmp_process, G_TYPE_OBJECT)

/* The number of ending processes that nothing else waits for. */
G_LOCK_DEFINE_STATIC (n_expected);
static guint n_expected;
static GCond settled_cond;
static GSList *settling; /* of GTask */

/* They are the parent's. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (n_expected), 0, sizeof G_LOCK_NAME (n_expected));
  memset (&settled_cond, 0, sizeof settled_cond);
  n_expected = 0;
  settling = NULL;
}

GMP_FORK_FORGETS (forget)

static void
gmp_process_finalize (GObject *object)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (GMP_PROCESS (object));

  /* In a forked child a thread that does not exist there may hold it forever. */
  if (!gmp_process_is_foreign (GMP_PROCESS (object)))
    {
      g_mutex_clear (&priv->lock);
      g_cond_clear (&priv->ended_cond);
    }
  g_clear_error (&priv->loss);
  G_OBJECT_CLASS (gmp_process_parent_class)->finalize (object);
}

static void
gmp_process_real_take_line (GmpProcess *self G_GNUC_UNUSED)
{
}

static const char *
gmp_process_real_get_node (GmpProcess *self G_GNUC_UNUSED)
{
  return NULL;
}

static void
gmp_process_class_init (GmpProcessClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_process_finalize;
  klass->get_node = gmp_process_real_get_node;
  klass->take_line = gmp_process_real_take_line;
}

static void
gmp_process_init (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  priv->generation = gmp_fork_get_generation ();
  g_mutex_init (&priv->lock);
  g_cond_init (&priv->ended_cond);
}

/* TRUE if it belongs to the parent of this forked process: then it is neither ended nor waited for
 * here. */
gboolean
gmp_process_is_foreign (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  return priv->generation != gmp_fork_get_generation ();
}

int
gmp_process_get_pid (GmpProcess *self)
{
  return GMP_PROCESS_GET_CLASS (self)->get_pid (self);
}

void
gmp_process_send_signal (GmpProcess *self,
                         int         signum)
{
  if (!gmp_process_is_foreign (self))
    GMP_PROCESS_GET_CLASS (self)->send_signal (self, signum);
}

gboolean
gmp_process_has_ended (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);
  gboolean result;

  g_mutex_lock (&priv->lock);
  result = priv->has_ended;
  g_mutex_unlock (&priv->lock);
  return result;
}

static void
destroy_source (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
return_settled (gpointer task)
{
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

/* Call it once, in any thread. */
void
gmp_process_set_ended (GmpProcess     *self,
                       int             wait_status,
                       GmpProcessUsage usage)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);
  g_autoptr (GList) waits = NULL;
  GSource *kill_source;
  gboolean was_expected;

  g_mutex_lock (&priv->lock);
  priv->has_ended = TRUE;
  priv->wait_status = wait_status;
  priv->usage = usage;
  g_cond_broadcast (&priv->ended_cond);
  waits = g_steal_pointer (&priv->waits);
  was_expected = priv->is_expected;
  kill_source = g_steal_pointer (&priv->kill_source);
  g_mutex_unlock (&priv->lock);
  if (kill_source != NULL)
    destroy_source (kill_source);
  for (GList *link = waits; link != NULL; link = link->next)
    {
      g_task_return_int (link->data, wait_status);
      g_object_unref (link->data);
    }
  if (!was_expected)
    return;
  G_LOCK (n_expected);
  n_expected--;
  g_cond_broadcast (&settled_cond);
  if (n_expected == 0)
    g_slist_free_full (g_steal_pointer (&settling), return_settled);
  G_UNLOCK (n_expected);
}

/* Its machine cannot be reached any more. Takes ownership of @reason. */
void
gmp_process_set_lost (GmpProcess *self,
                      GError     *reason)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  priv->loss = reason;
  gmp_process_set_ended (self, GMP_PROCESS_STATUS_UNKNOWN, (GmpProcessUsage) { 0 });
}

/* (nullable): of one that has ended. */
const GError *
gmp_process_get_loss (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  return priv->loss;
}

const char *
gmp_process_get_node (GmpProcess *self)
{
  return GMP_PROCESS_GET_CLASS (self)->get_node (self);
}

void
gmp_process_take_line (GmpProcess *self)
{
  GMP_PROCESS_GET_CLASS (self)->take_line (self);
}

static gboolean
take_wait (GmpProcess *self,
           GTask      *task)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);
  GList *link;

  g_mutex_lock (&priv->lock);
  link = g_list_find (priv->waits, task);
  if (link != NULL)
    priv->waits = g_list_delete_link (priv->waits, link);
  g_mutex_unlock (&priv->lock);
  return link != NULL;
}

/* Finishes with the wait status, as of waitpid(), when the process has ended; @priority is that of
 * the callback in the thread-default main context. */
void
gmp_process_wait_async (GmpProcess         *self,
                        int                 priority,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  gboolean has_ended;

  g_task_set_source_tag (task, gmp_process_wait_async);
  g_task_set_priority (task, priority);
  g_mutex_lock (&priv->lock);
  has_ended = priv->has_ended;
  if (!has_ended)
    priv->waits = g_list_prepend (priv->waits, g_object_ref (task));
  g_mutex_unlock (&priv->lock);
  if (has_ended)
    g_task_return_int (task, priv->wait_status);
}

static gboolean
unwait_cb (gpointer user_data)
{
  GTask *task = user_data;
  GmpProcess *self = g_task_get_source_object (task);

  if (!gmp_process_is_foreign (self) && take_wait (self, task))
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                               "Waiting for the process was cancelled");
      g_object_unref (task);
    }
  return G_SOURCE_REMOVE;
}

/* Ends all waits, each in its main context. The end of the process counts if it comes before. */
void
gmp_process_unwait (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  if (gmp_process_is_foreign (self))
    return;
  /* A cancellable would need a source for each process, and each turn of a main loop looks at all
   * of its sources. */
  g_mutex_lock (&priv->lock);
  for (GList *link = priv->waits; link != NULL; link = link->next)
    {
      g_autoptr (GSource) source = g_idle_source_new ();

      g_task_attach_source (link->data, source, unwait_cb);
    }
  g_mutex_unlock (&priv->lock);
}

gboolean
gmp_process_wait_finish (GmpProcess   *self G_GNUC_UNUSED,
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

/* Known after it was waited for; otherwise all 0. */
GmpProcessUsage
gmp_process_get_usage (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);
  GmpProcessUsage result;

  g_mutex_lock (&priv->lock);
  result = priv->usage;
  g_mutex_unlock (&priv->lock);
  return result;
}

/* %FALSE if it has not ended after @limit milliseconds. */
static gboolean
wait_sync (GmpProcess *self,
           guint       limit)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);
  gint64 end_time = g_get_monotonic_time () + limit * G_TIME_SPAN_MILLISECOND;
  gboolean is_over = FALSE;
  gboolean result;

  g_mutex_lock (&priv->lock);
  while (!priv->has_ended && !is_over)
    is_over = !g_cond_wait_until (&priv->ended_cond, &priv->lock, end_time);
  result = priv->has_ended;
  g_mutex_unlock (&priv->lock);
  return result;
}

/* Waits for a process that should end, and kills it after @limit milliseconds. It runs no user
 * callback and no context of the caller. A process that cannot be killed is abandoned after the
 * same time again. */
void
gmp_process_end_sync (GmpProcess *self,
                      guint       limit)
{
  if (gmp_process_is_foreign (self) || wait_sync (self, limit))
    return;
  gmp_process_send_signal (self, SIGKILL);
  if (!wait_sync (self, limit))
    g_message ("Process %d does not exit, and cannot be killed", gmp_process_get_pid (self));
}

static gboolean
kill_cb (gpointer user_data)
{
  gmp_process_send_signal (user_data, SIGKILL);
  return G_SOURCE_REMOVE;
}

static GSource *
new_kill_source (GmpProcess *self,
                 guint       limit)
{
  GSource *source = g_timeout_source_new (limit);

  g_source_set_callback (source, kill_cb, g_object_ref (self), g_object_unref);
  gmp_reaper_attach (source);
  return source;
}

/* The process will end, and gmp_process_settle() waits for that. */
void
gmp_process_expect_end (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  if (gmp_process_is_foreign (self))
    return;
  g_mutex_lock (&priv->lock);
  if (!priv->is_expected && !priv->has_ended)
    {
      priv->is_expected = TRUE;
      G_LOCK (n_expected);
      n_expected++;
      G_UNLOCK (n_expected);
    }
  g_mutex_unlock (&priv->lock);
}

/* As gmp_process_end_sync(), but does not wait. */
void
gmp_process_end_later (GmpProcess *self,
                       guint       limit)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  if (gmp_process_is_foreign (self))
    return;
  gmp_process_expect_end (self);
  g_mutex_lock (&priv->lock);
  if (!priv->has_ended && priv->kill_source == NULL)
    priv->kill_source = new_kill_source (self, limit);
  g_mutex_unlock (&priv->lock);
}

/* TRUE if there are processes that are expected to end and have not. */
gboolean
gmp_process_is_settling (void)
{
  gboolean result;

  G_LOCK (n_expected);
  result = n_expected > 0;
  G_UNLOCK (n_expected);
  return result;
}

/* Waits until all processes that are expected to end have ended, for at most @limit
 * milliseconds. */
void
gmp_process_settle (guint limit)
{
  gint64 end_time = g_get_monotonic_time () + limit * 1000;
  gboolean is_over = FALSE;

  G_LOCK (n_expected);
  while (n_expected > 0 && !is_over)
    is_over = !g_cond_wait_until (&settled_cond, &G_LOCK_NAME (n_expected), end_time);
  G_UNLOCK (n_expected);
}

static gboolean
settle_limit_cb (gpointer task)
{
  GSList *link;

  gmp_reaper_enter ();
  G_LOCK (n_expected);
  link = g_slist_find (settling, task);
  settling = g_slist_delete_link (settling, link);
  G_UNLOCK (n_expected);
  if (link != NULL)
    return_settled (task);
  gmp_reaper_leave ();
  return G_SOURCE_REMOVE;
}

/* Calls back, in the thread-default main context, when gmp_process_settle() would return. */
void
gmp_process_settle_async (guint               limit,
                          int                 priority,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  g_autoptr (GSource) source = g_timeout_source_new (limit);

  g_task_set_source_tag (task, gmp_process_settle_async);
  g_task_set_priority (task, priority);
  g_source_set_callback (source, settle_limit_cb, g_object_ref (task), g_object_unref);
  g_task_set_task_data (task, g_source_ref (source), destroy_source);
  G_LOCK (n_expected);
  if (n_expected > 0)
    {
      settling = g_slist_prepend (settling, g_object_ref (task));
      gmp_reaper_attach (source);
    }
  else
    {
      g_task_return_boolean (task, TRUE);
    }
  G_UNLOCK (n_expected);
}

void
gmp_process_settle_finish (GAsyncResult *result)
{
  /* The source holds the task. */
  g_task_set_task_data (G_TASK (result), NULL, NULL);
  g_task_propagate_boolean (G_TASK (result), NULL);
}
