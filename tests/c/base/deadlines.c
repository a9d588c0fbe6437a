/* deadlines.c: limits of time that share a source
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-deadline-private.h"

#include <string.h>

#define SHORT 0.001 /* seconds */
#define LONG  0.05
#define NEVER 1000.0

static GString *called;

static gboolean
log_cb (gpointer name)
{
  g_string_append (called, name);
  return G_SOURCE_REMOVE;
}

static gboolean
log_and_iterate_cb (gpointer name)
{
  gsize length = called->len;

  g_string_append (called, name);
  while (called->len == length + 1)
    g_main_context_iteration (NULL, TRUE);
  g_string_append (called, "!");
  return G_SOURCE_REMOVE;
}

static GmpDeadline *
begin (double      seconds,
       GSourceFunc callback,
       const char *name)
{
  return gmp_deadline_new (seconds, G_PRIORITY_DEFAULT, callback, (gpointer) name);
}

static void
await (const char *text)
{
  while (called->len < strlen (text))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (called->str, ==, text);
  g_string_truncate (called, 0);
}

/* In whichever order they were made. One that is cleared does not call back. */
static void
test_order (void)
{
  GmpDeadline *deadlines[] = {
    begin (NEVER, log_cb, "n"),
    begin (LONG, log_cb, "b"),
    begin (SHORT, log_cb, "x"),
    begin (SHORT, log_cb, "a"),
    begin (SHORT, log_cb, "y"),
  };

  gmp_deadline_clear (&deadlines[2]);
  gmp_deadline_clear (&deadlines[4]);
  gmp_deadline_clear (&deadlines[4]);
  await ("ab");
  for (guint i = 0; i < G_N_ELEMENTS (deadlines); i++)
    gmp_deadline_clear (&deadlines[i]);
}

/* A callback runs the main loop, in which another one's time is over. */
static void
test_nested (void)
{
  GmpDeadline *a = begin (SHORT, log_and_iterate_cb, "a");
  GmpDeadline *b = begin (LONG, log_cb, "b");

  await ("ab!");
  gmp_deadline_clear (&a);
  gmp_deadline_clear (&b);
}

static GmpDeadline *others[3];

static gboolean
clear_cb (gpointer name)
{
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    gmp_deadline_clear (&others[i]);
  return log_cb (name);
}

/* A callback clears all, itself included, and makes another. */
static void
test_clear (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    others[i] = begin (SHORT, clear_cb, "c");
  await ("c");
  others[0] = begin (SHORT, clear_cb, "d");
  await ("d");
}

/* Each main context has its own, and each priority. */
static void
test_contexts (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  GmpDeadline *outer = begin (SHORT, log_cb, "o");
  GmpDeadline *low;
  GmpDeadline *high;

  g_main_context_push_thread_default (context);
  low = gmp_deadline_new (SHORT, G_PRIORITY_LOW, log_cb, (gpointer) "l");
  high = gmp_deadline_new (SHORT, G_PRIORITY_HIGH, log_cb, (gpointer) "h");
  while (called->len < 2)
    g_main_context_iteration (context, TRUE);
  g_assert_null (strchr (called->str, 'o'));
  g_string_truncate (called, 0);
  gmp_deadline_clear (&low);
  gmp_deadline_clear (&high);
  g_main_context_pop_thread_default (context);
  await ("o");
  gmp_deadline_clear (&outer);
}

#define N_CONTEXTS 30

/* A new context at one of these addresses. %NULL if there is none: an allocator may keep freed
 * memory back. */
static GMainContext *
find_context_at (const guintptr *addresses)
{
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (
      (GDestroyNotify) g_main_context_unref);

  for (guint i = 0; i < N_CONTEXTS; i++)
    {
      GMainContext *context = g_main_context_new ();

      for (guint j = 0; j < N_CONTEXTS; j++)
        if ((guintptr) context == addresses[j])
          return context;
      g_ptr_array_add (made, context);
    }
  return NULL;
}

/* Main contexts end before the limits in them are cleared, and the next one has the address of one
 * of them. There are many, because allocators keep some back for their own use. */
static void
test_abandoned (void)
{
  g_autoptr (GMainContext) next = NULL;
  GMainContext *contexts[N_CONTEXTS];
  guintptr addresses[N_CONTEXTS];
  GmpDeadline *before[N_CONTEXTS];
  GmpDeadline *after = NULL;

  for (guint i = 0; i < N_CONTEXTS; i++)
    {
      contexts[i] = g_main_context_new ();
      addresses[i] = (guintptr) contexts[i];
      g_main_context_push_thread_default (contexts[i]);
      before[i] = begin (NEVER, log_cb, "b");
      g_main_context_pop_thread_default (contexts[i]);
    }
  for (guint i = 0; i < N_CONTEXTS; i++)
    g_main_context_unref (contexts[i]);
  next = find_context_at (addresses);
  if (next == NULL)
    g_test_skip ("no main context has the address of an earlier one");
  else
    {
      g_main_context_push_thread_default (next);
      after = begin (SHORT, log_cb, "a");
      while (called->len == 0)
        g_main_context_iteration (next, TRUE);
      g_assert_cmpstr (called->str, ==, "a");
      g_string_truncate (called, 0);
      gmp_deadline_clear (&after);
      g_main_context_pop_thread_default (next);
    }
  for (guint i = 0; i < N_CONTEXTS; i++)
    gmp_deadline_clear (&before[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  called = g_string_new (NULL);
  g_test_add_func ("/deadlines/order", test_order);
  g_test_add_func ("/deadlines/nested", test_nested);
  g_test_add_func ("/deadlines/clear", test_clear);
  g_test_add_func ("/deadlines/contexts", test_contexts);
  g_test_add_func ("/deadlines/abandoned", test_abandoned);
  return g_test_run ();
}
