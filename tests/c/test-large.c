/* test-large.c: large values, and what else a main loop does while they are sent
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-large.h"

#include <time.h>

/* The part of the time of serialising in which the loop may be held up. */
#define PART 3

GVariant *
test_large_build (void)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < TEST_LARGE_ENTRIES; i++)
    {
      g_autofree char *name = g_strdup_printf ("name %u", i);

      g_variant_builder_add (&builder, "{sv}", name, g_variant_new_uint32 (i));
    }
  return g_variant_builder_end (&builder);
}

/* Processor time of this thread, in microseconds, so that other processes do not count. */
static gint64
get_own_time (void)
{
  struct timespec time;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

/* How long a main loop would be held up if it serialised the value. */
static gint64
measure (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (test_large_build ());
  gint64 begin = get_own_time ();

  g_variant_get_data (value);
  return get_own_time () - begin;
}

static gboolean
turn_cb (gpointer user_data)
{
  TestOthers *self = user_data;
  gint64 now = get_own_time ();

  self->n_turns++;
  self->worst = MAX (self->worst, now - self->last);
  self->last = now;
  return G_SOURCE_CONTINUE;
}

void
test_others_begin (TestOthers *self)
{
  *self = (TestOthers) { g_timeout_source_new (1), 0, get_own_time (), 0 };
  g_source_set_callback (self->source, turn_cb, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
}

/* Asserts that the loop went on. */
void
test_others_end (TestOthers *self)
{
  gint64 time;

  turn_cb (self);
  time = measure ();
  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_test_message ("%u turns, the longest took %g ms, serialising takes %g ms", self->n_turns,
                  (double) self->worst / 1000, (double) time / 1000);
  g_assert_cmpuint (self->n_turns, >, TEST_LARGE_TURNS);
  /* The messages of such channels are put together in the main loop. */
  if (g_strcmp0 (g_getenv ("GMPROC_CHANNEL"), "dbus") == 0)
    return;
  g_assert_cmpint (self->worst, <, time / PART);
}
