/* gmp-sender.c: puts values into a ring, or into blocks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-sender-private.h"

#include "channel/gmp-record-private.h"
#include "channel/gmp-value-private.h"

struct _GmpSender
{
  gatomicrefcount ref_count;
  GmpMemory *memory;
  GmpRing ring;
  GmpArena *arena;
  int bell;       /* the reader's */
  GQueue unsent;  /* of Unsent */
  guint8 tag;     /* of the payload that is being sent */
  GBytes *pieces; /* (nullable): the bytes of the first, which is being sent in pieces */
  gsize n_sent;   /* of them */
  gboolean has_woken; /* the reader, in this send */

  /* Written in another thread by gmp_sender_store(), before that value is sent. */
  GmpBlock stored;
  gboolean has_stored;
};

typedef struct {
  guint8 tag;
  GVariant *payload; /* (nullable) */
} Unsent;

static void
unsent_free (gpointer data)
{
  Unsent *unsent = data;

  g_clear_pointer (&unsent->payload, g_variant_unref);
  g_free (unsent);
}

/* The reader waits for @bell, an eventfd, which stays the caller's. */
GmpSender *
gmp_sender_new (GmpMemory *memory,
                int        bell)
{
  GmpSender *self = g_new0 (GmpSender, 1);
  GmpEnd side = memory->end;

  g_atomic_ref_count_init (&self->ref_count);
  self->memory = gmp_memory_ref (memory);
  gmp_ring_init (&self->ring, &memory->header->rings[side], memory->rings[side],
                 GMP_MEMORY_RING_SIZE);
  self->arena = gmp_arena_new (memory);
  self->bell = bell;
  g_queue_init (&self->unsent);
  return self;
}

GmpSender *
gmp_sender_ref (GmpSender *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
gmp_sender_unref (GmpSender *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  gmp_sender_drop_unsent (self);
  gmp_arena_free (self->arena);
  gmp_memory_unref (self->memory);
  g_free (self);
}

/* Begins a record; returns the place of its body, or %NULL if there is no room. */
static guint8 *
begin_record (GmpSender *self,
              guint8            kind,
              const char       *type,
              gsize             type_size,
              gsize             size)
{
  guint8 *place = gmp_ring_reserve (&self->ring, gmp_record_size (type_size, size));
  GmpRecord record = { kind, self->tag, (guint16) type_size, (guint32) size };

  if (place == NULL)
    return NULL;
  memcpy (place, &record, sizeof record);
  memcpy (place + sizeof record, type, type_size);
  return place + sizeof record + gmp_record_fill_up (type_size);
}

static void
end_record (GmpSender *self,
            gsize             type_size,
            gsize             size)
{
  if (gmp_ring_commit (&self->ring, gmp_record_size (type_size, size)))
    {
      gmp_memory_ring (self->memory, self->bell);
      self->has_woken = TRUE;
    }
}

static gboolean
send_value (GmpSender *self,
            GVariant         *value,
            const char       *type,
            gsize             size)
{
  gsize type_size = strlen (type);
  guint8 *body = begin_record (self, GMP_RECORD_VALUE, type, type_size, size);

  if (body == NULL)
    return FALSE;
  g_variant_store (value, body);
  end_record (self, type_size, size);
  return TRUE;
}

/* Copies @value into a block of its own; FALSE if there is no room. */
static gboolean
store_block (GmpSender *self,
             GVariant  *value,
             gsize      size,
             GmpBlock  *block)
{
  guint8 *place = gmp_arena_lend (self->arena, size, block);

  if (place == NULL)
    return FALSE;
  g_variant_store (value, place);
  return TRUE;
}

/* Does the part of sending @value that takes long, in any thread, if it is sent next. */
void
gmp_sender_store (GmpSender *self,
                  GVariant  *value)
{
  gsize size = g_variant_get_size (value);

  self->has_stored = size > GMP_RECORD_VALUE_MAX &&
                     store_block (self, value, size, &self->stored);
}

static gboolean
send_block (GmpSender *self,
            GVariant         *value,
            const char       *type,
            gsize             size)
{
  gsize type_size = strlen (type);
  guint8 *body = begin_record (self, GMP_RECORD_BLOCK, type, type_size, sizeof (GmpBlock));
  GmpBlock block;

  if (body == NULL)
    return FALSE;
  if (self->has_stored)
    block = self->stored;
  else if (!store_block (self, value, size, &block))
    return FALSE;
  self->has_stored = FALSE;
  memcpy (body, &block, sizeof block);
  end_record (self, type_size, sizeof block);
  return TRUE;
}

/* Sends as much as there is room for. %TRUE when everything has been sent. */
static gboolean
send_pieces (GmpSender *self,
             GVariant         *value)
{
  gsize size = g_variant_get_size (value);

  if (self->pieces == NULL)
    {
      const char *type = g_variant_get_type_string (value);
      guint64 total = size;
      guint8 *body = begin_record (self, GMP_RECORD_BEGIN, type, strlen (type), sizeof total);

      if (body == NULL)
        return FALSE;
      memcpy (body, &total, sizeof total);
      end_record (self, strlen (type), sizeof total);
      self->pieces = g_variant_get_data_as_bytes (value);
      self->n_sent = 0;
    }
  while (self->n_sent < size)
    {
      gsize n = MIN (size - self->n_sent, GMP_RECORD_VALUE_MAX);
      guint8 *body = begin_record (self, GMP_RECORD_PIECE, "", 0, n);

      if (body == NULL)
        return FALSE;
      memcpy (body, (const guint8 *) g_bytes_get_data (self->pieces, NULL) + self->n_sent,
              n);
      end_record (self, 0, n);
      self->n_sent += n;
    }
  g_clear_pointer (&self->pieces, g_bytes_unref);
  return TRUE;
}

static gboolean
try_send (GmpSender *self,
          guint8     tag,
          GVariant  *payload)
{
  const char *type;
  gsize size;

  self->tag = tag;
  if (payload == NULL)
    {
      if (begin_record (self, GMP_RECORD_NULL, "", 0, 0) == NULL)
        return FALSE;
      end_record (self, 0, 0);
      return TRUE;
    }
  type = g_variant_get_type_string (payload);
  size = g_variant_get_size (payload);
  if (size <= GMP_RECORD_VALUE_MAX)
    return send_value (self, payload, type, size);
  if (self->pieces == NULL && send_block (self, payload, type, size))
    return TRUE;
  /* What is stored already waits for room. */
  return !self->has_stored && send_pieces (self, payload);
}

/* Sends the valid @payload (nullable, not floating), or keeps it. */
void
gmp_sender_send (GmpSender *self,
                 guint8     tag,
                 GVariant  *payload)
{
  Unsent *unsent;

  self->has_woken = FALSE;
  if (self->unsent.length == 0 && try_send (self, tag, payload))
    return;
  unsent = g_new (Unsent, 1);
  *unsent = (Unsent) { tag, payload != NULL ? g_variant_ref (payload) : NULL };
  g_queue_push_tail (&self->unsent, unsent);
  /* A value may begin to be sent in pieces. */
  gmp_sender_send_unsent (self);
}

/* TRUE if the reader slept at the last gmp_sender_send() and was rung. */
gboolean
gmp_sender_has_woken (GmpSender *self)
{
  return self->has_woken;
}

/* Sends kept payloads as far as there is room. Returns TRUE if everything has been sent. */
gboolean
gmp_sender_send_unsent (GmpSender *self)
{
  Unsent *first;

  while ((first = g_queue_peek_head (&self->unsent)) != NULL)
    {
      if (!try_send (self, first->tag, first->payload))
        return FALSE;
      unsent_free (g_queue_pop_head (&self->unsent));
    }
  return TRUE;
}

gboolean
gmp_sender_has_unsent (GmpSender *self)
{
  return self->unsent.length > 0;
}

void
gmp_sender_drop_unsent (GmpSender *self)
{
  g_queue_clear_full (&self->unsent, unsent_free);
  g_clear_pointer (&self->pieces, g_bytes_unref);
}

/* Makes the reader ring when there is room for the next record; %TRUE if there is room already. */
gboolean
gmp_sender_wait_for_room (GmpSender *self)
{
  /* The largest record, so that there is room for any next one. */
  gsize size = gmp_record_size (GMP_VALUE_TYPE_MAX, GMP_RECORD_VALUE_MAX);

  return gmp_ring_wait_for_room (&self->ring, size) || self->ring.is_broken;
}

/* TRUE if the reader has stored an impossible position. */
gboolean
gmp_sender_is_broken (GmpSender *self)
{
  return self->ring.is_broken;
}

/* Returns memory that is not needed now. */
void
gmp_sender_trim (GmpSender *self)
{
  gmp_arena_trim (self->arena);
}
