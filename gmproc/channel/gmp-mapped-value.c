/* gmp-mapped-value.c: a received value inside a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-mapped-value-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-private-memory-private.h"
#include "channel/gmp-value-private.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Parent and child of a fork share the contents of a block, and neither knows when the other has
 * finished with it. Before a fork a process therefore makes private copies of all pages that it
 * holds; the kernel duplicates these when either side writes. Only the process that the block was
 * lent to returns it. */
typedef struct _GmpMappedValue {
  GmpMemory *memory;
  guint slot;
  guint8 *data;
  gsize size;
  gboolean may_be_written; /* pages of it may be private copies of this process */
  gboolean is_kept;        /* a forked child has it too */
  gboolean is_pinned;      /* copying failed before a fork, so the block is never returned */
} Lease;

/* The flags of a page in /proc/self/pagemap. */
#define PAGE_IS_THERE  ((guint64) 3 << 62) /* in memory, or swapped out */
#define PAGE_OF_A_FILE ((guint64) 1 << 61)

/* Below this number of pages, dropping all costs less than asking which were written. */
#define ASK_FROM 64

static gboolean
is_copy (guint64 entry)
{
  return (entry & PAGE_IS_THERE) != 0 && (entry & PAGE_OF_A_FILE) == 0;
}

/* Drops those of @n pages at @data that this process has written to, and thereby copied. */
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

/* Returns FALSE if the kernel does not report which pages are copies, because there is no /proc. */
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

/* In whole pages. */
static gsize
get_extent (const Lease *self)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  return (self->size + page - 1) & ~(page - 1);
}

static gsize
get_end (const Lease *self)
{
  return (gsize) (self->data - self->memory->arena_in) + get_extent (self);
}

static gboolean
make_writable_locked (Lease *self)
{
  if (gmp_memory_make_writable (self->memory, get_end (self)))
    self->may_be_written = TRUE;
  return self->may_be_written;
}

/* Writes to each page without changing it, whatever other threads write there. */
static void
take_pages (const guint8 *data,
            gsize         size)
{
  guintptr page = (guintptr) sysconf (_SC_PAGESIZE);
  guintptr end = (guintptr) data + size;

  for (guintptr place = (guintptr) data; place < end; place = (place | (page - 1)) + 1)
    __atomic_fetch_or ((guint8 *) place, 0, __ATOMIC_RELAXED);
}

static gboolean
make_writable_cb (gpointer      owner,
                  gconstpointer data)
{
  GmpMemory *memory = owner;

  for (guint i = 0; i < GMP_MEMORY_BLOCKS; i++)
    {
      Lease *lease = memory->leases[i];

      if (lease != NULL && (const guint8 *) data >= lease->data &&
          (const guint8 *) data < lease->data + lease->size)
        return make_writable_locked (lease);
    }
  return FALSE;
}

static void
keep_cb (gpointer owner)
{
  GmpMemory *memory = owner;

  for (guint i = 0; i < GMP_MEMORY_BLOCKS; i++)
    {
      Lease *lease = memory->leases[i];

      if (lease == NULL || lease->is_kept)
        continue;
      lease->is_kept = TRUE;
      lease->is_pinned = !make_writable_locked (lease);
      if (!lease->is_pinned)
        take_pages (lease->data, get_extent (lease));
    }
}

static const GmpPrivateMemoryFuncs memory_funcs = { make_writable_cb, keep_cb };

/* From here on, bindings may ask to write to values in @memory, and a fork keeps them. */
void
gmp_mapped_value_watch_memory (GmpMemory *memory)
{
  if (memory->arena_in != NULL)
    gmp_private_memory_add_lent (memory->arena_in, memory->arena_size, &memory_funcs, memory);
}

static void
end_writable_locked (GmpMemory *memory)
{
  gsize end = 0;

  for (guint i = 0; i < GMP_MEMORY_BLOCKS; i++)
    if (memory->leases[i] != NULL && memory->leases[i]->may_be_written)
      end = MAX (end, get_end (memory->leases[i]));
  gmp_memory_end_writable (memory, end);
}

static void
return_block (GmpMemory *memory,
              guint      slot)
{
  /* Release: nothing here reads it any more when the sender sees this. */
  if (memory->generation == gmp_fork_get_generation ())
    atomic_store_explicit (&memory->header->lent[1 - memory->end][slot], 0, memory_order_release);
}

/* Called in the thread that drops the last reference. Pages that this process has written are
 * private copies; they are dropped, so that the next receiver of the block sees the sender's bytes.
 * Dropping all pages would work too, but then each has to be mapped again, which takes 1.2 ms for
 * 16 MiB; asking which were written takes 0.1 ms. */
static void
lease_free (gpointer user_data)
{
  Lease *lease = user_data;
  GmpMemory *memory = lease->memory;
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  gsize n_pages = get_extent (lease) / page;

  gmp_private_memory_lock ();
  if (lease->may_be_written &&
      (n_pages < ASK_FROM || !drop_by_pagemap (lease->data, n_pages, page)))
    madvise (lease->data, n_pages * page, MADV_DONTNEED);
  memory->leases[lease->slot] = NULL;
  if (lease->may_be_written)
    end_writable_locked (memory);
  gmp_private_memory_unlock ();
  if (!lease->is_pinned)
    return_block (memory, lease->slot);
  g_free (lease);
  gmp_memory_unref (memory);
}

/* TRUE if anything in @block is still in use: dropping a value must not drop pages of another
 * one. */
static gboolean
is_held_locked (GmpMemory      *memory,
                const GmpBlock *block)
{
  const guint8 *data = memory->arena_in + block->offset;

  for (guint i = 0; i < GMP_MEMORY_BLOCKS; i++)
    {
      Lease *lease = memory->leases[i];

      if (lease != NULL && (i == block->slot || (data < lease->data + get_extent (lease) &&
                                                 lease->data < data + block->size)))
        return TRUE;
    }
  return FALSE;
}

static Lease *
lease_new (GmpMemory      *memory,
           const GmpBlock *block)
{
  Lease *lease = NULL;

  gmp_private_memory_lock ();
  if (!is_held_locked (memory, block))
    {
      lease = g_new (Lease, 1);
      *lease = (Lease) {
        .memory = gmp_memory_ref (memory),
        .slot = block->slot,
        .data = memory->arena_in + block->offset,
        .size = (gsize) block->size,
      };
      memory->leases[block->slot] = lease;
    }
  gmp_private_memory_unlock ();
  return lease;
}

/* TRUE if @block lies in the sender's arena. */
static gboolean
is_block (GmpMemory      *memory,
          const GmpBlock *block)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  return block->slot < GMP_MEMORY_BLOCKS && block->size > 0 && block->offset % page == 0 &&
         block->offset <= memory->arena_size && block->size <= memory->arena_size - block->offset;
}

/* Up to this size, copying a value out of its block costs less than the page faults of using it
 * there, and the sender gets the block back at once. Pages of a value of numbers are not taken to
 * check them, so they cause faults only if somebody writes to them. An array of Python's, there and
 * back, without the copy and with it: 100 kB 38 and 20 us, 250 kB 60 and 36, 700 kB the same. */
#define COPIED_MAX         ((gsize) 256 * 1024)
#define COPIED_NUMBERS_MAX ((gsize) 64 * 1024)

static void
free_copy (gpointer copy)
{
  gmp_private_memory_remove (copy);
  g_free (copy);
}

/* Returns the bytes of @block, which a binding may write to, or %NULL if something in it is still
 * in use. */
static GBytes *
copy_block (GmpMemory      *memory,
            const GmpBlock *block)
{
  gsize size = (gsize) block->size;
  gpointer copy = NULL;

  gmp_private_memory_lock ();
  if (!is_held_locked (memory, block))
    copy = g_memdup2 (memory->arena_in + block->offset, size);
  gmp_private_memory_unlock ();
  if (copy == NULL)
    return NULL;
  return_block (memory, block->slot);
  gmp_private_memory_add (copy, size);
  return g_bytes_new_with_free_func (copy, size, free_copy, copy);
}

/* The sender can still write to a block, and changes what this process reads from pages that it has
 * not written to itself. The check of a value therefore takes each page before it reads it, with
 * take_pages(). Pages with only numbers stay shared: whatever the sender writes there is a number
 * too. If a page cannot be taken, the value is copied. */
static GBytes *
bytes_of_lease (Lease             *lease,
                const char        *type,
                GmpNormalFormLook *look)
{
  GBytes *bytes = g_bytes_new_with_free_func (lease->data, lease->size, lease_free, lease);
  GBytes *copy;
  gboolean is_writable;

  if (gmp_value_is_numbers (type))
    return bytes;
  gmp_private_memory_lock ();
  is_writable = make_writable_locked (lease);
  gmp_private_memory_unlock ();
  if (is_writable)
    {
      *look = take_pages;
      return bytes;
    }
  copy = g_bytes_new (lease->data, lease->size);
  g_bytes_unref (bytes);
  return copy;
}

/* The bytes of a value, for gmp_value_from_bytes() with @look, in a block that the sender
 * announced; the block is returned when they are freed. Nothing in @block is checked yet;
 * gmp_value_check_type() has passed @type. */
GBytes *
gmp_mapped_value_new_bytes (GmpMemory         *memory,
                            const GmpBlock    *block,
                            const char        *type,
                            GmpNormalFormLook *look,
                            GError           **error)
{
  gsize copied_max = gmp_value_is_numbers (type) ? COPIED_NUMBERS_MAX : COPIED_MAX;
  GBytes *copy = NULL;
  Lease *lease = NULL;

  *look = NULL;

  if (is_block (memory, block) && block->size <= copied_max)
    copy = copy_block (memory, block);
  else if (is_block (memory, block))
    lease = lease_new (memory, block);
  if (copy != NULL)
    return copy;
  if (lease != NULL)
    return bytes_of_lease (lease, type, look);
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "A channel received a value in an invalid block: %u at %" G_GUINT64_FORMAT " of %"
               G_GUINT64_FORMAT " bytes", block->slot, block->offset, block->size);
  return NULL;
}
