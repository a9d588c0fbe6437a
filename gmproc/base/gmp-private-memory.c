/* gmp-private-memory.c: memory that a value came in, and that is its receiver's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-private-memory-private.h"

#include <pthread.h>

typedef struct {
  guintptr begin;
  guintptr end;
  const GmpPrivateMemoryFuncs *funcs; /* (nullable): private and writable as it is */
  gpointer owner;
} Range;

/* One for each channel, and for each value in a file or in memory of its own that is still held: a
 * program may hold many thousands. Not a GMutex, because ThreadSanitizer knows only these. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GTree *ranges; /* (nullable): of Range, by its begin; under lock */

void
gmp_private_memory_lock (void)
{
  pthread_mutex_lock (&lock);
}

void
gmp_private_memory_unlock (void)
{
  pthread_mutex_unlock (&lock);
}

static int
compare_places (gconstpointer a,
                gconstpointer b,
                gpointer      user_data G_GNUC_UNUSED)
{
  return ((guintptr) a > (guintptr) b) - ((guintptr) a < (guintptr) b);
}

static gboolean
keep_cb (gpointer key G_GNUC_UNUSED,
         gpointer value,
         gpointer user_data G_GNUC_UNUSED)
{
  Range *range = value;

  if (range->funcs != NULL)
    range->funcs->keep (range->owner);
  return FALSE;
}

/* The lock is held during the fork, so that no value is added or freed between this and the
 * copy. It is the last one that a fork takes, because whoever holds another of the library's locks
 * may add and free values: an errand, for one. So its handlers are registered before all others. */
static void
before_fork_cb (void)
{
  gmp_private_memory_lock ();
  if (ranges != NULL)
    g_tree_foreach (ranges, keep_cb, NULL);
}

__attribute__ ((constructor (101))) static void
watch_forks (void)
{
  pthread_atfork (before_fork_cb, gmp_private_memory_unlock, gmp_private_memory_unlock);
}

void
gmp_private_memory_add (gconstpointer data,
                        gsize         size)
{
  gmp_private_memory_add_lent (data, size, NULL, NULL);
}

void
gmp_private_memory_add_lent (gconstpointer                data,
                             gsize                        size,
                             const GmpPrivateMemoryFuncs *funcs,
                             gpointer                     owner)
{
  Range *range = g_new (Range, 1);

  *range = (Range) { (guintptr) data, (guintptr) data + size, funcs, owner };
  gmp_private_memory_lock ();
  if (ranges == NULL)
    ranges = g_tree_new_full (compare_places, NULL, NULL, g_free);
  g_tree_insert (ranges, (gpointer) data, range);
  gmp_private_memory_unlock ();
}

/* @data is the address that was added. */
void
gmp_private_memory_remove (gconstpointer data)
{
  gmp_private_memory_lock ();
  if (ranges != NULL && g_tree_remove (ranges, data) && g_tree_nnodes (ranges) == 0)
    g_clear_pointer (&ranges, g_tree_unref);
  gmp_private_memory_unlock ();
}

static Range *
find_locked (guintptr begin,
             gsize    size)
{
  GTreeNode *node = NULL;
  Range *range;

  if (ranges != NULL)
    node = g_tree_upper_bound (ranges, (gconstpointer) begin);
  /* The last that begins at @begin or before. */
  if (node != NULL)
    node = g_tree_node_previous (node);
  else if (ranges != NULL)
    node = g_tree_node_last (ranges);
  range = node != NULL ? g_tree_node_value (node) : NULL;
  return range != NULL && begin < range->end && size <= range->end - begin ? range : NULL;
}

/* Returns TRUE if these @size bytes, a value or a part of one, may be written to from here on. */
gboolean
gmp_private_memory_make_writable (gconstpointer data,
                                  gsize         size)
{
  Range *range;
  gboolean result;

  gmp_private_memory_lock ();
  range = find_locked ((guintptr) data, size);
  result = range != NULL &&
           (range->funcs == NULL || range->funcs->make_writable (range->owner, data));
  gmp_private_memory_unlock ();
  return result;
}
