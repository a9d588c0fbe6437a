/* gmp-starter.c: starts processes, ahead where that helps
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-starter-private.h"

#include "application/gmp-room-private.h"
#include "base/gmp-debug-private.h"
#include "base/gmp-environment-private.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-runtime-private.h"
#include "launch/gmp-subprocess-launcher-private.h"
#include "launch/gmp-warm-launcher-private.h"

#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* How many milliseconds a server has to load what workers need, before they are started as ever. */
#define LOAD_LIMIT 20000

/* How many kinds of processes are kept warm: an application with more has them started as ever. */
#define MAX_KINDS 4

typedef enum {
  SERVER_NONE,
  SERVER_LOADING,
  SERVER_READY,
  SERVER_REFUSED /* there will be none */
} ServerState;

/* A kind of process: the same command, environment and so on. The first one is started as ever.
 * With the second one comes a server that is forked for it and those to come, where the runtime
 * can be forked. For each process that is taken, another is started ahead, as many as there are
 * processors: a fork, or where there is no server, one that was started as ever. */
typedef struct {
  char *key;
  gboolean was_wanted; /* an earlier order was of this kind */
  ServerState state;
  GmpWarmLauncher *server;
  GQueue waiting; /* of Waiting: for the server */
  GQueue spares;  /* of Spare */
} Kind;

typedef struct {
  GTask *task;
  GmpOrder *order;
  GSource *source; /* (nullable): tells when the server has loaded, or it is enough */
} Waiting;

typedef struct {
  char *key;
  GmpStarted *started;
} Spare;

struct _GmpStarter
{
  guint n_references; /* under the lock of the default one */
  guint generation;   /* of this process, by gmp_fork_get_generation() */

  GMutex lock;
  GmpLauncher *plain;
  GQueue kinds; /* of Kind: the last that was asked for comes first */
};

G_LOCK_DEFINE_STATIC (default_starter);
static GmpStarter *default_starter;

/* What has been started, or is, belongs to the parent of a forked child. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (default_starter), 0, sizeof G_LOCK_NAME (default_starter));
  default_starter = NULL;
}

GMP_FORK_FORGETS (forget)

static gboolean
is_foreign (GmpStarter *self)
{
  return self->generation != gmp_fork_get_generation ();
}

/* %NULL where the last reference has gone. */
static GmpStarter *
ref_if_any (void)
{
  GmpStarter *self;

  G_LOCK (default_starter);
  self = default_starter;
  if (self != NULL)
    self->n_references++;
  G_UNLOCK (default_starter);
  return self;
}

/* It has nothing to do, so there is nothing to wait for but its end. */
static void
started_free (GmpStarted *started)
{
  gmp_worker_process_kill (started->process);
  gmp_worker_process_end_sync (started->process);
  gmp_worker_process_free (started->process);
  close (started->control_fd);
  g_free (started);
}

static void
spare_free (gpointer data)
{
  Spare *spare = data;

  started_free (spare->started);
  g_free (spare->key);
  g_free (spare);
}

static void
kind_free (Kind *kind)
{
  g_assert (kind->waiting.length == 0);

  g_queue_clear_full (&kind->spares, spare_free);
  g_clear_object (&kind->server);
  g_free (kind->key);
  g_free (kind);
}

static GmpStarted *
launch (GmpLauncher *launcher,
        GmpOrder    *order,
        gboolean     is_warm,
        GError     **error)
{
  GmpStarted *started = g_new0 (GmpStarted, 1);

  started->is_warm = is_warm;
  started->process = gmp_worker_process_new (launcher, order, &started->control_fd, error);
  if (started->process == NULL)
    g_clear_pointer (&started, g_free);
  return started;
}

static GList *
find_kind_locked (GmpStarter *self,
                  const char *key)
{
  GList *link = self->kinds.head;

  while (link != NULL && !g_str_equal (((Kind *) link->data)->key, key))
    link = link->next;
  return link;
}

static Kind *
get_kind_locked (GmpStarter *self,
                 const char *key)
{
  GList *link = find_kind_locked (self, key);
  Kind *kind;

  if (link != NULL)
    {
      g_queue_unlink (&self->kinds, link);
      g_queue_push_head_link (&self->kinds, link);
      return link->data;
    }
  kind = g_queue_peek_tail (&self->kinds);
  if (self->kinds.length >= MAX_KINDS && kind->waiting.length == 0)
    kind_free (g_queue_pop_tail (&self->kinds));
  kind = g_new0 (Kind, 1);
  kind->key = g_strdup (key);
  g_queue_push_head (&self->kinds, kind);
  return kind;
}

static void
start_server_locked (GmpStarter *self,
                     Kind       *kind,
                     GmpOrder   *order)
{
  g_autoptr (GError) error = NULL;
  GmpLaunch launch = {
    .argv = order->argv,
    .environment = order->environment,
    .working_directory = order->working_directory,
    .inner_threads = order->inner_threads,
  };

  g_auto (GStrv) modules = gmp_runtime_get_modules (order->runtime);
  const char *none[] = { NULL };
  const char * const *fresh = order->options->fresh_modules != NULL
                              ? (const char * const *) order->options->fresh_modules : none;

  kind->server = gmp_warm_launcher_new (self->plain, &launch,
                                        g_variant_new ("(^as^as)", modules, fresh), &error);
  kind->state = kind->server != NULL ? SERVER_LOADING : SERVER_REFUSED;
  gmp_debug ("a warm-start server for %s: %s", order->argv[0],
             kind->server != NULL ? "begins to load" : error->message);
}

static gboolean
has_answered (GmpWarmLauncher *server)
{
  struct pollfd place = { .fd = gmp_warm_launcher_get_fd (server), .events = POLLIN };

  return poll (&place, 1, 0) == 1;
}

/* The server has answered, or it is enough. */
static void
settle_server_locked (Kind *kind)
{
  g_autoptr (GError) error = NULL;

  kind->state = SERVER_REFUSED;
  if (!has_answered (kind->server))
    gmp_debug ("workers are started as ever: the warm-start server takes too long");
  else if (gmp_warm_launcher_get_ready (kind->server, &error))
    kind->state = SERVER_READY;
  else
    gmp_debug ("workers are started as ever: %s", error->message);
  if (kind->state == SERVER_REFUSED)
    g_clear_object (&kind->server);
}

/* A fork where there is a server, or a process as ever. */
static GmpStarted *
start_locked (GmpStarter *self,
              Kind       *kind,
              GmpOrder   *order,
              GError    **error)
{
  GmpStarted *started = NULL;

  if (kind->state == SERVER_READY && order->working_directory != NULL)
    started = launch (GMP_LAUNCHER (kind->server), order, TRUE, NULL);
  if (kind->state == SERVER_READY && gmp_warm_launcher_is_lost (kind->server))
    {
      /* The next order will have another. */
      kind->state = SERVER_NONE;
      g_clear_object (&kind->server);
    }
  return started != NULL ? started : launch (self->plain, order, FALSE, error);
}

static GmpStarted *
take_spare (Kind     *kind,
            GmpOrder *order)
{
  Spare *spare;
  GmpStarted *started;

  while ((spare = g_queue_pop_head (&kind->spares)) != NULL)
    {
      if (!g_str_equal (spare->key, order->spare_key))
        {
          spare_free (spare);
          continue;
        }
      started = spare->started;
      g_free (spare->key);
      g_free (spare);
      return started;
    }
  return NULL;
}

static void
add_spare_locked (GmpStarter *self,
                  Kind       *kind,
                  GmpOrder   *order)
{
  GmpStarted *started;
  Spare *spare;

  if (kind->spares.length >= g_get_num_processors () || kind->state == SERVER_LOADING ||
      order->working_directory == NULL || !gmp_room_is_ample ())
    return;
  started = start_locked (self, kind, order, NULL);
  if (started == NULL)
    return;
  started->is_warm = TRUE;
  spare = g_new0 (Spare, 1);
  spare->key = g_strdup (order->spare_key);
  spare->started = started;
  g_queue_push_tail (&kind->spares, spare);
}

static gboolean
refill_cb (gpointer user_data)
{
  GmpOrder *order = user_data;
  GmpStarter *self = ref_if_any ();
  GList *link;

  if (self == NULL)
    return G_SOURCE_REMOVE;
  g_mutex_lock (&self->lock);
  link = find_kind_locked (self, order->server_key);
  if (link != NULL)
    add_spare_locked (self, link->data, order);
  g_mutex_unlock (&self->lock);
  gmp_starter_unref (self);
  return G_SOURCE_REMOVE;
}

static void
free_order (gpointer data)
{
  gmp_order_free (data);
}

/* Has another process started in place of one that was taken for @order, which this takes over:
 * when the thread-default main context has nothing to do. That is when the one that was taken has
 * been told what to run, so it does not wait for this. */
static void
refill (GmpOrder *order)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_callback (source, refill_cb, order, free_order);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static gboolean
drop_spares_locked (GmpStarter *self)
{
  gboolean result = FALSE;

  for (GList *link = self->kinds.head; link != NULL; link = link->next)
    {
      Kind *kind = link->data;

      result |= kind->spares.length > 0;
      g_queue_clear_full (&kind->spares, spare_free);
    }
  return result;
}

/* Ends the processes that were started ahead; %FALSE where there are none. */
gboolean
gmp_starter_drop_spares (GmpStarter *self)
{
  gboolean result;

  g_mutex_lock (&self->lock);
  result = drop_spares_locked (self);
  g_mutex_unlock (&self->lock);
  return result;
}

/* What is given while the lock is held is told after that, for the callback may ask again. */
typedef struct {
  GTask *task;
  GmpStarted *started;
  GError *error;
} Delivery;

static void
give_locked (GmpStarter *self,
             Kind       *kind,
             GTask      *task,
             GmpOrder   *order,
             GArray     *deliveries)
{
  Delivery delivery = { g_object_ref (task), take_spare (kind, order), NULL };

  if (delivery.started == NULL)
    delivery.started = start_locked (self, kind, order, &delivery.error);
  /* Those that were started ahead for others are in the way. */
  if (delivery.started == NULL && drop_spares_locked (self))
    {
      g_clear_error (&delivery.error);
      delivery.started = start_locked (self, kind, order, &delivery.error);
    }
  g_array_append_val (deliveries, delivery);
}

static void
unlock_and_deliver (GmpStarter *self,
                    GArray     *deliveries)
{
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < deliveries->len; i++)
    {
      Delivery *delivery = &g_array_index (deliveries, Delivery, i);

      if (delivery->error != NULL)
        g_task_return_error (delivery->task, delivery->error);
      else
        g_task_return_pointer (delivery->task, delivery->started, (GDestroyNotify) started_free);
      g_object_unref (delivery->task);
    }
  g_array_unref (deliveries);
}

static void
waiting_free (Waiting *waiting)
{
  g_source_destroy (waiting->source);
  g_source_unref (waiting->source);
  g_clear_pointer (&waiting->order, gmp_order_free);
  g_object_unref (waiting->task);
  g_free (waiting);
}

/* The server is there, or there will be none: for all that wait, whichever of them saw it first. */
static void
serve_waiting_locked (GmpStarter *self,
                      Kind       *kind,
                      GArray     *deliveries)
{
  Waiting *waiting;

  while ((waiting = g_queue_pop_head (&kind->waiting)) != NULL)
    {
      give_locked (self, kind, waiting->task, waiting->order, deliveries);
      if (kind->waiting.length == 0)
        refill (g_steal_pointer (&waiting->order));
      waiting_free (waiting);
    }
}

/* %NULL where it has been served meanwhile, in another thread. */
static Waiting *
find_waiting_locked (GmpStarter *self,
                     GTask      *task,
                     Kind      **kind)
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

static gboolean
waited_cb (int          fd G_GNUC_UNUSED,
           GIOCondition condition G_GNUC_UNUSED,
           gpointer     user_data)
{
  GTask *task = user_data;
  GmpStarter *self = g_task_get_task_data (task);
  GArray *deliveries;
  GError *error = NULL;
  Waiting *waiting;
  Kind *kind;

  if (is_foreign (self))
    return G_SOURCE_REMOVE;
  deliveries = g_array_new (FALSE, FALSE, sizeof (Delivery));
  g_mutex_lock (&self->lock);
  waiting = find_waiting_locked (self, task, &kind);
  if (waiting != NULL &&
      g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    {
      Delivery delivery = { g_object_ref (task), NULL, error };

      g_array_append_val (deliveries, delivery);
      g_queue_remove (&kind->waiting, waiting);
      waiting_free (waiting);
    }
  else if (waiting != NULL)
    {
      settle_server_locked (kind);
      serve_waiting_locked (self, kind, deliveries);
    }
  unlock_and_deliver (self, deliveries);
  return G_SOURCE_REMOVE;
}

static void
wait_for_server_locked (Kind     *kind,
                        GTask    *task,
                        GmpOrder *order)
{
  Waiting *waiting = g_new0 (Waiting, 1);
  GCancellable *cancellable = g_task_get_cancellable (task);

  waiting->task = g_object_ref (task);
  waiting->order = order;
  waiting->source = g_unix_fd_source_new (gmp_warm_launcher_get_fd (kind->server), G_IO_IN);
  g_source_set_priority (waiting->source, order->options->priority);
  g_source_set_ready_time (waiting->source, g_get_monotonic_time () + LOAD_LIMIT * 1000);
  if (cancellable != NULL)
    {
      g_autoptr (GSource) cancelled = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (cancelled);
      g_source_add_child_source (waiting->source, cancelled);
    }
  g_source_set_callback (waiting->source, G_SOURCE_FUNC (waited_cb), g_object_ref (task),
                         g_object_unref);
  g_source_attach (waiting->source, g_main_context_get_thread_default ());
  g_queue_push_tail (&kind->waiting, waiting);
}

static gboolean
is_enabled (void)
{
  return g_strcmp0 (gmp_environment_get ("GMPROC_WARM"), "0") != 0 &&
         gmp_environment_get ("GMPROC_WRAP") == NULL;
}

static void
drop_kinds (GmpStarter *self)
{
  GList *next;

  g_mutex_lock (&self->lock);
  for (GList *link = self->kinds.head; link != NULL; link = next)
    {
      next = link->next;
      if (((Kind *) link->data)->waiting.length > 0)
        continue;
      kind_free (link->data);
      g_queue_delete_link (&self->kinds, link);
    }
  g_mutex_unlock (&self->lock);
}

/* Takes @order over. */
static void
order_locked (GmpStarter *self,
              GTask      *task,
              GmpOrder   *order,
              GArray     *deliveries)
{
  Kind *kind = get_kind_locked (self, order->server_key);

  if (kind->state == SERVER_NONE && kind->was_wanted && order->working_directory != NULL)
    {
      if (gmp_runtime_may_fork (order->runtime))
        start_server_locked (self, kind, order);
      else
        kind->state = SERVER_REFUSED;
    }
  else if (kind->state == SERVER_LOADING && has_answered (kind->server))
    {
      settle_server_locked (kind);
      serve_waiting_locked (self, kind, deliveries);
    }
  if (kind->state == SERVER_LOADING)
    {
      wait_for_server_locked (kind, task, order);
      return;
    }
  give_locked (self, kind, task, order, deliveries);
  if (kind->was_wanted)
    refill (order);
  else
    gmp_order_free (order);
  kind->was_wanted = TRUE;
}

/* Starts a process, in the thread-default main context. Takes @order over. With @as_ever it is
 * started by itself, whatever could be had. */
void
gmp_starter_start_async (GmpStarter         *self,
                         GmpOrder           *order,
                         gboolean            as_ever,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  GArray *deliveries;
  GmpStarted *started;
  GError *error = NULL;

  g_task_set_source_tag (task, gmp_starter_start_async);
  g_task_set_priority (task, order->options->priority);
  g_task_set_task_data (task, gmp_starter_ref (self), (GDestroyNotify) gmp_starter_unref);
  if (!gmp_order_check_folder (order, &error))
    {
      g_task_return_error (task, error);
      gmp_order_free (order);
      return;
    }
  if (!is_enabled ())
    drop_kinds (self);
  if (as_ever || !is_enabled ())
    {
      started = launch (self->plain, order, FALSE, &error);
      if (started == NULL && gmp_starter_drop_spares (self))
        {
          g_clear_error (&error);
          started = launch (self->plain, order, FALSE, &error);
        }
      if (started != NULL)
        g_task_return_pointer (task, started, (GDestroyNotify) started_free);
      else
        g_task_return_error (task, error);
      gmp_order_free (order);
      return;
    }
  deliveries = g_array_new (FALSE, FALSE, sizeof (Delivery));
  g_mutex_lock (&self->lock);
  order_locked (self, task, order, deliveries);
  unlock_and_deliver (self, deliveries);
}

/* To be freed with g_free(), when its process and descriptor have been taken over. */
GmpStarted *
gmp_starter_start_finish (GmpStarter   *self G_GNUC_UNUSED,
                          GAsyncResult *result,
                          GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static GmpStarter *
starter_new (void)
{
  GmpStarter *self = g_new0 (GmpStarter, 1);

  self->generation = gmp_fork_get_generation ();
  /* The class has SIGPIPE ignored, when it is first used: a change that is none of the user's, and
   * should not come between two processes. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
  g_mutex_init (&self->lock);
  self->plain = gmp_subprocess_launcher_new ();
  return self;
}

GmpStarter *
gmp_starter_ref (GmpStarter *self)
{
  G_LOCK (default_starter);
  self->n_references++;
  G_UNLOCK (default_starter);
  return self;
}

/* The one that there is, or a new one. */
GmpStarter *
gmp_starter_ref_default (void)
{
  GmpStarter *self;

  G_LOCK (default_starter);
  if (default_starter == NULL)
    default_starter = starter_new ();
  self = default_starter;
  self->n_references++;
  G_UNLOCK (default_starter);
  return self;
}

/* With the last reference all processes end that were started ahead, and have ended when this
 * returns. */
void
gmp_starter_unref (GmpStarter *self)
{
  gboolean is_last;

  if (is_foreign (self))
    return;
  G_LOCK (default_starter);
  is_last = --self->n_references == 0;
  if (is_last)
    default_starter = NULL;
  G_UNLOCK (default_starter);
  if (!is_last)
    return;
  drop_kinds (self);
  g_object_unref (self->plain);
  g_mutex_clear (&self->lock);
  g_free (self);
}
