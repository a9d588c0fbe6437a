/* gmp-shared-channel.c: a channel in shared memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-shared-channel-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"
#include "channel/gmp-arena-private.h"
#include "channel/gmp-lease-private.h"
#include "channel/gmp-value-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A record in the ring: this, the type string without its end, and the body, each filled up to
 * GMP_RING_ALIGN. */
typedef struct {
  guint16 kind;
  guint16 type_size; /* in bytes */
  guint32 size;      /* of the body, in bytes */
} Record;

enum {
  RECORD_NULL = 1, /* no value: no type and no body */
  RECORD_VALUE,    /* the body is a value's bytes */
  RECORD_BLOCK,    /* the body is a GmpBlock, which has the bytes */
  RECORD_BEGIN,    /* the body is a guint64: how many bytes come in the pieces that follow */
  RECORD_PIECE     /* the body is some of them; no type */
};

/* A value up to this size is copied into the ring and out of it again; a bigger one takes a block,
 * where that is to be had, and comes in pieces of this size where not. */
#define VALUE_MAX ((gsize) 16 * 1024)

/* The longest type string, so that a record always fits. */
#define TYPE_MAX ((gsize) 16 * 1024)

/* The biggest value that can come in pieces: GByteArray counts with 32 bits. */
#define PIECES_MAX ((guint64) G_MAXUINT / 2)

struct _GmpSharedChannel
{
  GmpChannel parent_instance;

  GmpMemory *memory;
  GmpArena *arena;
  GmpRing out;
  GmpRing in;
  int fds[GMP_SHARED_N_FDS];
  GmpDoorbell *doorbell; /* (nullable) */
  gboolean is_lost;      /* the other process is gone; set by the doorbell */

  char *type;            /* of the last value that came; the next one most often has the same */
  gsize type_size;
  GByteArray *pieces;    /* (nullable): of a value that is coming */
  guint64 pieces_size;   /* how many bytes it will have */

  GQueue unsent;         /* of GVariant, or &null_payload */
  GBytes *unsent_pieces; /* (nullable): the bytes of the first, which is being sent in pieces */
  gsize n_sent;          /* of them */

  gboolean is_closing;   /* by this end, once nothing is unsent */
  GError *closing;       /* (nullable): its reason */
  GError *reason;        /* (nullable): why nothing more comes */
};

G_DEFINE_FINAL_TYPE (GmpSharedChannel, gmp_shared_channel, GMP_TYPE_CHANNEL)

static char null_payload;

static gsize
fill_up (gsize size)
{
  return (size + GMP_RING_ALIGN - 1) & ~(GMP_RING_ALIGN - 1);
}

static gsize
record_size (gsize type_size,
             gsize size)
{
  return sizeof (Record) + fill_up (type_size) + fill_up (size);
}

static void
ring_other_end (GmpSharedChannel *self)
{
  eventfd_write (self->fds[GMP_SHARED_BELL_OUT], 1);
}

/* Sending. */

/* Begins a record; returns the place of its body, or %NULL where there is no room. */
static guint8 *
begin_record (GmpSharedChannel *self,
              guint16           kind,
              const char       *type,
              gsize             type_size,
              gsize             size)
{
  guint8 *place = gmp_ring_reserve (&self->out, record_size (type_size, size));
  Record record = { kind, (guint16) type_size, (guint32) size };

  if (place == NULL)
    return NULL;
  memcpy (place, &record, sizeof record);
  memcpy (place + sizeof record, type, type_size);
  return place + sizeof record + fill_up (type_size);
}

static void
end_record (GmpSharedChannel *self,
            gsize             type_size,
            gsize             size)
{
  if (gmp_ring_commit (&self->out, record_size (type_size, size)))
    ring_other_end (self);
}

static gboolean
send_value (GmpSharedChannel *self,
            GVariant         *value,
            const char       *type,
            gsize             size)
{
  gsize type_size = strlen (type);
  guint8 *body = begin_record (self, RECORD_VALUE, type, type_size, size);

  if (body == NULL)
    return FALSE;
  g_variant_store (value, body);
  end_record (self, type_size, size);
  return TRUE;
}

static gboolean
send_block (GmpSharedChannel *self,
            GVariant         *value,
            const char       *type,
            gsize             size)
{
  gsize type_size = strlen (type);
  guint8 *body = begin_record (self, RECORD_BLOCK, type, type_size, sizeof (GmpBlock));
  guint8 *place;
  GmpBlock block;

  if (body == NULL)
    return FALSE;
  place = gmp_arena_lend (self->arena, size, &block);
  if (place == NULL)
    return FALSE;
  g_variant_store (value, place);
  memcpy (body, &block, sizeof block);
  end_record (self, type_size, sizeof block);
  return TRUE;
}

/* Sends what there is room for. %TRUE when all has gone. */
static gboolean
send_pieces (GmpSharedChannel *self,
             GVariant         *value)
{
  gsize size = g_variant_get_size (value);

  if (self->unsent_pieces == NULL)
    {
      const char *type = g_variant_get_type_string (value);
      guint64 total = size;
      guint8 *body = begin_record (self, RECORD_BEGIN, type, strlen (type), sizeof total);

      if (body == NULL)
        return FALSE;
      memcpy (body, &total, sizeof total);
      end_record (self, strlen (type), sizeof total);
      self->unsent_pieces = g_variant_get_data_as_bytes (value);
      self->n_sent = 0;
    }
  while (self->n_sent < size)
    {
      gsize n = MIN (size - self->n_sent, VALUE_MAX);
      guint8 *body = begin_record (self, RECORD_PIECE, "", 0, n);

      if (body == NULL)
        return FALSE;
      memcpy (body, (const guint8 *) g_bytes_get_data (self->unsent_pieces, NULL) + self->n_sent,
              n);
      end_record (self, 0, n);
      self->n_sent += n;
    }
  g_clear_pointer (&self->unsent_pieces, g_bytes_unref);
  return TRUE;
}

static gboolean
try_send (GmpSharedChannel *self,
          GVariant         *payload)
{
  const char *type;
  gsize size;

  if (payload == NULL)
    {
      if (begin_record (self, RECORD_NULL, "", 0, 0) == NULL)
        return FALSE;
      end_record (self, 0, 0);
      return TRUE;
    }
  type = g_variant_get_type_string (payload);
  size = g_variant_get_size (payload);
  if (size <= VALUE_MAX)
    return send_value (self, payload, type, size);
  return (self->unsent_pieces == NULL && send_block (self, payload, type, size)) ||
         send_pieces (self, payload);
}

static gpointer
to_unsent (GVariant *payload)
{
  return payload != NULL ? (gpointer) g_variant_ref (payload) : &null_payload;
}

static void
unsent_free (gpointer payload)
{
  if (payload != &null_payload)
    g_variant_unref (payload);
}

/* Stored once: after that the other end reads it. */
static void
store_closing (GmpSharedChannel *self,
               const GError     *reason)
{
  GmpMemoryHeader *header = self->memory->header;
  GmpClosing *closing = &header->closings[self->memory->end];

  if (reason != NULL)
    {
      closing->code = reason->code;
      g_strlcpy (closing->domain, g_quark_to_string (reason->domain), sizeof closing->domain);
      g_strlcpy (closing->text, reason->message, sizeof closing->text);
    }
  /* Release: whoever sees that reads the rest. */
  atomic_store_explicit (&closing->is_closed, 1, memory_order_release);
  /* Once, so without a look at whether the other end sleeps: it may have written nonsense there. */
  ring_other_end (self);
}

static void
send_unsent (GmpSharedChannel *self)
{
  gpointer first;

  while ((first = g_queue_peek_head (&self->unsent)) != NULL)
    {
      if (!try_send (self, first != &null_payload ? first : NULL))
        return;
      unsent_free (g_queue_pop_head (&self->unsent));
    }
  if (self->is_closing)
    {
      store_closing (self, self->closing);
      self->is_closing = FALSE;
    }
}

static gboolean
check_size (GmpSharedChannel *self,
            GVariant         *payload,
            GError          **error)
{
  gsize type_size = strlen (g_variant_get_type_string (payload));
  gsize size = g_variant_get_size (payload);

  if (type_size > TYPE_MAX)
    g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                 "A value whose type has %" G_GSIZE_FORMAT " characters cannot be sent: at most %"
                 G_GSIZE_FORMAT ", so send an array of variants (av) in place of a long tuple",
                 type_size, TYPE_MAX);
  else if (size > PIECES_MAX && size > self->memory->arena_size)
    g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                 "A value of %" G_GSIZE_FORMAT " bytes cannot be sent: the memory shared with the "
                 "other worker has %" G_GSIZE_FORMAT " bytes (raise shared-memory-limit)", size,
                 self->memory->arena_size);
  else
    return TRUE;
  return FALSE;
}

static gboolean
gmp_shared_channel_send (GmpChannel *channel,
                         GVariant   *payload,
                         GError    **error)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  if (payload != NULL && (!gmp_value_check_sendable (payload, error) ||
                          !check_size (self, payload, error)))
    return FALSE;
  /* A channel that has ended is not an error here: receive() tells, with the reason. */
  if (self->reason != NULL || self->closing != NULL)
    return TRUE;
  if (self->unsent.length == 0 && try_send (self, payload))
    return TRUE;
  g_queue_push_tail (&self->unsent, to_unsent (payload));
  /* A value may begin to go in pieces. */
  send_unsent (self);
  return TRUE;
}

static gboolean
gmp_shared_channel_has_unsent (GmpChannel *channel)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  return self->unsent.length > 0 && self->reason == NULL;
}

static void
gmp_shared_channel_close (GmpChannel   *channel,
                          const GError *reason)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  if (self->closing != NULL)
    return;
  /* What the other end reports where no reason is given. */
  self->closing = reason != NULL ? g_error_copy (reason)
                                 : g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                                "The other end has closed the channel");
  self->is_closing = TRUE;
  send_unsent (self);
}

/* Receiving. */

/* The channel has ended for this end: takes @error over. */
static void
end (GmpSharedChannel *self,
     GError           *error)
{
  self->reason = error;
  g_clear_pointer (&self->pieces, g_byte_array_unref);
}

/* The other end has sent what it may not send. */
static void
fail (GmpSharedChannel *self,
      GError           *error)
{
  g_queue_clear_full (&self->unsent, unsent_free);
  g_clear_pointer (&self->unsent_pieces, g_bytes_unref);
  gmp_shared_channel_close (GMP_CHANNEL (self), error);
  /* Whatever it has made of the memory: it sees this, and waits for no answer any more. */
  shutdown (self->fds[GMP_SHARED_LIFELINE], SHUT_RDWR);
  end (self, error);
}

static GError *
nonsense (const char *what)
{
  return g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel brought %s", what);
}

/* Remembers the type of what comes. */
static gboolean
take_type (GmpSharedChannel *self,
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
  g_propagate_error (error, nonsense ("a type with a zero in it"));
  return FALSE;
}

static GVariant *
take_block (GmpSharedChannel *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  GmpBlock block;

  if (size != sizeof block)
    {
      g_propagate_error (error, nonsense ("a block without its place"));
      return NULL;
    }
  memcpy (&block, body, sizeof block);
  return gmp_lease_new_value (self->memory, &block, self->type, error);
}

static gboolean
begin_pieces (GmpSharedChannel *self,
              const guint8     *body,
              gsize             size,
              GError          **error)
{
  if (size == sizeof self->pieces_size)
    memcpy (&self->pieces_size, body, size);
  if (size != sizeof self->pieces_size || self->pieces_size == 0 ||
      self->pieces_size > PIECES_MAX)
    {
      g_propagate_error (error, nonsense ("the begin of a value of impossible size"));
      return FALSE;
    }
  self->pieces = g_byte_array_new ();
  return TRUE;
}

/* The value, when its last piece has come. */
static GVariant *
take_piece (GmpSharedChannel *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  g_autoptr (GBytes) bytes = NULL;

  if (self->pieces == NULL || size == 0 || size > self->pieces_size - self->pieces->len)
    {
      g_propagate_error (error, nonsense ("a piece of no value"));
      return NULL;
    }
  g_byte_array_append (self->pieces, body, (guint) size);
  if (self->pieces->len < self->pieces_size)
    return NULL;
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&self->pieces));
  return gmp_value_from_bytes (self->type, bytes, error);
}

/* One record. Whether a payload is complete with it. */
static gboolean
take_record (GmpSharedChannel *self,
             const Record     *record,
             const guint8     *type,
             GVariant        **payload,
             GError          **error)
{
  const guint8 *body = type + fill_up (record->type_size);
  g_autoptr (GBytes) bytes = NULL;

  *payload = NULL;
  if (self->pieces != NULL && record->kind != RECORD_PIECE)
    {
      g_propagate_error (error, nonsense ("a record among the pieces of a value"));
      return FALSE;
    }
  if (record->kind == RECORD_NULL)
    return TRUE;
  if (record->kind == RECORD_PIECE)
    {
      *payload = take_piece (self, body, record->size, error);
      return *payload != NULL;
    }
  if (!take_type (self, type, record->type_size, error))
    return FALSE;
  switch (record->kind)
    {
    case RECORD_VALUE:
      bytes = g_bytes_new (body, record->size);
      *payload = gmp_value_from_bytes (self->type, bytes, error);
      return *payload != NULL;

    case RECORD_BLOCK:
      *payload = take_block (self, body, record->size, error);
      return *payload != NULL;

    case RECORD_BEGIN:
      begin_pieces (self, body, record->size, error);
      return FALSE;

    default:
      g_propagate_error (error, nonsense ("a record of no kind that there is"));
      return FALSE;
    }
}

/* Takes records until a payload is complete. */
static GmpChannelStatus
take_records (GmpSharedChannel *self,
              GVariant        **payload)
{
  const guint8 *place;
  gsize available;

  while ((place = gmp_ring_peek (&self->in, &available)) != NULL)
    {
      GError *error = NULL;
      gboolean is_complete = FALSE;
      Record record;
      gsize size;

      /* Copied, for it could change between being checked and being used. */
      memcpy (&record, place, sizeof record);
      size = record_size (record.type_size, record.size);
      if (size > available)
        error = nonsense ("a record that does not end where the ring does");
      else
        is_complete = take_record (self, &record, place + sizeof record, payload, &error);
      if (error != NULL)
        {
          fail (self, error);
          return GMP_CHANNEL_CLOSED;
        }
      if (gmp_ring_release (&self->in, size))
        ring_other_end (self);
      if (is_complete)
        return GMP_CHANNEL_PAYLOAD;
    }
  if (!self->in.is_broken && !self->out.is_broken)
    return GMP_CHANNEL_EMPTY;
  fail (self, nonsense ("an impossible position"));
  return GMP_CHANNEL_CLOSED;
}

/* The reason that the other end gave: copied out, and made what it should be. */
static GError *
read_closing (GmpSharedChannel *self)
{
  GmpClosing *closing = &self->memory->header->closings[1 - self->memory->end];
  g_autofree char *domain = g_strndup (closing->domain, sizeof closing->domain);
  g_autofree char *text = g_strndup (closing->text, sizeof closing->text);
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  if (domain[0] == '\0' || !g_str_is_ascii (domain))
    return nonsense ("an end without a reason");
  return g_error_new_literal (g_quark_from_string (domain), closing->code, valid);
}

static gboolean
is_closed_by_other (GmpSharedChannel *self)
{
  GmpMemoryHeader *header = self->memory->header;

  return atomic_load_explicit (&header->closings[1 - self->memory->end].is_closed,
                               memory_order_seq_cst) != 0;
}

static GmpChannelStatus
gmp_shared_channel_receive (GmpChannel *channel,
                            GVariant  **payload,
                            GError    **error)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);
  GmpChannelStatus status = GMP_CHANNEL_CLOSED;
  gboolean has_ended;

  if (self->unsent.length > 0 || self->is_closing)
    send_unsent (self);
  if (self->reason == NULL)
    {
      /* Looked at first: what was sent before the end is received before it. */
      has_ended = is_closed_by_other (self) || self->is_lost;
      status = take_records (self, payload);
      if (status == GMP_CHANNEL_EMPTY && !has_ended)
        return status;
      if (status == GMP_CHANNEL_EMPTY)
        end (self, is_closed_by_other (self)
                   ? read_closing (self)
                   : g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                  "The process at the other end of the channel is gone"));
      if (status == GMP_CHANNEL_PAYLOAD)
        return status;
    }
  g_propagate_error (error, g_error_copy (self->reason));
  return GMP_CHANNEL_CLOSED;
}

static void
gmp_shared_channel_watch (GmpChannel  *channel,
                          GmpDoorbell *doorbell)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  self->doorbell = gmp_doorbell_ref (doorbell);
  if (!gmp_doorbell_listen (doorbell, self->fds[GMP_SHARED_BELL_IN], EPOLLIN, NULL) ||
      !gmp_doorbell_listen (doorbell, self->fds[GMP_SHARED_LIFELINE], EPOLLRDHUP, &self->is_lost))
    fail (self, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL,
                             "A channel's descriptors cannot be waited for: %s",
                             g_strerror (errno)));
}

static gboolean
gmp_shared_channel_sleep (GmpChannel *channel)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  if (gmp_ring_sleep (&self->in) || is_closed_by_other (self) || self->is_lost ||
      self->reason != NULL)
    return TRUE;
  /* The biggest record, so that there is room for whatever comes next. */
  return self->unsent.length > 0 &&
         (gmp_ring_wait_for_room (&self->out, record_size (TYPE_MAX, VALUE_MAX)) ||
          self->out.is_broken);
}

static void
gmp_shared_channel_wake (GmpChannel *channel)
{
  gmp_ring_wake (&GMP_SHARED_CHANNEL (channel)->in);
}

static void
gmp_shared_channel_trim (GmpChannel *channel)
{
  gmp_arena_trim (GMP_SHARED_CHANNEL (channel)->arena);
}

static void
gmp_shared_channel_dispose (GObject *object)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (object);

  if (self->doorbell != NULL)
    {
      gmp_doorbell_forget (self->doorbell, self->fds[GMP_SHARED_BELL_IN]);
      gmp_doorbell_forget (self->doorbell, self->fds[GMP_SHARED_LIFELINE]);
    }
  g_clear_pointer (&self->doorbell, gmp_doorbell_unref);
  G_OBJECT_CLASS (gmp_shared_channel_parent_class)->dispose (object);
}

static void
gmp_shared_channel_finalize (GObject *object)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (object);

  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    if (self->fds[i] != -1)
      close (self->fds[i]);
  g_clear_pointer (&self->arena, gmp_arena_free);
  g_clear_pointer (&self->memory, gmp_memory_unref);
  g_free (self->type);
  g_clear_pointer (&self->pieces, g_byte_array_unref);
  g_queue_clear_full (&self->unsent, unsent_free);
  g_clear_pointer (&self->unsent_pieces, g_bytes_unref);
  g_clear_error (&self->closing);
  g_clear_error (&self->reason);
  G_OBJECT_CLASS (gmp_shared_channel_parent_class)->finalize (object);
}

static void
gmp_shared_channel_class_init (GmpSharedChannelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GmpChannelClass *channel_class = GMP_CHANNEL_CLASS (klass);

  object_class->dispose = gmp_shared_channel_dispose;
  object_class->finalize = gmp_shared_channel_finalize;
  channel_class->send = gmp_shared_channel_send;
  channel_class->has_unsent = gmp_shared_channel_has_unsent;
  channel_class->receive = gmp_shared_channel_receive;
  channel_class->close = gmp_shared_channel_close;
  channel_class->watch = gmp_shared_channel_watch;
  channel_class->sleep = gmp_shared_channel_sleep;
  channel_class->wake = gmp_shared_channel_wake;
  channel_class->trim = gmp_shared_channel_trim;
}

static void
gmp_shared_channel_init (GmpSharedChannel *self)
{
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    self->fds[i] = -1;
  g_queue_init (&self->unsent);
}

static gboolean
make_fds (gsize     arena_size,
          guint     n_workers,
          int       client_fds[GMP_SHARED_N_FDS],
          int       server_fds[GMP_SHARED_N_FDS],
          GError  **error)
{
  int lifelines[2];
  int fd = gmp_memory_new_fd (arena_size, n_workers, error);

  if (fd == -1)
    return FALSE;
  client_fds[GMP_SHARED_MEMORY] = fd;
  server_fds[GMP_SHARED_MEMORY] = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  client_fds[GMP_SHARED_BELL_IN] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  server_fds[GMP_SHARED_BELL_IN] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  client_fds[GMP_SHARED_BELL_OUT] = fcntl (server_fds[GMP_SHARED_BELL_IN], F_DUPFD_CLOEXEC, 0);
  server_fds[GMP_SHARED_BELL_OUT] = fcntl (client_fds[GMP_SHARED_BELL_IN], F_DUPFD_CLOEXEC, 0);
  if (client_fds[GMP_SHARED_BELL_OUT] == -1 || server_fds[GMP_SHARED_BELL_OUT] == -1 ||
      server_fds[GMP_SHARED_MEMORY] == -1 ||
      socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifelines) != 0)
    {
      int code = errno;

      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot make a channel: %s%s",
                   g_strerror (code), gmp_limit_describe (code));
      return FALSE;
    }
  client_fds[GMP_SHARED_LIFELINE] = lifelines[0];
  server_fds[GMP_SHARED_LIFELINE] = lifelines[1];
  return TRUE;
}

/* What the two ends are made of; the caller's to pass on and to close. The arguments are those of
 * gmp_memory_new_fd(). */
gboolean
gmp_shared_channel_new_fds (gsize     arena_size,
                            guint     n_workers,
                            int       client_fds[GMP_SHARED_N_FDS],
                            int       server_fds[GMP_SHARED_N_FDS],
                            GError  **error)
{
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    client_fds[i] = server_fds[i] = -1;
  if (make_fds (arena_size, n_workers, client_fds, server_fds, error))
    return TRUE;
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    {
      if (client_fds[i] != -1)
        close (client_fds[i]);
      if (server_fds[i] != -1)
        close (server_fds[i]);
    }
  return FALSE;
}

/* Takes @fds over. */
GmpChannel *
gmp_shared_channel_new (const int fds[GMP_SHARED_N_FDS],
                        GmpEnd    side,
                        GError  **error)
{
  g_autoptr (GmpSharedChannel) self = g_object_new (GMP_TYPE_SHARED_CHANNEL, NULL);
  GmpMemoryHeader *header;

  memcpy (self->fds, fds, sizeof self->fds);
  self->memory = gmp_memory_map (self->fds[GMP_SHARED_MEMORY], side, error);
  /* Mapped, so that a server with many clients need not keep it open. */
  close (self->fds[GMP_SHARED_MEMORY]);
  self->fds[GMP_SHARED_MEMORY] = -1;
  if (self->memory == NULL)
    return NULL;
  header = self->memory->header;
  gmp_ring_init (&self->out, &header->rings[side], self->memory->rings[side],
                 GMP_MEMORY_RING_SIZE);
  gmp_ring_init (&self->in, &header->rings[1 - side], self->memory->rings[1 - side],
                 GMP_MEMORY_RING_SIZE);
  self->arena = gmp_arena_new (self->memory);
  self->parent_instance.n_workers = header->n_workers;
  return GMP_CHANNEL (g_steal_pointer (&self));
}
