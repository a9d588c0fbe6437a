/* gmp-lease.c: a received value where it lies, in a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-lease-private.h"

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
typedef struct _GmpLease {
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
take_pages (guint8 *data,
            gsize   size)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  for (gsize i = 0; i < size; i += page)
    __atomic_fetch_or (data + i, 0, __ATOMIC_RELAXED);
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

const GmpPrivateMemoryFuncs gmp_lease_memory_funcs = { make_writable_cb, keep_cb };

static void
end_writable_locked (GmpMemory *memory)
{
  gsize end = 0;

  for (guint i = 0; i < GMP_MEMORY_BLOCKS; i++)
    if (memory->leases[i] != NULL && memory->leases[i]->may_be_written)
      end = MAX (end, get_end (memory->leases[i]));
  gmp_memory_end_writable (memory, end);
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
  /* Release: nothing here looks at it any more when the sender sees this. */
  if (!lease->is_pinned && memory->generation == gmp_fork_get_generation ())
    atomic_store_explicit (&memory->header->lent[1 - memory->end][lease->slot], 0,
                           memory_order_release);
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

/* The bytes of a block that the sender told of, which goes back when they are freed. Nothing in
 * @block is checked yet. */
static GBytes *
lease_new_bytes (GmpMemory      *memory,
                 const GmpBlock *block,
                 GError        **error)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  Lease *lease = NULL;

  if (block->slot < GMP_MEMORY_BLOCKS && block->size > 0 && block->offset % page == 0 &&
      block->offset <= memory->arena_size && block->size <= memory->arena_size - block->offset)
    lease = lease_new (memory, block);
  if (lease == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "A channel brought a value in a block that is none: %u at %" G_GUINT64_FORMAT
                   " of %" G_GUINT64_FORMAT " bytes", block->slot, block->offset, block->size);
      return NULL;
    }
  return g_bytes_new_with_free_func (lease->data, lease->size, lease_free, lease);
}

/* The sender can still write to a block, and for what this process reads of a page that it has not
 * written to itself, that counts. Numbers and texts may then be others than before; but GLib aborts
 * the process when an array has fewer items than it had a moment ago, or a variant another type. So
 * what says how many items there are must be this process's own before it is looked at: by a write
 * to its pages, where it is in one place, or by a copy of all. */

static gboolean
is_fixed_size (const GVariantType *type)
{
  const char *text = g_variant_type_peek_string (type);
  gsize size = g_variant_type_get_string_length (type);

  for (gsize i = 0; i < size; i++)
    if (strchr ("amsogv", text[i]) != NULL)
      return FALSE;
  return TRUE;
}

/* Whether the type alone, or the size, says what children there are, and theirs. */
static gboolean
is_steady (const GVariantType *type)
{
  if (g_variant_type_is_basic (type))
    return TRUE;
  if (g_variant_type_is_variant (type))
    return FALSE;
  if (g_variant_type_is_array (type))
    return is_fixed_size (g_variant_type_element (type));
  if (g_variant_type_is_maybe (type))
    return is_steady (g_variant_type_element (type));
  for (const GVariantType *item = g_variant_type_first (type); item != NULL;
       item = g_variant_type_next (item))
    if (!is_steady (item))
      return FALSE;
  return TRUE;
}

/* Makes the last @size bytes of @value this process's own, unless it may not have as many. */
static gboolean
take_end (GVariant *value,
          gsize     size)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  guintptr end = (guintptr) g_variant_get_data (value) + g_variant_get_size (value);
  guintptr begin = (end - MIN (size, g_variant_get_size (value))) & ~(page - 1);

  if (begin == end)
    return TRUE;
  if (!gmp_private_memory_make_writable ((gconstpointer) begin, end - begin))
    return FALSE;
  take_pages ((guint8 *) begin, end - begin);
  return TRUE;
}

/* Where a container has children of various sizes, it ends with where they end, in at most so many
 * bytes each. */
#define FRAME_OFFSET_MAX sizeof (guint64)

/* Returns whether what says how many children there are is all this process's own. */
static gboolean
take_frame (GVariant *value)
{
  const GVariantType *type = g_variant_get_type (value);
  gsize n;

  if (is_steady (type))
    return TRUE;
  if (g_variant_type_is_array (type) && is_steady (g_variant_type_element (type)))
    {
      n = g_variant_n_children (value);
      return take_end (value, n * FRAME_OFFSET_MAX) && g_variant_n_children (value) == n;
    }
  if (!g_variant_type_is_tuple (type))
    return FALSE;
  n = g_variant_n_children (value);
  if (!take_end (value, n * FRAME_OFFSET_MAX))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      if (!take_frame (child))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_own (const char *type,
        GBytes     *bytes)
{
  g_autoptr (GVariant) value = NULL;

  if (is_steady ((const GVariantType *) type))
    return TRUE;
  value = g_variant_ref_sink (g_variant_new_from_bytes ((const GVariantType *) type, bytes,
                                                        FALSE));
  return take_frame (value);
}

/* The value in a block that the sender told of, which goes back when the value is freed. Nothing in
 * @block is checked yet; gmp_value_check_type() has passed @type. */
GVariant *
gmp_lease_new_value (GmpMemory      *memory,
                     const GmpBlock *block,
                     const char     *type,
                     GError        **error)
{
  g_autoptr (GBytes) bytes = lease_new_bytes (memory, block, error);
  g_autoptr (GBytes) copy = NULL;

  if (bytes == NULL)
    return NULL;
  if (is_own (type, bytes))
    return gmp_value_from_bytes (type, bytes, error);
  copy = g_bytes_new (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  return gmp_value_from_bytes (type, copy, error);
}
