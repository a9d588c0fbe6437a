/* gmp-receiver.c: takes values out of a ring, or sees them in blocks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-receiver-private.h"

#include "base/gmp-error.h"
#include "channel/gmp-mapped-value-private.h"
#include "channel/gmp-record-private.h"
#include "channel/gmp-value-private.h"

/* A value that is arriving. Its size is only announced, so the memory for it is at most twice the
 * bytes that have arrived. */
typedef struct {
  guint64 size;    /* the final size in bytes; 0: no value is arriving */
  gsize n_here;
  gsize n_room;
  guint8 *bytes;
} Pieces;

/* How many pieces a main loop reads at a time: a megabyte. */
#define PIECES_MAX 64

/* The initial buffer for pieces. */
#define PIECES_ROOM ((gsize) 64 * 1024)

struct _GmpReceiver
{
  GmpMemory *memory;
  GmpRing ring;
  int bell;            /* the writer's */
  GmpChannel *channel; /* what this is a part of */
  char *type;          /* of the last value; the next one usually has the same */
  gsize type_size;
  guint64 limit;       /* the largest size of a value in bytes; 0: no limit */
  guint8 tag;          /* of the last or arriving payload */
  Pieces pieces;
};

/* The writer waits for @bell, an eventfd, which stays the caller's. */
GmpReceiver *
gmp_receiver_new (GmpMemory  *memory,
                  int         bell,
                  GmpChannel *channel)
{
  GmpReceiver *self = g_new0 (GmpReceiver, 1);
  GmpEnd side = 1 - memory->end;

  self->memory = gmp_memory_ref (memory);
  gmp_ring_init (&self->ring, &memory->header->rings[side], memory->rings[side],
                 GMP_MEMORY_RING_SIZE);
  self->bell = bell;
  self->channel = channel;
  return self;
}

void
gmp_receiver_free (GmpReceiver *self)
{
  gmp_memory_unref (self->memory);
  g_free (self->type);
  g_free (self->pieces.bytes);
  g_free (self);
}

/* The error for invalid data. */
GError *
gmp_receiver_error (const char *what)
{
  return g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel received %s", what);
}

/* Remembers the type of the arriving value. */
static gboolean
take_type (GmpReceiver *self,
           const guint8     *type,
           gsize             type_size,
           GError          **error)
{
  if (type_size > 0 && type_size == self->type_size && memcmp (type, self->type, type_size) == 0)
    return TRUE;
  g_free (self->type);
  self->type = g_strndup ((const char *) type, type_size);
  self->type_size = strlen (self->type);
  if (self->type_size == type_size)
    return gmp_value_check_type (self->type, error);
  g_propagate_error (error, gmp_receiver_error ("a type with a zero in it"));
  return FALSE;
}

static GVariant *
take_block (GmpReceiver *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  g_autoptr (GBytes) bytes = NULL;
  GmpNormalFormLook look;
  GmpBlock block;

  if (size != sizeof block)
    {
      g_propagate_error (error, gmp_receiver_error ("a block without a position"));
      return NULL;
    }
  memcpy (&block, body, sizeof block);
  if (!gmp_value_check_size (block.size, self->limit, GMP_ERROR_PROTOCOL, error))
    return NULL;
  bytes = gmp_mapped_value_new_bytes (self->memory, &block, self->type, &look, error);
  return bytes != NULL ? gmp_channel_take_value (self->channel, self->type, bytes, look, error)
                       : NULL;
}

static gboolean
begin_pieces (GmpReceiver *self,
              const guint8     *body,
              gsize             size,
              GError          **error)
{
  guint64 announced = 0;

  if (size == sizeof announced)
    memcpy (&announced, body, size);
  if (announced == 0 || announced > G_MAXSSIZE)
    {
      g_propagate_error (error, gmp_receiver_error ("a value of an impossible size"));
      return FALSE;
    }
  if (!gmp_value_check_size (announced, self->limit, GMP_ERROR_PROTOCOL, error))
    return FALSE;
  self->pieces = (Pieces) { .size = announced };
  return TRUE;
}

/* Makes room for @size more bytes of the arriving value. */
static gboolean
grow_pieces (Pieces *self,
             gsize   size,
             GError **error)
{
  gsize room = MIN (MAX (2 * self->n_room, PIECES_ROOM), self->size);
  guint8 *bytes;

  if (size <= self->n_room - self->n_here)
    return TRUE;
  room = MAX (room, self->n_here + size);
  bytes = g_try_realloc (self->bytes, room);
  if (bytes == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "Not enough memory for a value of %" G_GUINT64_FORMAT " bytes, of which %"
                   G_GSIZE_FORMAT " have come", self->size, self->n_here);
      return FALSE;
    }
  self->bytes = bytes;
  self->n_room = room;
  return TRUE;
}

/* The value, when its last piece has arrived. */
static GVariant *
take_piece (GmpReceiver *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  Pieces *pieces = &self->pieces;
  g_autoptr (GBytes) bytes = NULL;

  if (size == 0 || size > pieces->size - pieces->n_here)
    {
      g_propagate_error (error, gmp_receiver_error ("a piece that belongs to no value"));
      return NULL;
    }
  if (!grow_pieces (pieces, size, error))
    return NULL;
  memcpy (pieces->bytes + pieces->n_here, body, size);
  pieces->n_here += size;
  if (pieces->n_here < pieces->size)
    return NULL;
  bytes = g_bytes_new_take (pieces->bytes, pieces->n_here);
  *pieces = (Pieces) { 0, };
  return gmp_channel_take_value (self->channel, self->type, bytes, NULL, error);
}

/* Handles one record. Returns TRUE if it completes a payload. */
static gboolean
take_record (GmpReceiver *self,
             const GmpRecord     *record,
             const guint8     *type,
             GVariant        **payload,
             GError          **error)
{
  const guint8 *body = type + gmp_record_fill_up (record->type_size);
  g_autoptr (GBytes) bytes = NULL;

  *payload = NULL;
  if (self->pieces.size > 0 && record->kind != GMP_RECORD_PIECE)
    {
      g_propagate_error (error, gmp_receiver_error ("a record among the pieces of a value"));
      return FALSE;
    }
  if (record->kind != GMP_RECORD_PIECE)
    self->tag = record->tag;
  if (record->kind == GMP_RECORD_NULL)
    return TRUE;
  if (record->kind == GMP_RECORD_PIECE)
    {
      *payload = take_piece (self, body, record->size, error);
      return *payload != NULL;
    }
  if (!take_type (self, type, record->type_size, error))
    return FALSE;
  switch (record->kind)
    {
    case GMP_RECORD_VALUE:
      if (!gmp_value_check_size (record->size, self->limit, GMP_ERROR_PROTOCOL, error))
        return FALSE;
      bytes = g_bytes_new (body, record->size);
      *payload = gmp_value_from_bytes (self->type, bytes, NULL, error);
      return *payload != NULL;

    case GMP_RECORD_BLOCK:
      *payload = take_block (self, body, record->size, error);
      return *payload != NULL;

    case GMP_RECORD_BEGIN:
      begin_pieces (self, body, record->size, error);
      return FALSE;

    default:
      g_propagate_error (error, gmp_receiver_error ("a record of an unknown kind"));
      return FALSE;
    }
}

/* After a record that has completed no payload: TRUE if another thread checks the payload first, or
 * if the main loop should have a turn after @n_pieces. */
static gboolean
should_pause (GmpReceiver *self,
              guint        n_pieces)
{
  return self->channel->large != NULL ||
         (self->channel->later != NULL && n_pieces % PIECES_MAX == 0);
}

/* Takes records until a payload is complete, of at most @limit bytes where that is not 0.
 * Returns GMP_CHANNEL_CLOSED with @error for invalid data. */
GmpChannelStatus
gmp_receiver_take (GmpReceiver *self,
                   guint64      limit,
                   guint8      *tag,
                   GVariant   **payload,
                   GError     **error)
{
  const guint8 *place;
  guint n_pieces = 0;
  gsize size;

  self->limit = limit;
  while ((place = gmp_ring_peek (&self->ring, &size)) != NULL)
    {
      GError *local = NULL;
      gboolean is_complete = FALSE;
      GmpRecord record;

      /* Copied, because it could change between check and use. */
      memcpy (&record, place, sizeof record);
      if (gmp_record_size (record.type_size, record.size) != size)
        local = gmp_receiver_error ("a record whose size does not match its contents");
      else
        is_complete = take_record (self, &record, place + sizeof record, payload, &local);
      if (local != NULL)
        {
          g_propagate_error (error, local);
          return GMP_CHANNEL_CLOSED;
        }
      if (gmp_ring_release (&self->ring, size))
        gmp_memory_ring (self->memory, self->bell);
      if (is_complete)
        {
          *tag = self->tag;
          return GMP_CHANNEL_PAYLOAD;
        }
      if (should_pause (self, ++n_pieces))
        {
          *tag = self->tag;
          return GMP_CHANNEL_EMPTY;
        }
    }
  if (!self->ring.is_broken)
    return GMP_CHANNEL_EMPTY;
  g_propagate_error (error, gmp_receiver_error ("an impossible position"));
  return GMP_CHANNEL_CLOSED;
}

/* Makes the writer ring for the next record; %TRUE if one is there already. */
gboolean
gmp_receiver_sleep (GmpReceiver *self)
{
  return gmp_ring_sleep (&self->ring);
}

void
gmp_receiver_wake (GmpReceiver *self)
{
  gmp_ring_wake (&self->ring);
}
