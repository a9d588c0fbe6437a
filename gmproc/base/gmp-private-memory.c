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

/* One for each channel, and for each value in a file that is still held: few enough to search all
 * of them. Not a GMutex, because ThreadSanitizer knows only these. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GArray *ranges; /* (nullable): of Range; under lock */

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

static Range *
range_at (guint i)
{
  return &g_array_index (ranges, Range, i);
}

static guint
count_locked (void)
{
  return ranges != NULL ? ranges->len : 0;
}

/* The lock is held during the fork, so that no value is added or freed between this and the
 * copy. */
static void
before_fork_cb (void)
{
  gmp_private_memory_lock ();
  for (guint i = 0; i < count_locked (); i++)
    if (range_at (i)->funcs != NULL)
      range_at (i)->funcs->keep (range_at (i)->owner);
}

__attribute__ ((constructor)) static void
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
  Range range = { (guintptr) data, (guintptr) data + size, funcs, owner };

  gmp_private_memory_lock ();
  if (ranges == NULL)
    ranges = g_array_new (FALSE, FALSE, sizeof (Range));
  g_array_append_val (ranges, range);
  gmp_private_memory_unlock ();
}

/* @data is the address that was added. */
void
gmp_private_memory_remove (gconstpointer data)
{
  gmp_private_memory_lock ();
  for (guint i = 0; i < count_locked (); i++)
    {
      if (range_at (i)->begin != (guintptr) data)
        continue;
      g_array_remove_index_fast (ranges, i);
      if (ranges->len == 0)
        g_clear_pointer (&ranges, g_array_unref);
      break;
    }
  gmp_private_memory_unlock ();
}

static Range *
find_locked (guintptr begin,
             gsize    size)
{
  for (guint i = 0; i < count_locked (); i++)
    {
      Range *range = range_at (i);

      if (begin >= range->begin && begin < range->end && size <= range->end - begin)
        return range;
    }
  return NULL;
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
