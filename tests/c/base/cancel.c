/* cancel.c: sources for a GCancellable that another thread cancels
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-source-private.h"

#define N_RACES 2000

static gboolean
count_cb (gpointer user_data)
{
  (*(int *) user_data)++;
  return G_SOURCE_REMOVE;
}

static gpointer
cancel_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* The loop may sleep already, or not yet. */
static void
test_wakes (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  int n = 0;
  GSource *source = gmp_source_attach_cancel (cancellable, G_PRIORITY_DEFAULT, count_cb, &n);
  GThread *thread = g_thread_new ("cancel", cancel_thread, cancellable);

  while (n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  g_assert_true (g_source_is_destroyed (source));
  gmp_source_clear (&source);
}

/* What was cancelled counts even if the cancellable is reset before the loop runs. */
static void
test_reset (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  int n = 0;
  GSource *source;

  g_cancellable_cancel (cancellable);
  source = gmp_source_attach_cancel (cancellable, G_PRIORITY_DEFAULT, count_cb, &n);
  g_cancellable_reset (cancellable);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (n, ==, 1);
  gmp_source_clear (&source);

  source = gmp_source_attach_cancel (cancellable, G_PRIORITY_DEFAULT, count_cb, &n);
  g_cancellable_cancel (cancellable);
  g_cancellable_reset (cancellable);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (n, ==, 2);
  gmp_source_clear (&source);
  g_assert_null (gmp_source_attach_cancel (NULL, G_PRIORITY_DEFAULT, count_cb, &n));
}

/* As a child, it makes its parent ready. */
static void
test_child (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) source = g_timeout_source_new_seconds (G_MAXINT);
  int n = 0;

  gmp_source_add_cancel (source, NULL);
  gmp_source_add_cancel (source, cancellable);
  g_source_set_callback (source, count_cb, &n, NULL);
  g_source_attach (source, NULL);
  g_assert_false (g_main_context_iteration (NULL, FALSE));
  g_cancellable_cancel (cancellable);
  while (n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_source_is_destroyed (source));
}

typedef struct {
  GCancellable *cancellable;
  int turn; /* raised by the main thread when @cancellable is ready to be cancelled */
  int done;
} Race;

static gpointer
race_thread (gpointer user_data)
{
  Race *self = user_data;

  for (int i = 1; i <= N_RACES; i++)
    {
      while (g_atomic_int_get (&self->turn) != i)
        g_thread_yield ();
      g_cancellable_cancel (self->cancellable);
      g_atomic_int_set (&self->done, i);
    }
  return NULL;
}

/* The address sanitizer and valgrind find a source that is not freed. */
static void
test_race (void)
{
  Race self = { NULL, 0, 0 };
  GThread *thread = g_thread_new ("race", race_thread, &self);

  for (int i = 1; i <= N_RACES; i++)
    {
      g_autoptr (GMainContext) context = g_main_context_new ();
      int n = 0;
      GSource *source;

      g_main_context_push_thread_default (context);
      self.cancellable = g_cancellable_new ();
      source = gmp_source_attach_cancel (self.cancellable, G_PRIORITY_DEFAULT, count_cb, &n);
      g_atomic_int_set (&self.turn, i);
      /* Destroys it before or after its callback, and the other thread still emits the signal. */
      while (i % 2 == 0 && n == 0)
        g_main_context_iteration (context, FALSE);
      gmp_source_clear (&source);
      g_main_context_pop_thread_default (context);
      while (g_atomic_int_get (&self.done) != i)
        g_thread_yield ();
      g_assert_cmpint (n, ==, i % 2 == 0);
      g_object_unref (self.cancellable);
    }
  g_thread_join (thread);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cancel/wakes", test_wakes);
  g_test_add_func ("/cancel/reset", test_reset);
  g_test_add_func ("/cancel/child", test_child);
  g_test_add_func ("/cancel/race", test_race);
  return g_test_run ();
}
