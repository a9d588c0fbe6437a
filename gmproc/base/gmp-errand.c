/* gmp-errand.c: work that takes time in proportion to a value, outside the main loop
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-errand-private.h"

#include "base/gmp-fork-private.h"
#include "base/gmp-thread-private.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <string.h>

/* The thread is not one of GTask's: a forked child lacks those without GLib's knowledge, and other
 * work of the program may occupy all of them. */

typedef struct {
  GmpErrand work;
  gpointer data;
  GDestroyNotify release;
  GSource *source;       /* (nullable) */
  GMainContext *context; /* (nullable): of the source, for which it must exist */
} Errand;

G_LOCK_DEFINE_STATIC (queue);
GMP_FORK_WAITS_FOR (queue)
static GQueue queue = G_QUEUE_INIT; /* of Errand */
static int has_thread;

/* Held during an errand: a child that was forked meanwhile would find the locks of GLib and of the
 * value taken forever. Forks that only execute a program do not wait. */
G_LOCK_DEFINE_STATIC (working);
static _Thread_local gboolean has_waited;

static void
prepare_fork (void)
{
  has_waited = !gmp_fork_is_launch;
  if (has_waited)
    G_LOCK (working);
}

static void
end_fork (void)
{
  if (has_waited)
    G_UNLOCK (working);
}

/* A child does no errands of its parent. */
static void
begin_child (void)
{
  end_fork ();
  g_queue_init (&queue);
  has_thread = FALSE;
}

__attribute__ ((constructor)) static void
watch_forks (void)
{
  pthread_atfork (prepare_fork, end_fork, begin_child);
}

static void
carry_out (Errand *errand)
{
  G_LOCK (working);
  errand->work (errand->data);
  if (errand->source != NULL)
    g_source_set_ready_time (errand->source, 0);
  g_clear_pointer (&errand->source, g_source_unref);
  g_clear_pointer (&errand->context, g_main_context_unref);
  errand->release (errand->data);
  G_UNLOCK (working);
  g_free (errand);
}

static _Thread_local gboolean is_here;

static gpointer
run (gpointer unused)
{
  Errand *errand;

  is_here = TRUE;
  do
    {
      G_LOCK (queue);
      errand = g_queue_pop_head (&queue);
      if (errand == NULL)
        g_atomic_int_set (&has_thread, FALSE);
      G_UNLOCK (queue);
      if (errand != NULL)
        carry_out (errand);
    }
  while (errand != NULL);
  return unused;
}

static gboolean
start_thread_locked (void)
{
  if (!gmp_thread_start (NULL, "gmproc-errands", run, NULL, NULL))
    return FALSE;
  g_atomic_int_set (&has_thread, TRUE);
  return TRUE;
}

/* TRUE in the thread that does errands. */
gboolean
gmp_errand_is_here (void)
{
  return is_here;
}

/* From this size on, joining takes as long as a frame of a window. */
#define JOINED_MIN ((gsize) 256 * 1024)

/* For errands that have serialised @value, before they say that they are done. That frees the parts
 * of its tree, and glibc joins freed pieces in the thread that next allocates more than 1 KiB: 130
 * ms for 4 MB of a{sv}, which a main loop would spend. */
void
gmp_errand_join_freed (GVariant *value)
{
#ifdef __GLIBC__
  if (is_here && g_variant_get_size (value) >= JOINED_MIN)
    malloc_trim (0);
#endif
}

/* Takes ownership of @source and @context. */
static void
begin (GmpErrand      work,
       gpointer       data,
       GDestroyNotify release,
       GSource       *source,
       GMainContext  *context)
{
  Errand *errand = g_new (Errand, 1);
  gboolean is_queued;

  *errand = (Errand) { work, data, release, source, context };
  G_LOCK (queue);
  is_queued = g_atomic_int_get (&has_thread) || start_thread_locked ();
  if (is_queued)
    g_queue_push_tail (&queue, errand);
  G_UNLOCK (queue);
  if (!is_queued)
    carry_out (errand);
}

static gboolean
errand_dispatch (GSource    *source,
                 GSourceFunc callback,
                 gpointer    user_data)
{
  g_source_set_ready_time (source, -1);
  return callback (user_data);
}

static GSourceFuncs errand_funcs = { .dispatch = errand_dispatch };

/* Does @work with @data, and then calls @release with it, in the errands' thread, or immediately if
 * there can be no thread. */
void
gmp_errand_begin (GmpErrand      work,
                  gpointer       data,
                  GDestroyNotify release)
{
  begin (work, data, release, NULL, NULL);
}

/* As gmp_errand_begin(), and returns a source of the thread-default main context that calls @done
 * afterwards. Its owner may set its ready time to 0 to continue without waiting, and may destroy it
 * at any time. */
GSource *
gmp_errand_begin_with_source (GmpErrand      work,
                              gpointer       data,
                              GDestroyNotify release,
                              int            priority,
                              GSourceFunc    done,
                              gpointer       user_data)
{
  GMainContext *context = g_main_context_ref_thread_default ();
  GSource *source = g_source_new (&errand_funcs, sizeof (GSource));

  g_source_set_priority (source, priority);
  g_source_set_callback (source, done, user_data, NULL);
  g_source_attach (source, context);
  begin (work, data, release, g_source_ref (source), context);
  return source;
}

/* What a value may cost at most without an errand. A unit is a child that has to be serialised, or
 * as many bytes. Arrays of bytes and numbers were rarely made child by child. */
#define UNITS          1000
#define BYTES_PER_UNIT 512

/* TRUE for arrays of bytes or numbers. */
static gboolean
is_plain (const char *type)
{
  return type[0] == 'a' && type[2] == '\0' && strchr ("ybnqiuxtd", type[1]) != NULL;
}

/* FALSE if @value costs more than @units, from which its cost is taken. Looks at no more children
 * than that. */
static gboolean
spend (GVariant *value,
       gsize    *units)
{
  const char *type = g_variant_get_type_string (value);
  gsize cost;

  if (!g_variant_is_container (value))
    cost = g_variant_get_size (value) / BYTES_PER_UNIT;
  else if (is_plain (type))
    cost = g_variant_n_children (value) / (BYTES_PER_UNIT / (type[1] == 'y' ? 1 : 8));
  else
    cost = g_variant_n_children (value);
  if (cost > *units)
    return FALSE;
  *units -= cost;
  if (!g_variant_is_container (value) || is_plain (type))
    return TRUE;
  for (gsize i = 0; i < cost; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      if (!spend (child, units))
        return FALSE;
    }
  return TRUE;
}

/* TRUE if serialising and copying @value (nullable) takes so long that no main loop should wait for
 * it. While errands are being done their values are locked, and asking for the size of one would
 * take as long. */
gboolean
gmp_errand_is_for (GVariant *value)
{
  gsize units = UNITS;

  /* Most small values are of these types. */
  if (value == NULL || strpbrk (g_variant_get_type_string (value), "asogvm") == NULL)
    return FALSE;
  if (g_atomic_int_get (&has_thread))
    return g_variant_is_container (value);
  return !spend (value, &units);
}
