/* gmp-process-cache.c: starts processes, ahead of time where that helps
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-cache-core-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-runtime-private.h"
#include "base/gmp-source-private.h"
#include "launch/gmp-cold-launcher-private.h"

#include <glib-unix.h>

/* The milliseconds that workers wait for a server that loads their modules, before they are started
 * cold: several that wait together, which would load them at the same time, and a single one. */
#define LOAD_LIMIT  20000
#define ALONE_LIMIT 10000

/* The number of kinds of processes that are kept warm. */
#define MAX_KINDS 16

/* The milliseconds that idle processes have to end. */
#define SETTLE_LIMIT 2000

typedef struct {
  GTask *task;
  GmpProcessSpec *spec;
  GSource *source;   /* fires when the server has loaded, or at a limit */
  gboolean is_first; /* of its kind: the source finds whether it is the only one */
} Waiting;

static GList *
find_kind_locked (GmpProcessCache *self,
                  const char      *key)
{
  GList *link = self->kinds.head;

  while (link != NULL && !g_str_equal (((GmpProcessKind *) link->data)->key, key))
    link = link->next;
  return link;
}

static GmpProcessKind *
get_kind_locked (GmpProcessCache      *self,
                 const GmpProcessSpec *spec)
{
  GList *link = find_kind_locked (self, spec->server_key);
  GmpProcessKind *kind;

  if (link != NULL)
    {
      g_queue_unlink (&self->kinds, link);
      g_queue_push_head_link (&self->kinds, link);
      return link->data;
    }
  kind = g_queue_peek_tail (&self->kinds);
  if (self->kinds.length >= MAX_KINDS && kind->waiting.length == 0)
    gmp_process_kind_free (g_queue_pop_tail (&self->kinds));
  kind = gmp_process_kind_new (spec);
  g_queue_push_head (&self->kinds, kind);
  return kind;
}

static gboolean
refill_cb (gpointer user_data)
{
  GmpProcessSpec *spec = user_data;
  GmpProcessCache *self = gmp_process_cache_ref_if_any ();
  GList *link;

  if (self == NULL)
    return G_SOURCE_REMOVE;
  g_mutex_lock (&self->lock);
  link = find_kind_locked (self, spec->server_key);
  if (link != NULL && !gmp_process_cache_is_short ())
    gmp_process_kind_add_spare (link->data, self->plain, spec);
  g_mutex_unlock (&self->lock);
  gmp_process_cache_unref (self);
  return G_SOURCE_REMOVE;
}

static void
free_spec (gpointer data)
{
  gmp_process_spec_free (data);
}

/* Starts a replacement for the process that was taken for @spec, when the thread-default main
 * context is idle. By then the taken process has received its job, so it does not wait for this.
 * Takes ownership of @spec. */
static void
refill (GmpProcessSpec *spec)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_callback (source, refill_cb, spec, free_spec);
  g_source_attach (source, g_main_context_get_thread_default ());
}

/* Ends the processes that were started ahead; %FALSE if there are none. */
gboolean
gmp_process_cache_drop_spares (GmpProcessCache *self)
{
  gboolean result = FALSE;

  g_mutex_lock (&self->lock);
  for (GList *link = self->kinds.head; link != NULL; link = link->next)
    if (gmp_process_kind_drop_spares (link->data))
      result = TRUE;
  g_mutex_unlock (&self->lock);
  return result;
}

/* Ends everything that was started ahead, servers too, and starts nothing ahead for a while. %FALSE
 * if there was nothing. */
static gboolean
give_way_locked (GmpProcessCache *self)
{
  gboolean result = FALSE;

  gmp_process_cache_run_short ();
  for (GList *link = self->kinds.head; link != NULL; link = link->next)
    if (gmp_process_kind_give_way (link->data))
      result = TRUE;
  return result;
}

void
gmp_process_cache_give_way (GmpProcessCache *self)
{
  g_mutex_lock (&self->lock);
  give_way_locked (self);
  g_mutex_unlock (&self->lock);
}

/* Processes that are given out under the lock are reported after it is released, because the
 * callback may request another. */
typedef struct {
  GTask *task;
  GmpStarted *started;
  GError *error;
  char *complaint; /* (nullable) */
} Delivery;

static void
unlock_and_deliver (GmpProcessCache *self,
                    GArray          *deliveries)
{
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < deliveries->len; i++)
    {
      Delivery *delivery = &g_array_index (deliveries, Delivery, i);

      if (delivery->complaint != NULL)
        g_message ("%s", delivery->complaint);
      g_free (delivery->complaint);
      if (delivery->error != NULL)
        g_task_return_error (delivery->task, delivery->error);
      else
        g_task_return_pointer (delivery->task, delivery->started,
                               (GDestroyNotify) gmp_started_free);
      g_object_unref (delivery->task);
    }
  g_array_unref (deliveries);
}

/* Processes started ahead are in the way of @spec, and are ending. */
typedef struct {
  GTask *task;
  GmpProcessSpec *spec;
} Retry;

static void
deliver_locked (GmpProcessCache *self,
                GTask           *task,
                GmpProcessSpec  *spec,
                GArray          *deliveries)
{
  Delivery delivery = { g_object_ref (task), NULL, NULL, NULL };

  delivery.started = gmp_started_new (self->plain, spec, FALSE, &delivery.error);
  g_array_append_val (deliveries, delivery);
}

static void
settled_cb (GObject      *source G_GNUC_UNUSED,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autofree Retry *retry = user_data;
  g_autoptr (GTask) task = retry->task;
  GmpProcessCache *self = g_task_get_task_data (task);
  GArray *deliveries;

  gmp_process_settle_finish (result);
  if (gmp_process_cache_is_foreign (self))
    {
      /* It belongs to the parent. */
      g_steal_pointer (&task);
      return;
    }
  deliveries = g_array_new (FALSE, FALSE, sizeof (Delivery));
  g_mutex_lock (&self->lock);
  deliver_locked (self, task, retry->spec, deliveries);
  unlock_and_deliver (self, deliveries);
  gmp_process_spec_free (retry->spec);
}

/* Takes ownership of @spec, and tries again when everything that was started ahead has ended, or
 * at the limit. */
static void
retry_later (GTask          *task,
             GmpProcessSpec *spec)
{
  Retry *retry = g_new (Retry, 1);

  *retry = (Retry) { g_object_ref (task), spec };
  gmp_process_settle_async (SETTLE_LIMIT, spec->options->priority, settled_cb, retry);
}

/* If it takes ownership of @spec, that becomes %NULL. */
static void
give_locked (GmpProcessCache *self,
             GmpProcessKind  *kind,
             GTask           *task,
             GmpProcessSpec **spec,
             GArray          *deliveries)
{
  Delivery delivery = { NULL, gmp_process_kind_take_spare (kind, *spec), NULL, NULL };

  if (delivery.started == NULL)
    delivery.started = gmp_process_kind_start (kind, self->plain, *spec, &delivery.error);
  if (delivery.started == NULL && give_way_locked (self))
    {
      g_clear_error (&delivery.error);
      retry_later (task, g_steal_pointer (spec));
      return;
    }
  delivery.task = g_object_ref (task);
  if (delivery.started != NULL)
    delivery.complaint = gmp_process_kind_complain (kind);
  g_array_append_val (deliveries, delivery);
}

static void
waiting_free (Waiting *waiting)
{
  g_source_destroy (waiting->source);
  g_source_unref (waiting->source);
  g_clear_pointer (&waiting->spec, gmp_process_spec_free);
  g_object_unref (waiting->task);
  g_free (waiting);
}

/* The server is ready, or there will be none: serves all that wait, whichever noticed it first. */
static void
serve_waiting_locked (GmpProcessCache *self,
                      GmpProcessKind  *kind,
                      GArray          *deliveries)
{
  Waiting *waiting;

  while ((waiting = g_queue_pop_head (&kind->waiting)) != NULL)
    {
      give_locked (self, kind, waiting->task, &waiting->spec, deliveries);
      if (kind->waiting.length == 0 && waiting->spec != NULL && !waiting->is_first)
        refill (g_steal_pointer (&waiting->spec));
      waiting_free (waiting);
    }
}

/* %NULL if it has been served meanwhile in another thread. */
static Waiting *
find_waiting_locked (GmpProcessCache *self,
                     GTask           *task,
                     GmpProcessKind **kind)
{
  for (GList *link = self->kinds.head; link != NULL; link = link->next)
    {
      *kind = link->data;
      for (GList *waiting = (*kind)->waiting.head; waiting != NULL; waiting = waiting->next)
        if (((Waiting *) waiting->data)->task == task)
          return waiting->data;
    }
  return NULL;
}

static void await_server_locked (GmpProcessKind *kind,
                                 Waiting        *waiting);

/* When all waits end, in monotonic time. */
static gint64
get_end (const GmpProcessKind *kind)
{
  return kind->load_begin + (kind->waiting.length > 1 ? LOAD_LIMIT : ALONE_LIMIT) * 1000;
}

static gboolean
waits_on (GmpProcessKind *kind,
          const Waiting  *waiting)
{
  return kind->state == GMP_SERVER_LOADING &&
         (waiting->is_first || (!gmp_process_kind_has_answer (kind) &&
                                g_get_monotonic_time () < get_end (kind)));
}

static gboolean
waited_cb (gpointer user_data)
{
  GTask *task = user_data;
  GmpProcessCache *self = g_task_get_task_data (task);
  GArray *deliveries;
  GError *error = NULL;
  Waiting *waiting;
  GmpProcessKind *kind;

  if (gmp_process_cache_is_foreign (self))
    return G_SOURCE_REMOVE;
  deliveries = g_array_new (FALSE, FALSE, sizeof (Delivery));
  g_mutex_lock (&self->lock);
  waiting = find_waiting_locked (self, task, &kind);
  if (waiting != NULL &&
      g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    {
      Delivery delivery = { g_object_ref (task), NULL, error, NULL };

      g_array_append_val (deliveries, delivery);
      g_queue_remove (&kind->waiting, waiting);
      waiting_free (waiting);
    }
  else if (waiting != NULL && waits_on (kind, waiting))
    {
      await_server_locked (kind, waiting);
    }
  else if (waiting != NULL)
    {
      if (kind->state == GMP_SERVER_LOADING)
        gmp_process_kind_settle_server (kind);
      serve_waiting_locked (self, kind, deliveries);
    }
  unlock_and_deliver (self, deliveries);
  return G_SOURCE_REMOVE;
}

static gboolean
answered_cb (int          fd G_GNUC_UNUSED,
             GIOCondition condition G_GNUC_UNUSED,
             gpointer     user_data)
{
  return waited_cb (user_data);
}

/* @priority is that of the run, or less. Takes ownership of @source. */
static void
waiting_attach (Waiting    *self,
                GSource    *source,
                int         priority,
                GSourceFunc callback)
{
  if (self->source != NULL)
    g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  self->source = source;
  g_source_set_priority (source, priority);
  g_source_set_callback (source, callback, g_object_ref (self->task), g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static void
await_server_locked (GmpProcessKind *kind,
                     Waiting        *waiting)
{
  GSource *source = g_unix_fd_source_new (gmp_fork_launcher_get_fd (kind->server), G_IO_IN);

  waiting->is_first = FALSE;
  g_source_set_ready_time (source, get_end (kind));
  gmp_source_add_cancel (source, g_task_get_cancellable (waiting->task));
  waiting_attach (waiting, source, waiting->spec->options->priority,
                  G_SOURCE_FUNC (answered_cb));
}

/* Takes ownership of @spec. */
static Waiting *
add_waiting_locked (GmpProcessKind *kind,
                    GTask          *task,
                    GmpProcessSpec *spec)
{
  Waiting *waiting = g_new0 (Waiting, 1);

  waiting->task = g_object_ref (task);
  waiting->spec = spec;
  g_queue_push_tail (&kind->waiting, waiting);
  return waiting;
}

/* The first of its kind is executed, unless another one is requested before the main context is
 * idle for the run: then all are forks of one server, and share its memory. */
static void
await_others_locked (GmpProcessKind *kind,
                     GTask          *task,
                     GmpProcessSpec *spec)
{
  Waiting *waiting = add_waiting_locked (kind, task, spec);

  waiting->is_first = TRUE;
  waiting_attach (waiting, g_idle_source_new (), spec->options->priority + 1, waited_cb);
}

static gboolean
is_enabled (void)
{
  return !gmp_environment_is ("GMPROC_WARM", "0", "1") &&
         gmp_environment_get ("GMPROC_WRAP") == NULL;
}

static void
drop_kinds (GmpProcessCache *self)
{
  GList *next;

  g_mutex_lock (&self->lock);
  for (GList *link = self->kinds.head; link != NULL; link = next)
    {
      next = link->next;
      if (((GmpProcessKind *) link->data)->waiting.length > 0)
        continue;
      gmp_process_kind_free (link->data);
      g_queue_delete_link (&self->kinds, link);
    }
  g_mutex_unlock (&self->lock);
}

/* Starts the server for @spec if it is time; %FALSE if @spec waits for another. */
static gboolean
prepare_server_locked (GmpProcessCache *self,
                       GmpProcessKind  *kind,
                       GmpProcessSpec  *spec,
                       GArray          *deliveries)
{
  gboolean may_fork = gmp_runtime_may_fork (spec->runtime);

  if (kind->state == GMP_SERVER_NONE && spec->working_directory != NULL &&
      !gmp_process_cache_is_short ())
    {
      if (!kind->was_wanted && may_fork)
        return FALSE;
      if (kind->was_wanted && may_fork)
        gmp_process_kind_start_server (kind, self->plain, spec);
      else if (kind->was_wanted)
        kind->state = GMP_SERVER_REFUSED;
    }
  else if (kind->state == GMP_SERVER_LOADING && gmp_process_kind_has_answer (kind))
    {
      gmp_process_kind_settle_server (kind);
      serve_waiting_locked (self, kind, deliveries);
    }
  return TRUE;
}

/* Takes ownership of @spec. */
static void
order_locked (GmpProcessCache *self,
              GTask           *task,
              GmpProcessSpec  *spec,
              GArray          *deliveries)
{
  GmpProcessKind *kind = get_kind_locked (self, spec);

  if (!prepare_server_locked (self, kind, spec, deliveries))
    {
      await_others_locked (kind, task, spec);
    }
  else if (kind->state == GMP_SERVER_LOADING && !kind->is_late)
    {
      await_server_locked (kind, add_waiting_locked (kind, task, spec));
    }
  else
    {
      gmp_process_kind_renew_server (kind, self->plain, spec);
      give_locked (self, kind, task, &spec, deliveries);
      if (spec != NULL && kind->was_wanted && !gmp_process_cache_is_short ())
        refill (g_steal_pointer (&spec));
      g_clear_pointer (&spec, gmp_process_spec_free);
    }
  kind->was_wanted = TRUE;
}

/* @spec is started cold, even if a warm process is available. */
static void
order_plain_locked (GmpProcessCache *self,
                    GTask           *task,
                    GmpProcessSpec  *spec,
                    GArray          *deliveries)
{
  GError *error = NULL;
  GmpStarted *started = gmp_started_new (self->plain, spec, FALSE, &error);
  Delivery delivery = { NULL, started, error, NULL };

  if (started == NULL && give_way_locked (self))
    {
      g_error_free (error);
      retry_later (task, spec);
      return;
    }
  delivery.task = g_object_ref (task);
  g_array_append_val (deliveries, delivery);
  gmp_process_spec_free (spec);
}

/* Starts a process, in the thread-default main context. Takes ownership of @spec. With @is_cold it
 * is started cold, even if a warm process is available. */
void
gmp_process_cache_start_async (GmpProcessCache    *self,
                               GmpProcessSpec     *spec,
                               gboolean            is_cold,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GArray *deliveries;
  GError *error = NULL;

  g_task_set_source_tag (task, gmp_process_cache_start_async);
  g_task_set_priority (task, spec->options->priority);
  g_task_set_task_data (task, gmp_process_cache_ref (self),
                        (GDestroyNotify) gmp_process_cache_unref);
  if (!gmp_process_spec_check_folder (spec, &error))
    {
      g_task_return_error (task, error);
      gmp_process_spec_free (spec);
      return;
    }
  if (!is_enabled ())
    drop_kinds (self);
  deliveries = g_array_new (FALSE, FALSE, sizeof (Delivery));
  g_mutex_lock (&self->lock);
  if (gmp_process_cache_is_short () && gmp_process_is_settling ())
    retry_later (task, spec);
  else if (is_cold || !is_enabled ())
    order_plain_locked (self, task, spec, deliveries);
  else
    order_locked (self, task, spec, deliveries);
  unlock_and_deliver (self, deliveries);
}

/* Free it with g_free() after its process and descriptor have been taken. */
GmpStarted *
gmp_process_cache_start_finish (GmpProcessCache *self G_GNUC_UNUSED,
                                GAsyncResult    *result,
                                GError         **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

GmpProcessCache *
gmp_process_cache_new (void)
{
  GmpProcessCache *self = g_new0 (GmpProcessCache, 1);

  self->generation = gmp_fork_get_generation ();
  /* The class ignores SIGPIPE when it is first used. The user has not made that change, and it must
   * not distinguish two processes. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
  g_mutex_init (&self->lock);
  self->plain = gmp_cold_launcher_new ();
  return self;
}

/* Ends all processes that were started ahead, and waits for that. */
void
gmp_process_cache_free (GmpProcessCache *self)
{
  drop_kinds (self);
  gmp_process_settle (SETTLE_LIMIT);
  g_object_unref (self->plain);
  g_mutex_clear (&self->lock);
  g_free (self);
}
