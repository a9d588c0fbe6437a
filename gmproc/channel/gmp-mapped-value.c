/* gmp-mapped-value.c: a received value where it lies, in a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-mapped-value-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "channel/gmp-value-private.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Parent and child of a fork share what lies in a block, and neither knows of the other when it is
 * done with it. So before a fork a process makes copies of its own of all pages that it holds; the
 * kernel makes two of these as soon as one of the two writes. Only the process that the block was
 * lent to gives it back. */
typedef struct _GmpMappedValue {
  GmpMemory *memory;
  guint slot;
  guint8 *data;
  gsize size;
  gboolean may_be_written; /* pages of it may be copies of this process's own */
  gboolean is_kept;        /* what was forked has it too */
  gboolean is_pinned;      /* no copy could be had for that, so the block is not given back */
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

const GmpPrivateMemoryFuncs gmp_mapped_value_memory_funcs = { make_writable_cb, keep_cb };

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
  /* Release: nothing here looks at it any more when the sender sees this. */
  if (memory->generation == gmp_fork_get_generation ())
    atomic_store_explicit (&memory->header->lent[1 - memory->end][slot], 0, memory_order_release);
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

/* Whether anything in @block is still looked at: what is dropped of one value must not be of
 * another. */
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

/* Whether @block lies in the sender's arena. */
static gboolean
is_block (GmpMemory      *memory,
          const GmpBlock *block)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  return block->slot < GMP_MEMORY_BLOCKS && block->size > 0 && block->offset % page == 0 &&
         block->offset <= memory->arena_size && block->size <= memory->arena_size - block->offset;
}

/* Up to so many bytes, copying a value out of its block costs less than the page faults of having
 * it there, and the sender has the block back at once. */
#define COPIED_MAX ((gsize) 64 * 1024)

/* Returns the bytes of @block, or %NULL where something in it is still looked at. */
static GBytes *
copy_block (GmpMemory      *memory,
            const GmpBlock *block)
{
  GBytes *bytes = NULL;

  gmp_private_memory_lock ();
  if (!is_held_locked (memory, block))
    bytes = g_bytes_new (memory->arena_in + block->offset, (gsize) block->size);
  gmp_private_memory_unlock ();
  if (bytes != NULL)
    return_block (memory, block->slot);
  return bytes;
}

/* The sender can still write to a block, and that counts for what this process reads of a page that
 * it has not written to itself. So the check of a value takes each page that it reads, by
 * take_pages(). Pages with nothing but numbers stay as they are: whatever the sender makes of these
 * is a number too. Where no page can be taken, the value is a copy. */
static GVariant *
value_of_lease (Lease      *lease,
                const char *type,
                GError    **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new_with_free_func (lease->data, lease->size, lease_free,
                                                         lease);
  g_autoptr (GBytes) copy = NULL;
  gboolean is_writable;

  if (gmp_value_is_numbers (type))
    return gmp_value_from_bytes (type, bytes, NULL, error);
  gmp_private_memory_lock ();
  is_writable = make_writable_locked (lease);
  gmp_private_memory_unlock ();
  if (is_writable)
    return gmp_value_from_bytes (type, bytes, take_pages, error);
  copy = g_bytes_new (lease->data, lease->size);
  return gmp_value_from_bytes (type, copy, NULL, error);
}

/* The value in a block that the sender told of; the block goes back when the value is freed.
 * Nothing in @block is checked yet; gmp_value_check_type() has passed @type. */
GVariant *
gmp_mapped_value_new_value (GmpMemory      *memory,
                            const GmpBlock *block,
                            const char     *type,
                            GError        **error)
{
  g_autoptr (GBytes) copy = NULL;
  Lease *lease = NULL;

  if (is_block (memory, block) && block->size <= COPIED_MAX)
    copy = copy_block (memory, block);
  else if (is_block (memory, block))
    lease = lease_new (memory, block);
  if (copy != NULL)
    return gmp_value_from_bytes (type, copy, NULL, error);
  if (lease != NULL)
    return value_of_lease (lease, type, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "A channel brought a value in an invalid block: %u at %" G_GUINT64_FORMAT " of %"
               G_GUINT64_FORMAT " bytes", block->slot, block->offset, block->size);
  return NULL;
}
