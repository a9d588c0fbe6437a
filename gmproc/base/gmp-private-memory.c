/* gmp-private-memory.c: memory that a value came in, and that is its receiver's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-private-memory-private.h"

typedef struct {
  guintptr begin;
  guintptr end;
} Range;

/* There are as many as there are channels: few enough to look at all of them. */
static struct {
  GMutex lock;
  GArray *ranges; /* (nullable): of Range; under lock */
} memory;

void
gmp_private_memory_add (gconstpointer data,
                        gsize         size)
{
  Range range = { (guintptr) data, (guintptr) data + size };

  g_mutex_lock (&memory.lock);
  if (memory.ranges == NULL)
    memory.ranges = g_array_new (FALSE, FALSE, sizeof (Range));
  g_array_append_val (memory.ranges, range);
  g_mutex_unlock (&memory.lock);
}

/* @data is what gmp_private_memory_add() got. */
void
gmp_private_memory_remove (gconstpointer data)
{
  g_mutex_lock (&memory.lock);
  for (guint i = 0; memory.ranges != NULL && i < memory.ranges->len; i++)
    {
      if (g_array_index (memory.ranges, Range, i).begin != (guintptr) data)
        continue;
      g_array_remove_index_fast (memory.ranges, i);
      if (memory.ranges->len == 0)
        g_clear_pointer (&memory.ranges, g_array_unref);
      break;
    }
  g_mutex_unlock (&memory.lock);
}

gboolean
gmp_private_memory_contains (gconstpointer data,
                             gsize         size)
{
  guintptr begin = (guintptr) data;
  gboolean result = FALSE;

  g_mutex_lock (&memory.lock);
  for (guint i = 0; memory.ranges != NULL && i < memory.ranges->len && !result; i++)
    {
      Range *range = &g_array_index (memory.ranges, Range, i);

      result = begin >= range->begin && begin < range->end && size <= range->end - begin;
    }
  g_mutex_unlock (&memory.lock);
  return result;
}
