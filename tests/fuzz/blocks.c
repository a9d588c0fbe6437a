/* blocks.c: fuzz target: all that one end can do to the memory of a shared channel, step by step
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "base/gmp-variant.h"
#include "channel/gmp-arena-private.h"
#include "channel/gmp-inbox-private.h"
#include "channel/gmp-shared-channel-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA_SIZE (8 * GMP_MEMORY_PART)
#define MAX_STEPS 200

/* The input is a list of steps: a byte that selects the step, then its arguments. The hostile
 * end is the client, which has the memory mapped. The server must survive it. */
enum {
  STEP_WRITE_RING,   /* short: how many; bytes: appended as a record */
  STEP_SET_SIZE,     /* long: of the next record */
  STEP_SET_TAIL,     /* long: of the ring that the server writes */
  STEP_WRITE_ARENA,  /* short: index of 16 bytes; short: how many; bytes */
  STEP_SET_LENT,     /* byte: whose; byte: slot; byte: value */
  STEP_CLOSE,        /* byte: bytes of the domain; short: bytes of the text; bytes */
  STEP_SLEEP_FLAGS,  /* byte */
  STEP_RING_BELL,
  STEP_HANG_UP,
  STEP_TRUNCATE,     /* long: the memory's size; this must fail */
  STEP_TAKE,         /* the server's steps begin here: receives a value, and keeps it */
  STEP_DROP,         /* drops the oldest kept value */
  STEP_SEND,         /* short: sends a value of 16 times as many bytes */
  STEP_WRITE_VALUE,  /* writes to the last kept value */
  STEP_TRIM,
  STEP_SERVER_CLOSE,
  N_STEPS
};

typedef struct {
  FuzzInput input;
  GmpMemory *memory; /* the client's */
  int client_fds[GMP_SHARED_N_FDS];
  gsize position; /* of the next record */
  GmpInbox *inbox;     /* the server's, with @channel */
  GmpChannel *channel;
  GQueue kept;         /* of GVariant */
  gboolean is_closed;
} Fuzz;

static GmpRingSize *
size_at (Fuzz *self)
{
  guint8 *ring = self->memory->rings[GMP_END_CLIENT];

  return (GmpRingSize *) (gpointer) (ring + self->position % GMP_MEMORY_RING_SIZE);
}

static void
write_ring (Fuzz *self)
{
  gsize n = fuzz_take_short (&self->input) % 4096;

  fuzz_take (&self->input, (guint8 *) (size_at (self) + 1), n);
  atomic_store (size_at (self), n);
  self->position += gmp_ring_extent (n);
}

static void
write_arena (Fuzz *self)
{
  gsize place = fuzz_take_short (&self->input) * 16 % ARENA_SIZE;
  gsize n = fuzz_take_short (&self->input);

  fuzz_take (&self->input, self->memory->arena_out + place, MIN (n, ARENA_SIZE - place));
}

static void
set_lent (Fuzz *self)
{
  guint whose = fuzz_take_byte (&self->input) % 2;
  guint slot = fuzz_take_byte (&self->input) % GMP_MEMORY_BLOCKS;

  atomic_store (&self->memory->header->lent[whose][slot], fuzz_take_byte (&self->input));
}

static void
close_client (Fuzz *self)
{
  GmpClosing *closing = &self->memory->header->closings[GMP_END_CLIENT];
  gsize domain_size = fuzz_take_byte (&self->input);
  gsize text_size = fuzz_take_short (&self->input);

  fuzz_take (&self->input, closing->domain, MIN (domain_size, sizeof closing->domain));
  fuzz_take (&self->input, closing->text, MIN (text_size, sizeof closing->text));
  closing->code = (gint32) fuzz_take_byte (&self->input) - 1;
  atomic_store (&closing->is_closed, 1);
}

static void
set_sleep_flags (Fuzz *self)
{
  guint8 flags = fuzz_take_byte (&self->input);

  for (guint i = 0; i < 2; i++)
    {
      GmpRingControl *control = &self->memory->header->rings[i];

      atomic_store (&control->reader_sleeps, flags >> 2 * i & 1);
      atomic_store (&control->writer_sleeps, flags >> (2 * i + 1) & 1);
    }
}

static void
hang_up (Fuzz *self)
{
  if (self->client_fds[GMP_SHARED_LIFELINE] != -1)
    close (self->client_fds[GMP_SHARED_LIFELINE]);
  self->client_fds[GMP_SHARED_LIFELINE] = -1;
}

static void
truncate_memory (Fuzz *self)
{
  gsize size = 3 * GMP_MEMORY_PART + 2 * ARENA_SIZE;
  gsize wanted = fuzz_take_long (&self->input) % (2 * size);

  if (wanted != size)
    g_assert_cmpint (ftruncate (self->client_fds[GMP_SHARED_MEMFD], (off_t) wanted), ==, -1);
}

static void
take (Fuzz *self)
{
  g_auto (GmpMail) mail = { 0, };
  GmpInboxStatus status = gmp_inbox_try_take (self->inbox, &mail);

  if (status == GMP_INBOX_CLOSED)
    fuzz_check_error (mail.error);
  self->is_closed |= status == GMP_INBOX_CLOSED;
  if (status != GMP_INBOX_PAYLOAD || mail.payload == NULL)
    return;
  g_assert_false (self->is_closed);
  fuzz_use_value (mail.payload);
  g_queue_push_tail (&self->kept, g_steal_pointer (&mail.payload));
}

static void
drop (Fuzz *self)
{
  g_autoptr (GVariant) value = g_queue_pop_head (&self->kept);

  if (value != NULL)
    fuzz_use_value (value);
}

static void
send (Fuzz *self)
{
  gsize n = fuzz_take_short (&self->input) * 16;
  g_autofree guint8 *bytes = g_malloc0 (n);
  g_autoptr (GVariant) value = g_variant_ref_sink (
    g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, n, 1));

  gmp_channel_send (self->channel, value, NULL);
}

/* Writes as numpy does to an array that it has received. */
static void
write_value (Fuzz *self)
{
  GVariant *value = g_queue_peek_tail (&self->kept);
  gpointer data = NULL;

  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
    data = gmp_variant_get_private_data (value);
  if (data != NULL)
    memset (data, 0x55, g_variant_get_size (value));
}

static void
step (Fuzz *self)
{
  switch (fuzz_take_byte (&self->input) % N_STEPS)
    {
    case STEP_WRITE_RING:
      write_ring (self);
      break;
    case STEP_SET_SIZE:
      atomic_store (size_at (self), fuzz_take_long (&self->input));
      break;
    case STEP_SET_TAIL:
      atomic_store (&self->memory->header->rings[GMP_END_SERVER].tail,
                    fuzz_take_long (&self->input));
      break;
    case STEP_WRITE_ARENA:
      write_arena (self);
      break;
    case STEP_SET_LENT:
      set_lent (self);
      break;
    case STEP_CLOSE:
      close_client (self);
      break;
    case STEP_SLEEP_FLAGS:
      set_sleep_flags (self);
      break;
    case STEP_RING_BELL:
      eventfd_write (self->client_fds[GMP_SHARED_BELL_OUT], 1);
      break;
    case STEP_HANG_UP:
      hang_up (self);
      break;
    case STEP_TRUNCATE:
      truncate_memory (self);
      break;
    case STEP_TAKE:
      take (self);
      break;
    case STEP_DROP:
      drop (self);
      break;
    case STEP_SEND:
      send (self);
      break;
    case STEP_WRITE_VALUE:
      write_value (self);
      break;
    case STEP_TRIM:
      gmp_channel_trim (self->channel);
      break;
    case STEP_SERVER_CLOSE:
      gmp_channel_close (self->channel, NULL);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
begin (Fuzz *self)
{
  g_autoptr (GError) error = NULL;
  int server_fds[GMP_SHARED_N_FDS];

  gmp_shared_channel_new_fds (ARENA_SIZE, 2, self->client_fds, server_fds, &error);
  g_assert_no_error (error);
  self->memory = gmp_memory_map (self->client_fds[GMP_SHARED_MEMFD], GMP_END_CLIENT, &error);
  g_assert_no_error (error);
  self->channel = gmp_shared_channel_new (server_fds, GMP_END_SERVER, &error);
  g_assert_no_error (error);
  self->inbox = gmp_inbox_new (&error);
  g_assert_no_error (error);
  gmp_inbox_add (self->inbox, "client", "native", self->channel);
  g_queue_init (&self->kept);
}

/* When the other process has ended and its messages have been taken, the channel has to be
 * closed. */
static void
finish (Fuzz *self)
{
  hang_up (self);
  while (!self->is_closed)
    {
      g_auto (GmpMail) mail = { 0, };

      if (gmp_inbox_take (self->inbox, &mail) == GMP_INBOX_CLOSED)
        {
          fuzz_check_error (mail.error);
          self->is_closed = TRUE;
        }
      /* Responds to each request, as a server does. Otherwise a ring full of records would be
       * read endlessly. */
      else
        {
          gmp_channel_send (self->channel, NULL, NULL);
        }
    }
  while (self->kept.length > 0)
    drop (self);
  gmp_inbox_free (self->inbox);
  g_object_unref (self->channel);
  gmp_memory_unref (self->memory);
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    if (self->client_fds[i] != -1)
      close (self->client_fds[i]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  Fuzz self = { .input = { data, size } };

  begin (&self);
  for (guint i = 0; i < MAX_STEPS && self.input.size > 0; i++)
    step (&self);
  finish (&self);
  return 0;
}
