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

/* Destroys the source in @place, if there is one. */
void
gmp_source_clear (GSource **place)
{
  if (*place != NULL)
    g_source_destroy (*place);
  g_clear_pointer (place, g_source_unref);
}
