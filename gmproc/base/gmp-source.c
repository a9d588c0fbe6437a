/* gmp-source.c: sources that an object has for a while
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-source-private.h"

#include "base/gmp-fork-private.h"
#include "base/gmp-time-limit-private.h"

/* Takes ownership of @source and returns it. It belongs to the thread-default main context until
 * gmp_source_clear(). */
GSource *
gmp_source_attach (GSource    *source,
                   int         priority,
                   GSourceFunc callback,
                   gpointer    user_data)
{
  g_source_set_priority (source, priority);
  g_source_set_callback (source, callback, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

typedef struct {
  GSource source;
  guint generation; /* of this process, by gmp_fork_get_generation() */
  GmpTimeLimit limit;
} LimitSource;

static gboolean
limit_dispatch (GSource    *source,
                GSourceFunc callback,
                gpointer    user_data)
{
  LimitSource *self = (LimitSource *) source;

  if (self->generation != gmp_fork_get_generation ())
    return G_SOURCE_REMOVE;
  if (!gmp_time_limit_continues (&self->limit, g_source_get_time (source)))
    return callback (user_data);
  g_source_set_ready_time (source, self->limit.end);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs limit_funcs = { .dispatch = limit_dispatch };

/* Calls back once, when the thread-default main context has run for @seconds. Time in which it was
 * held up, or this process was stopped, does not count, because the other side may have done its
 * part meanwhile. */
GSource *
gmp_source_attach_limit (double      seconds,
                         int         priority,
                         GSourceFunc callback,
                         gpointer    user_data)
{
  GSource *source = g_source_new (&limit_funcs, sizeof (LimitSource));
  LimitSource *self = (LimitSource *) source;
  gint64 time = (gint64) MIN (seconds * G_USEC_PER_SEC, (double) (G_MAXINT64 / 2));

  self->generation = gmp_fork_get_generation ();
  gmp_time_limit_begin (&self->limit, time, g_get_monotonic_time ());
  g_source_set_ready_time (source, self->limit.end);
  return gmp_source_attach (source, priority, callback, user_data);
}

typedef struct {
  GMainContext *context;
  int is_cancelled;
} Cancel;

typedef struct {
  GSource source;
  GCancellable *cancellable;
  gulong handler;
  Cancel *cancel;
} CancelSource;

static void
cancel_clear (gpointer cancel)
{
  g_main_context_unref (((Cancel *) cancel)->context);
}

static void
cancel_release (gpointer  cancel,
                GClosure *closure G_GNUC_UNUSED)
{
  g_atomic_rc_box_release_full (cancel, cancel_clear);
}

static void
cancelled_cb (GCancellable *cancellable G_GNUC_UNUSED,
              gpointer      user_data)
{
  Cancel *cancel = user_data;

  g_atomic_int_set (&cancel->is_cancelled, TRUE);
  g_main_context_wakeup (cancel->context);
}

static gboolean
cancel_check (GSource *source)
{
  return g_atomic_int_get (&((CancelSource *) source)->cancel->is_cancelled);
}

static gboolean
cancel_prepare (GSource *source,
                int     *timeout)
{
  *timeout = -1;
  return cancel_check (source);
}

static gboolean
cancel_dispatch (GSource    *source G_GNUC_UNUSED,
                 GSourceFunc callback,
                 gpointer    user_data)
{
  return callback == NULL || callback (user_data);
}

static void
cancel_finalize (GSource *source)
{
  CancelSource *self = (CancelSource *) source;

  g_signal_handler_disconnect (self->cancellable, self->handler);
  g_object_unref (self->cancellable);
  cancel_release (self->cancel, NULL);
}

static GSourceFuncs cancel_funcs = {
  .prepare = cancel_prepare,
  .check = cancel_check,
  .dispatch = cancel_dispatch,
  .finalize = cancel_finalize,
};

/* A source for the thread-default main context, which is ready when @cancellable is cancelled.
 *
 * With g_cancellable_source_new() of GLib 2.74, a thread that cancels takes a reference to the
 * source. If another one releases the last reference at that moment, the source leaks. Here the
 * thread that cancels does not touch the source. */
GSource *
gmp_source_new_cancel (GCancellable *cancellable)
{
  GSource *source = g_source_new (&cancel_funcs, sizeof (CancelSource));
  CancelSource *self = (CancelSource *) source;

  self->cancel = g_atomic_rc_box_new0 (Cancel);
  self->cancel->context = g_main_context_ref_thread_default ();
  self->cancellable = g_object_ref (cancellable);
  self->handler = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (cancelled_cb),
                                         g_atomic_rc_box_acquire (self->cancel), cancel_release,
                                         0);
  if (g_cancellable_is_cancelled (cancellable))
    self->cancel->is_cancelled = TRUE;
  return source;
}

/* Makes @source, which belongs to the thread-default main context, ready when @cancellable
 * (nullable) is cancelled as well. */
void
gmp_source_add_cancel (GSource      *source,
                       GCancellable *cancellable)
{
  g_autoptr (GSource) child = NULL;

  if (cancellable == NULL)
    return;
  child = gmp_source_new_cancel (cancellable);
  g_source_add_child_source (source, child);
}

/* Calls back once, in the thread-default main context, when @cancellable (nullable) is
 * cancelled. */
GSource *
gmp_source_attach_cancel (GCancellable *cancellable,
                          int           priority,
                          GSourceFunc   callback,
                          gpointer      user_data)
{
  if (cancellable == NULL)
    return NULL;
  return gmp_source_attach (gmp_source_new_cancel (cancellable), priority, callback, user_data);
}

/* Destroys the source in @place, if there is one. */
void
gmp_source_clear (GSource **place)
{
  if (*place != NULL)
    g_source_destroy (*place);
  g_clear_pointer (place, g_source_unref);
}
