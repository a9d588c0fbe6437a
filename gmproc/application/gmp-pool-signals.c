/* gmp-pool-signals.c: the signals of a pool, and the way of events to its main context
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-pool-private.h"

#include "base/gmp-enum-types.h"
#include "report/gmp-run-signals-private.h"

enum {
  WORKER_STARTED,
  OUTPUT,
  LOG,
  N_SIGNALS
};

static guint signals[N_SIGNALS];
static guint notify_signal;

/* An event on its way from the dispatcher's thread to the pool's main context. */
typedef struct {
  GWeakRef pool;
  guint signal;
  guint number;
  const char *node; /* (nullable): interned */
  int pid;
  guint stream;
  char *domain;
  GLogLevelFlags level;
  char *text;
} News;

static void
news_free (gpointer data)
{
  News *news = data;

  g_weak_ref_clear (&news->pool);
  g_free (news->domain);
  g_free (news->text);
  g_free (news);
}

static gboolean
news_cb (gpointer user_data)
{
  News *news = user_data;
  g_autoptr (GmpPool) self = g_weak_ref_get (&news->pool);
  guint outer_worker;
  const char *outer_node;
  gboolean handled;

  if (self == NULL)
    return G_SOURCE_REMOVE;
  /* A handler may iterate the main context. */
  outer_worker = self->news_worker;
  outer_node = self->news_node;
  self->news_worker = news->number;
  self->news_node = news->node;
  if (news->signal == signals[WORKER_STARTED])
    g_signal_emit (self, news->signal, 0, news->number, news->pid);
  else if (news->signal == signals[OUTPUT])
    g_signal_emit (self, news->signal, 0, news->number, news->stream, news->text);
  else
    g_signal_emit (self, news->signal, 0, news->number, news->domain, news->level, news->text,
                   &handled);
  self->news_worker = outer_worker;
  self->news_node = outer_node;
  return G_SOURCE_REMOVE;
}

static void
invoke (GmpPool       *self,
        GSourceFunc    callback,
        gpointer       data,
        GDestroyNotify destroy)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, self->task_priority);
  g_source_set_callback (source, callback, data, destroy);
  g_source_attach (source, self->context);
}

static void
send_news (GmpPool    *self,
           const News *news)
{
  News *copy = g_new (News, 1);

  *copy = *news;
  g_weak_ref_init (&copy->pool, self);
  invoke (self, news_cb, copy, news_free);
}

static gboolean
is_connected (GmpPool *self,
              guint    signal)
{
  return g_signal_handler_find (self, G_SIGNAL_MATCH_ID, signal, 0, NULL, NULL, NULL) != 0;
}

static void
started (guint       number,
         const char *node,
         int         pid,
         gpointer    owner)
{
  if (is_connected (owner, signals[WORKER_STARTED]))
    send_news (owner, &(News) { .signal = signals[WORKER_STARTED], .number = number, .node = node,
                                .pid = pid });
}

static void
output (guint       number,
        const char *node,
        guint       stream,
        const char *line,
        gpointer    owner)
{
  send_news (owner, &(News) { .signal = signals[OUTPUT], .number = number, .node = node,
                              .stream = stream, .text = g_strdup (line) });
}

static void
print_log (guint          number,
           const char    *domain,
           GLogLevelFlags level,
           const char    *message)
{
  g_autofree char *worker = g_strdup_printf ("%u", number);

  gmp_run_signals_print_log (worker, domain, level, message);
}

/* Without handlers it is printed at once, because the pool's main loop may not run. */
static void
log_message (guint          number,
             const char    *node,
             const char    *domain,
             GLogLevelFlags level,
             const char    *message,
             gpointer       owner)
{
  if (is_connected (owner, signals[LOG]))
    send_news (owner, &(News) { .signal = signals[LOG], .number = number, .node = node,
                                .domain = g_strdup (domain), .level = level,
                                .text = g_strdup (message) });
  else
    print_log (number, domain, level, message);
}

static gboolean
log_default (GmpPool       *self G_GNUC_UNUSED,
             guint          number,
             const char    *domain,
             GLogLevelFlags level,
             const char    *message)
{
  print_log (number, domain, level, message);
  return TRUE;
}

static gboolean
notify_cb (gpointer user_data)
{
  static const char *counts[] = { "waiting", "running", "done", "failed" };
  g_autoptr (GmpPool) self = g_weak_ref_get (user_data);

  if (self == NULL)
    return G_SOURCE_REMOVE;
  g_atomic_int_set (&self->is_notifying, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    g_object_notify (G_OBJECT (self), counts[i]);
  return G_SOURCE_REMOVE;
}

static void
weak_ref_free (gpointer data)
{
  g_weak_ref_clear (data);
  g_free (data);
}

/* Once for all calls that begin and end before the main loop handles it. */
static void
changed (gpointer owner)
{
  GmpPool *self = owner;
  GWeakRef *weak;

  if (!is_connected (self, notify_signal) ||
      !g_atomic_int_compare_and_exchange (&self->is_notifying, FALSE, TRUE))
    return;
  weak = g_new (GWeakRef, 1);
  g_weak_ref_init (weak, self);
  invoke (self, notify_cb, weak, weak_ref_free);
}

static void
reported (guint     number,
          GVariant *value,
          gpointer  owner)
{
  GmpPool *self = owner;

  if (self->binding != NULL)
    self->binding->reported (number, value, self->binding_data);
}

const GmpDispatcherEvents gmp_pool_events = {
  gmp_pool_finished, changed, reported, started, output, log_message
};

/**
 * GmpPool::worker-started:
 * @self: the pool
 * @worker: the worker's number, from 1
 * @pid: its process
 *
 * Another process takes calls now.
 *
 * Since: 0.1
 */

/**
 * gmp_pool_get_node:
 * @self: the pool
 * @worker: a worker's number
 *
 * Gets the node that a worker runs on, for handlers of [signal@Gmp.Pool::output] and the other
 * signals about the worker. A pool's workers come and go, so it has an answer only there.
 *
 * Returns: (nullable): its name; %NULL if it is this machine, or no signal about the worker is
 *   being emitted
 *
 * Since: 0.1
 */
const char *
gmp_pool_get_node (GmpPool *self,
                   guint    worker)
{
  g_return_val_if_fail (GMP_IS_POOL (self), NULL);

  return worker == self->news_worker ? self->news_node : NULL;
}

/**
 * GmpPool::output:
 * @self: the pool
 * @worker: the worker's number
 * @stream: where it was written to
 * @line: the line, as for [signal@Gmp.Workers::output]
 *
 * A worker has printed a line, while [property@Gmp.Runner:capture-output] is on.
 * [method@Gmp.Pool.get_node] returns the node that it is on.
 *
 * Since: 0.1
 */

/**
 * GmpPool::log:
 * @self: the pool
 * @worker: the worker's number
 * @domain: the log domain, may be empty
 * @level: a [flags@GLib.LogLevelFlags]
 * @message: the text
 *
 * A worker has logged a message with GLib. The default prints it where GLib would have, with the
 * worker's number, and never ends the application.
 *
 * Returns: %TRUE where the message is dealt with and should not be printed
 *
 * Since: 0.1
 */

void
gmp_pool_install_signals (GType type)
{
  notify_signal = g_signal_lookup ("notify", G_TYPE_OBJECT);
  signals[WORKER_STARTED] = g_signal_new ("worker-started", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                          NULL, G_TYPE_NONE, 2, G_TYPE_UINT, G_TYPE_INT);
  signals[OUTPUT] = g_signal_new ("output", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 3, G_TYPE_UINT, GMP_TYPE_OUTPUT_STREAM,
                                  G_TYPE_STRING);
  signals[LOG] = g_signal_new_class_handler ("log", type, G_SIGNAL_RUN_LAST,
                                             G_CALLBACK (log_default),
                                             g_signal_accumulator_true_handled, NULL, NULL,
                                             G_TYPE_BOOLEAN, 4, G_TYPE_UINT, G_TYPE_STRING,
                                             G_TYPE_UINT, G_TYPE_STRING);
}
