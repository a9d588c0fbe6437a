/* gmp-source.c: sources that an object has for a while
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-source-private.h"

#include "base/gmp-fork-private.h"

/* Takes @source over, and returns it: it belongs to the thread-default main context from here on,
 * until gmp_source_clear(). */
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

/* A limit is counted in so many steps. */
#define N_STEPS 10

/* Limits of less than this, in microseconds, are one step. */
#define MIN_LIMIT 10000

typedef struct {
  GSource source;
  guint generation; /* of this process, by gmp_fork_get_generation() */
  gint64 step;      /* in microseconds */
  guint n_left;
  gboolean was_late;
} Limit;

/* A step that comes late was held up, with the loop or the whole process, for an unknown part of
 * it: so it does not count. The next one counts, late or not, so that a slow loop comes to an
 * end. */
static gboolean
limit_dispatch (GSource    *source,
                GSourceFunc callback,
                gpointer    user_data)
{
  Limit *self = (Limit *) source;
  gint64 now = g_source_get_time (source);
  gboolean is_late = now - g_source_get_ready_time (source) > MAX (self->step / 2, MIN_LIMIT);

  if (self->generation != gmp_fork_get_generation ())
    return G_SOURCE_REMOVE;
  if (!is_late || self->was_late)
    self->n_left--;
  self->was_late = is_late && !self->was_late;
  if (self->n_left == 0)
    return callback (user_data);
  g_source_set_ready_time (source, now + self->step);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs limit_funcs = { .dispatch = limit_dispatch };

/* Calls back once, when the thread-default main context has turned for @seconds. Time in which it
 * was held up, or this process was stopped, does not count: whoever is waited for may have done its
 * part meanwhile. */
GSource *
gmp_source_attach_limit (double      seconds,
                         int         priority,
                         GSourceFunc callback,
                         gpointer    user_data)
{
  GSource *source = g_source_new (&limit_funcs, sizeof (Limit));
  Limit *self = (Limit *) source;
  gint64 time = (gint64) MIN (seconds * G_USEC_PER_SEC, (double) (G_MAXINT64 / 2));

  self->generation = gmp_fork_get_generation ();
  self->n_left = time < MIN_LIMIT ? 1 : N_STEPS;
  self->step = time / self->n_left;
  g_source_set_ready_time (source, g_get_monotonic_time () + self->step);
  return gmp_source_attach (source, priority, callback, user_data);
}

/* Where there is a source in @place, it comes no more. */
void
gmp_source_clear (GSource **place)
{
  if (*place != NULL)
    g_source_destroy (*place);
  g_clear_pointer (place, g_source_unref);
}
