/* gmp-arena.c: blocks of shared memory for values that are too big for a ring
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-arena-private.h"

#include <sys/mman.h>
#include <unistd.h>

/* Pieces of the arena from its start to @top, in order and without gaps; nothing behind @top has
 * been used yet. First fit, so that the most recently used memory is reused, whose pages are
 * there. */
typedef struct {
  gsize offset;
  gsize size;
  gint slot; /* -1: not lent */
} Piece;

struct _GmpArena
{
  GmpMemory *memory;
  GMutex lock; /* a large value takes its block in another thread */
  gsize page;
  GArray *pieces; /* of Piece */
  gsize top;
  gsize touched; /* nothing behind this was written to since the last trim */
};

GmpArena *
gmp_arena_new (GmpMemory *memory)
{
  GmpArena *self = g_new0 (GmpArena, 1);

  g_mutex_init (&self->lock);
  self->memory = gmp_memory_ref (memory);
  self->page = (gsize) sysconf (_SC_PAGESIZE);
  self->pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  return self;
}

void
gmp_arena_free (GmpArena *self)
{
  g_mutex_clear (&self->lock);
  g_array_unref (self->pieces);
  gmp_memory_unref (self->memory);
  g_free (self);
}

static Piece *
piece_at (GmpArena *self,
          guint     i)
{
  return &g_array_index (self->pieces, Piece, i);
}

static _Atomic guint32 *
lent (GmpArena *self,
      guint     slot)
{
  return &self->memory->header->lent[self->memory->end][slot];
}

/* Merges returned neighbours into one piece, and returns the last ones to @top. */
static void
collect (GmpArena *self)
{
  guint i = 0;

  while (i < self->pieces->len)
    {
      Piece *piece = piece_at (self, i);

      /* Acquire: the receiver had finished with it before it stored this. */
      if (piece->slot != -1 &&
          atomic_load_explicit (lent (self, piece->slot), memory_order_acquire) == 0)
        piece->slot = -1;
      if (i > 0 && piece->slot == -1 && piece_at (self, i - 1)->slot == -1)
        {
          piece_at (self, i - 1)->size += piece->size;
          g_array_remove_index (self->pieces, i);
        }
      else
        {
          i++;
        }
    }
  if (i > 0 && piece_at (self, i - 1)->slot == -1)
    {
      self->top = piece_at (self, i - 1)->offset;
      g_array_set_size (self->pieces, i - 1);
    }
}

static int
find_slot (GmpArena *self)
{
  gboolean is_used[GMP_MEMORY_BLOCKS] = { FALSE, };

  for (guint i = 0; i < self->pieces->len; i++)
    if (piece_at (self, i)->slot != -1)
      is_used[piece_at (self, i)->slot] = TRUE;
  for (int slot = 0; slot < GMP_MEMORY_BLOCKS; slot++)
    if (!is_used[slot])
      return slot;
  return -1;
}

/* The first piece of at least @size bytes, cut to it. */
static Piece *
find_piece (GmpArena *self,
            gsize     size)
{
  Piece rest;

  for (guint i = 0; i < self->pieces->len; i++)
    {
      Piece *piece = piece_at (self, i);

      if (piece->slot != -1 || piece->size < size)
        continue;
      rest = (Piece) { piece->offset + size, piece->size - size, -1 };
      piece->size = size;
      if (rest.size > 0)
        g_array_insert_val (self->pieces, i + 1, rest);
      return piece_at (self, i);
    }
  if (self->memory->arena_size - self->top < size)
    return NULL;
  rest = (Piece) { self->top, size, -1 };
  self->top += size;
  self->touched = MAX (self->touched, self->top);
  g_array_append_val (self->pieces, rest);
  return piece_at (self, self->pieces->len - 1);
}

static guint8 *
lend_locked (GmpArena *self,
             gsize     size,
             GmpBlock *block)
{
  Piece *piece;
  int slot;

  collect (self);
  slot = find_slot (self);
  piece = slot != -1 ? find_piece (self, (size + self->page - 1) & ~(self->page - 1)) : NULL;
  if (piece == NULL)
    return NULL;
  piece->slot = slot;
  /* The record that announces the block makes this visible to the receiver. */
  atomic_store_explicit (lent (self, slot), 1, memory_order_relaxed);
  *block = (GmpBlock) { slot, piece->offset, size };
  return self->memory->arena_out + piece->offset;
}

/* A block for @size bytes, which belongs to the receiver once it receives @block; %NULL if there is
 * no room. Called in any thread. */
guint8 *
gmp_arena_lend (GmpArena *self,
                gsize     size,
                GmpBlock *block)
{
  guint8 *place;

  if (size == 0 || size > self->memory->arena_size)
    return NULL;
  g_mutex_lock (&self->lock);
  place = lend_locked (self, size, block);
  g_mutex_unlock (&self->lock);
  return place;
}

static void
give_back (GmpArena *self,
           gsize     offset,
           gsize     size)
{
  if (size > 0)
    madvise (self->memory->arena_out + offset, size, MADV_REMOVE);
}

static void
trim_locked (GmpArena *self)
{
  if (self->touched == 0)
    return;
  collect (self);
  for (guint i = 0; i < self->pieces->len; i++)
    if (piece_at (self, i)->slot == -1)
      give_back (self, piece_at (self, i)->offset, piece_at (self, i)->size);
  give_back (self, self->top, self->touched - self->top);
  self->touched = self->top;
}

/* Returns the memory of blocks that are not lent to the system. */
void
gmp_arena_trim (GmpArena *self)
{
  g_mutex_lock (&self->lock);
  trim_locked (self);
  g_mutex_unlock (&self->lock);
}
