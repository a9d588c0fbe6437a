/* gmp-lease.c: a received value where it lies, in a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-lease-private.h"

#include "base/gmp-error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
  GmpMemory *memory;
  guint slot;
  guint8 *data;
  gsize size;
} Lease;

/* What the kernel says of a page of this process, in /proc/self/pagemap. */
#define PAGE_IS_THERE  ((guint64) 3 << 62) /* in memory, or swapped out */
#define PAGE_OF_A_FILE ((guint64) 1 << 61)

/* Below this many pages it costs less to drop all than to ask which. */
#define ASK_FROM 64

static gboolean
is_copy (guint64 entry)
{
  return (entry & PAGE_IS_THERE) != 0 && (entry & PAGE_OF_A_FILE) == 0;
}

/* Drops those of @n pages at @data that this process has written to, and so has copies of. */
static void
drop_copies (guint8        *data,
             const guint64 *entries,
             gsize          n,
             gsize          page)
{
  gsize first = 0;

  while (first < n)
    {
      gsize end = first;

      while (end < n && is_copy (entries[end]))
        end++;
      if (end > first)
        madvise (data + first * page, (end - first) * page, MADV_DONTNEED);
      first = end + 1;
    }
}

/* Returns whether the kernel told which pages are copies, which takes a /proc. */
static gboolean
drop_by_pagemap (guint8 *data,
                 gsize   n_pages,
                 gsize   page)
{
  guint64 entries[512];
  int fd = open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  gsize done = 0;

  while (fd != -1 && done < n_pages)
    {
      gsize n = MIN (n_pages - done, G_N_ELEMENTS (entries));
      guint8 *first = data + done * page;
      gssize size = (gssize) (n * sizeof *entries);

      if (pread (fd, entries, size, (off_t) ((guintptr) first / page * sizeof *entries)) != size)
        break;
      drop_copies (first, entries, n, page);
      done += n;
    }
  if (fd != -1)
    close (fd);
  return done == n_pages;
}

/* Called in whichever thread drops the last reference. What this process has written is its own
 * copy of a page; the next one who gets the block is to see what the sender wrote. Dropping all
 * pages would do, but then each has to be mapped again, which for 16 MiB takes 1.2 ms; asking which
 * were written takes 0.1 ms. */
static void
lease_free (gpointer user_data)
{
  Lease *lease = user_data;
  GmpMemory *memory = lease->memory;
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  gsize n_pages = (lease->size + page - 1) / page;

  if (n_pages < ASK_FROM || !drop_by_pagemap (lease->data, n_pages, page))
    madvise (lease->data, n_pages * page, MADV_DONTNEED);
  atomic_store_explicit (&memory->taken[lease->slot], 0, memory_order_relaxed);
  /* Release: nothing here looks at it any more when the sender sees this. */
  atomic_store_explicit (&memory->header->lent[1 - memory->end][lease->slot], 0,
                         memory_order_release);
  g_free (lease);
  gmp_memory_unref (memory);
}

/* The bytes of a block that the sender told of. They are this process's own and may be written to;
 * the block goes back when they are freed. Nothing in @block is checked yet. */
GBytes *
gmp_lease_new_bytes (GmpMemory      *memory,
                     const GmpBlock *block,
                     GError        **error)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  Lease *lease;

  if (block->slot >= GMP_MEMORY_BLOCKS || block->size == 0 || block->offset % page != 0 ||
      block->offset > memory->arena_size || block->size > memory->arena_size - block->offset ||
      atomic_exchange_explicit (&memory->taken[block->slot], 1, memory_order_relaxed) != 0)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "A channel brought a value in a block that is none: %u at %" G_GUINT64_FORMAT
                   " of %" G_GUINT64_FORMAT " bytes", block->slot, block->offset, block->size);
      return NULL;
    }
  lease = g_new (Lease, 1);
  *lease = (Lease) { gmp_memory_ref (memory), block->slot, memory->arena_in + block->offset,
                     (gsize) block->size };
  return g_bytes_new_with_free_func (lease->data, lease->size, lease_free, lease);
}
