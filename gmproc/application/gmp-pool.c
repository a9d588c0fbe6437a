/* gmp-pool.c: calls of functions in kept processes: the class
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-pool-private.h"

#include "application/gmp-runner-private.h"
#include "base/gmp-fork-private.h"

/**
 * GmpPool:
 *
 * A queue of calls, and processes that execute them.
 *
 * ```c
 * g_autoptr (GmpPool) pool = gmp_pool_new (0);
 * g_autoptr (GVariant) result = NULL;
 *
 * result = gmp_pool_call (pool, square, g_variant_new_int32 (7), NULL, &error);
 * ```
 *
 * [class@Gmp.Workers] runs a set of workers once; a pool takes one call after the other, from any
 * thread and at any time. Processes are started when there are calls for them, and kept for the
 * next ones: a call on a kept process takes a few microseconds. They end with the pool, or at the
 * limits set by [property@Gmp.Pool:idle-timeout], [property@Gmp.Pool:max-calls] and
 * [property@Gmp.Pool:recycle-memory]. The next call finds what a function left behind in its
 * process, such as global variables.
 *
 * A call that fails, or whose process dies, fails alone, with an error that names it. The pool
 * continues: other processes execute the waiting calls.
 *
 * Each call may have a [class@Gio.Cancellable]. Cancelling one that waits takes it out of the
 * queue; cancelling one that is being executed ends its process, and no other. The call is over at
 * once; the process has [property@Gmp.Runner:stop-grace] and
 * [property@Gmp.Runner:kill-grace] to end.
 *
 * [property@Gmp.Runner:run-timeout] limits the execution time of a call, without its time in the
 * queue. Limits of [class@Gmp.Runner] on memory and processor time apply to a process, for all its
 * calls together. If a property for starting workers changes, new processes use it, and existing
 * ones exit after the calls that they have. The same happens if the application has changed its
 * working directory or its environment: a call finds those of the moment when it is made.
 *
 * All methods may be called from any thread. Signals are emitted in the main context that was the
 * thread's default when the pool was created.
 *
 * Since: 0.1
 */

enum {
  PROP_0,
  PROP_MAX_WORKERS,
  PROP_IDLE_TIMEOUT,
  PROP_MAX_CALLS,
  PROP_RECYCLE_MEMORY,
  PROP_SHARED_MEMORY_LIMIT,
  PROP_RETRIES,
  PROP_CALL_PRIORITY,
  PROP_WAITING,
  PROP_RUNNING,
  PROP_DONE,
  PROP_FAILED,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (GmpPool, gmp_pool, GMP_TYPE_RUNNER)

/* Held while a dispatcher is created. A forked child has another one. */
G_LOCK_DEFINE_STATIC (making);
GMP_FORK_WAITS_FOR (making)

/* The dispatcher of this process. */
GmpDispatcher *
gmp_pool_get_dispatcher (GmpPool *self,
                         GError **error)
{
  GmpDispatcher *dispatcher = g_atomic_pointer_get (&self->dispatcher);

  if (dispatcher != NULL && !gmp_dispatcher_is_inherited (dispatcher))
    return dispatcher;
  G_LOCK (making);
  dispatcher = self->dispatcher;
  if (self->is_closed)
    {
      dispatcher = NULL;
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The pool is closed");
    }
  else if (dispatcher == NULL || gmp_dispatcher_is_inherited (dispatcher))
    {
      dispatcher = gmp_dispatcher_new (&gmp_pool_events, self, error);
      if (dispatcher != NULL)
        {
          gmp_dispatcher_set_limits (dispatcher, &self->limits);
          gmp_dispatcher_set_options (dispatcher,
                                      gmp_runner_copy_options (GMP_RUNNER (self)));
        }
      g_atomic_pointer_set (&self->dispatcher, dispatcher);
    }
  G_UNLOCK (making);
  return dispatcher;
}

/**
 * gmp_pool_close:
 * @self: a pool
 *
 * Cancels all calls, and ends the pool's processes. When this returns they have ended.
 *
 * Calls after this fail with [error@Gio.IOErrorEnum.CLOSED]. A pool that is finalized is closed.
 *
 * Since: 0.1
 */
void
gmp_pool_close (GmpPool *self)
{
  GmpDispatcher *dispatcher;

  g_return_if_fail (GMP_IS_POOL (self));

  G_LOCK (making);
  self->is_closed = TRUE;
  dispatcher = self->dispatcher;
  G_UNLOCK (making);
  if (dispatcher != NULL)
    gmp_dispatcher_close (dispatcher);
}

static void
gmp_pool_dispose (GObject *object)
{
  gmp_pool_close (GMP_POOL (object));
  G_OBJECT_CLASS (gmp_pool_parent_class)->dispose (object);
}

static void
gmp_pool_finalize (GObject *object)
{
  GmpPool *self = GMP_POOL (object);

  /* The parent's dispatcher is left alone. */
  if (self->dispatcher != NULL && !gmp_dispatcher_is_inherited (self->dispatcher))
    gmp_dispatcher_unref (self->dispatcher);
  g_ptr_array_unref (self->returns);
  g_mutex_clear (&self->lock);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->limits.setup_target);
  g_clear_pointer (&self->limits.setup_params, g_variant_unref);
  G_OBJECT_CLASS (gmp_pool_parent_class)->finalize (object);
}

static void
gmp_pool_get_property (GObject    *object,
                       guint       prop_id,
                       GValue     *value,
                       GParamSpec *pspec)
{
  GmpPool *self = GMP_POOL (object);
  GmpDispatcher *dispatcher = g_atomic_pointer_get (&self->dispatcher);
  GmpDispatcherCounts counts = { 0, };

  if (prop_id >= PROP_WAITING && dispatcher != NULL && !gmp_dispatcher_is_inherited (dispatcher))
    gmp_dispatcher_count (dispatcher, &counts);
  switch (prop_id)
    {
    case PROP_MAX_WORKERS:
      g_value_set_uint (value, self->limits.max_workers);
      break;

    case PROP_IDLE_TIMEOUT:
      g_value_set_double (value, self->limits.idle_timeout);
      break;

    case PROP_MAX_CALLS:
      g_value_set_uint (value, self->limits.max_calls);
      break;

    case PROP_RECYCLE_MEMORY:
      g_value_set_uint64 (value, self->limits.recycle_memory);
      break;

    case PROP_SHARED_MEMORY_LIMIT:
      g_value_set_uint64 (value, self->limits.shared_memory_limit);
      break;

    case PROP_RETRIES:
      g_value_set_uint (value, self->retries);
      break;

    case PROP_CALL_PRIORITY:
      g_value_set_int (value, self->call_priority);
      break;

    case PROP_WAITING:
      g_value_set_uint (value, counts.waiting);
      break;

    case PROP_RUNNING:
      g_value_set_uint (value, counts.running);
      break;

    case PROP_DONE:
      g_value_set_uint64 (value, counts.done);
      break;

    case PROP_FAILED:
      g_value_set_uint64 (value, counts.failed);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

#define SET(place, new_value) (*(place) != (new_value) ? (*(place) = (new_value), TRUE) : FALSE)

static void
gmp_pool_set_property (GObject      *object,
                       guint         prop_id,
                       const GValue *value,
                       GParamSpec   *pspec)
{
  GmpPool *self = GMP_POOL (object);
  GmpDispatcherLimits *limits = &self->limits;
  gboolean is_changed = FALSE;

  switch (prop_id)
    {
    case PROP_MAX_WORKERS:
      is_changed = SET (&limits->max_workers, g_value_get_uint (value));
      break;

    case PROP_IDLE_TIMEOUT:
      is_changed = SET (&limits->idle_timeout, g_value_get_double (value));
      break;

    case PROP_MAX_CALLS:
      is_changed = SET (&limits->max_calls, g_value_get_uint (value));
      break;

    case PROP_RECYCLE_MEMORY:
      is_changed = SET (&limits->recycle_memory, g_value_get_uint64 (value));
      break;

    case PROP_SHARED_MEMORY_LIMIT:
      is_changed = SET (&limits->shared_memory_limit, g_value_get_uint64 (value));
      break;

    case PROP_RETRIES:
      is_changed = SET (&self->retries, g_value_get_uint (value));
      break;

    case PROP_CALL_PRIORITY:
      is_changed = SET (&self->call_priority, g_value_get_int (value));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
  if (is_changed)
    g_object_notify_by_pspec (object, pspec);
}

/* The properties of GmpRunner too. */
static void
gmp_pool_notify (GObject    *object,
                 GParamSpec *pspec)
{
  GmpPool *self = GMP_POOL (object);
  GmpDispatcher *dispatcher = g_atomic_pointer_get (&self->dispatcher);
  g_autoptr (GmpOptions) options = NULL;

  if ((pspec->flags & G_PARAM_WRITABLE) == 0)
    return;
  options = gmp_runner_copy_options (GMP_RUNNER (object));
  self->run_timeout = options->run_timeout;
  self->task_priority = options->priority;
  if (dispatcher == NULL || gmp_dispatcher_is_inherited (dispatcher))
    return;
  if (pspec->owner_type == GMP_TYPE_POOL)
    gmp_dispatcher_set_limits (dispatcher, &self->limits);
  else if (!g_str_equal (pspec->name, "run-timeout"))
    gmp_dispatcher_set_options (dispatcher, g_steal_pointer (&options));
}

/**
 * GmpPool:max-workers:
 *
 * The number of processes that execute calls at the same time; 0, the default, for one for each
 * processor.
 *
 * With a smaller number, processes end when they have executed what they have.
 *
 * Since: 0.1
 */

/**
 * GmpPool:idle-timeout:
 *
 * The seconds after which an idle process ends; 0, the default, for never.
 *
 * Since: 0.1
 */

/**
 * GmpPool:max-calls:
 *
 * The number of calls that a process executes before another one replaces it; 0, the default, for
 * any number.
 *
 * Since: 0.1
 */

/**
 * GmpPool:recycle-memory:
 *
 * The memory in bytes above which a process is replaced after a call; 0, the default, for no limit.
 *
 * Use it for functions that leak. The resident memory is read at most once a millisecond.
 * [property@Gmp.Runner:memory-limit] ends a process in the middle of a call.
 *
 * Since: 0.1
 */

/**
 * GmpPool:shared-memory-limit:
 *
 * The shared memory in bytes for large parameters of one process, and as much for its large
 * results, as [property@Gmp.ClientServer:shared-memory-limit]. It applies to processes that are
 * started after it is set.
 *
 * Since: 0.1
 */

/**
 * GmpPool:retries:
 *
 * The number of times that a call is executed again, in another process, if its process dies or its
 * node is lost; 0 by default. It applies to calls that are made after it is set.
 *
 * A call is not executed again after an error of the function or an exceeded time limit.
 *
 * Since: 0.1
 */

/**
 * GmpPool:call-priority:
 *
 * The place in the queue of calls that are made after this is set: those with a smaller number come
 * first, as for [method@GLib.Source.set_priority]; 0 by default.
 *
 * Since: 0.1
 */

/**
 * GmpPool:waiting:
 *
 * The number of calls that wait for a process. Changes of this and of the other counts are notified
 * once for all calls that begin or end between two iterations of the main loop.
 *
 * Since: 0.1
 */

/**
 * GmpPool:running:
 *
 * The number of calls that are being executed.
 *
 * Since: 0.1
 */

/**
 * GmpPool:done:
 *
 * The number of calls that have returned.
 *
 * Since: 0.1
 */

/**
 * GmpPool:failed:
 *
 * The number of calls that have failed or were cancelled.
 *
 * Since: 0.1
 */

static void
install_properties (GObjectClass *object_class)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GParamFlags count_flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  properties[PROP_MAX_WORKERS] = g_param_spec_uint ("max-workers", NULL, NULL, 0, G_MAXINT, 0,
                                                    flags);
  properties[PROP_IDLE_TIMEOUT] = g_param_spec_double ("idle-timeout", NULL, NULL, 0, G_MAXDOUBLE,
                                                       0, flags);
  properties[PROP_MAX_CALLS] = g_param_spec_uint ("max-calls", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_RECYCLE_MEMORY] = g_param_spec_uint64 ("recycle-memory", NULL, NULL, 0,
                                                         G_MAXUINT64, 0, flags);
  properties[PROP_SHARED_MEMORY_LIMIT] =
    g_param_spec_uint64 ("shared-memory-limit", NULL, NULL, 0, G_MAXINT64, GMP_SHARED_MEMORY_LIMIT,
                         flags);
  properties[PROP_RETRIES] = g_param_spec_uint ("retries", NULL, NULL, 0, G_MAXUINT, 0, flags);
  properties[PROP_CALL_PRIORITY] = g_param_spec_int ("call-priority", NULL, NULL, G_MININT,
                                                     G_MAXINT, 0, flags);
  properties[PROP_WAITING] = g_param_spec_uint ("waiting", NULL, NULL, 0, G_MAXUINT, 0,
                                                count_flags);
  properties[PROP_RUNNING] = g_param_spec_uint ("running", NULL, NULL, 0, G_MAXUINT, 0,
                                                count_flags);
  properties[PROP_DONE] = g_param_spec_uint64 ("done", NULL, NULL, 0, G_MAXUINT64, 0, count_flags);
  properties[PROP_FAILED] = g_param_spec_uint64 ("failed", NULL, NULL, 0, G_MAXUINT64, 0,
                                                 count_flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_pool_class_init (GmpPoolClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = gmp_pool_dispose;
  object_class->finalize = gmp_pool_finalize;
  object_class->get_property = gmp_pool_get_property;
  object_class->set_property = gmp_pool_set_property;
  object_class->notify = gmp_pool_notify;
  install_properties (object_class);
  gmp_pool_install_signals (G_TYPE_FROM_CLASS (klass));
}

static void
gmp_pool_init (GmpPool *self)
{
  g_autoptr (GmpOptions) options = gmp_runner_copy_options (GMP_RUNNER (self));

  self->context = g_main_context_get_thread_default ();
  if (self->context != NULL)
    g_main_context_ref (self->context);
  self->returns = g_ptr_array_new_with_free_func ((GDestroyNotify) gmp_pool_returns_end);
  g_mutex_init (&self->lock);
  self->limits.shared_memory_limit = GMP_SHARED_MEMORY_LIMIT;
  self->task_priority = options->priority;
}

/**
 * gmp_pool_new:
 * @max_workers: the number of processes that execute calls at the same time; 0 for one for each
 *   processor
 *
 * Creates a pool. It starts processes when there are calls for them.
 *
 * Returns: (transfer full): a new object
 *
 * Since: 0.1
 */
GmpPool *
gmp_pool_new (guint max_workers)
{
  return g_object_new (GMP_TYPE_POOL, "max-workers", max_workers, NULL);
}
