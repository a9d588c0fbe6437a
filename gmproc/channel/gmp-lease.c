/* gmp-lease.c: a received value where it lies, in a block of the sender's arena
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-lease-private.h"

#include "base/gmp-error.h"
#include "channel/gmp-value-private.h"

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
static GBytes *
lease_new_bytes (GmpMemory      *memory,
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

/* Makes the last @size bytes of @value this process's own. */
static void
take_end (GVariant *value,
          gsize     size)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);
  guintptr end = (guintptr) g_variant_get_data (value) + g_variant_get_size (value);
  guintptr begin = (end - MIN (size, g_variant_get_size (value))) & ~(page - 1);

  for (guintptr place = begin; place < end; place += page)
    {
      volatile guint8 *byte = (volatile guint8 *) place;

      *byte = *byte;
    }
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
      take_end (value, n * FRAME_OFFSET_MAX);
      return g_variant_n_children (value) == n;
    }
  if (!g_variant_type_is_tuple (type))
    return FALSE;
  n = g_variant_n_children (value);
  take_end (value, n * FRAME_OFFSET_MAX);
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
