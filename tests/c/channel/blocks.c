/* blocks.c: values between two threads, in records, blocks and pieces, checked byte by byte
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-receiver-private.h"
#include "channel/gmp-sender-private.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* ThreadSanitizer compares accesses to the same address. Both ends therefore have the memory at
 * the same address, which two processes never do, and use nothing of GLib, whose locks it does
 * not see. */
#define ARENA_SIZE ((gsize) 512 * 1024)
#define N_TURNS (g_test_slow () ? 20000u : 2000u)

/* This many values are kept, so that blocks are returned late and out of order. */
#define N_HELD 3

typedef struct {
  GmpMemory memory; /* this end's view */
  GmpSender *sender;
  GmpReceiver *receiver;
  GmpChannel *channel; /* which the receiver asks whether large values are checked elsewhere */
  int bell;       /* the one that this end waits for */
  guint n_turns;
  gboolean is_server;
} Side;

typedef GmpChannel NoChannel;
typedef GmpChannelClass NoChannelClass;

GType no_channel_get_type (void);

G_DEFINE_TYPE (NoChannel, no_channel, GMP_TYPE_CHANNEL)

static void
no_channel_init (NoChannel *self G_GNUC_UNUSED)
{
}

static void
no_channel_class_init (NoChannelClass *klass G_GNUC_UNUSED)
{
}

/* All kinds of sizes, in an irregular order. */
static gsize
size_of (guint turn)
{
  const gsize sizes[] = { 1, 100, 16 * 1024, 16 * 1024 + 1, 100 * 1024, 200 * 1024, 3, 600 * 1024 };

  return sizes[(turn * 2654435761u >> 16) % G_N_ELEMENTS (sizes)] + turn % 7;
}

static GVariant *
new_value (guint turn)
{
  gsize size = size_of (turn);
  guint8 *bytes = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) (turn + i * 31);
  return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE,
                                                      g_free, bytes));
}

static void
check_value (GVariant *value,
             guint     turn)
{
  const guint8 *bytes = g_variant_get_data (value);

  g_assert_cmpuint (g_variant_get_size (value), ==, size_of (turn));
  for (gsize i = 0; i < size_of (turn); i++)
    g_assert_true (bytes[i] == (guint8) (turn + i * 31));
}

static void
wait_for_bell (Side *self)
{
  eventfd_t count;

  g_assert_cmpint (eventfd_read (self->bell, &count), ==, 0);
}

static GVariant *
take (Side *self)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = NULL;
  guint8 tag;

  while (gmp_receiver_take (self->receiver, 0, &tag, &value, &error) == GMP_CHANNEL_EMPTY)
    {
      gboolean has_news = gmp_receiver_sleep (self->receiver);

      if (!gmp_sender_send_unsent (self->sender))
        has_news |= gmp_sender_wait_for_room (self->sender);
      if (!has_news)
        wait_for_bell (self);
      gmp_receiver_wake (self->receiver);
    }
  g_assert_no_error (error);
  return value;
}

static void
flush (Side *self)
{
  while (!gmp_sender_send_unsent (self->sender))
    if (!gmp_sender_wait_for_room (self->sender))
      wait_for_bell (self);
}

static gpointer
side_thread (gpointer data)
{
  Side *self = data;
  GVariant *held[N_HELD] = { NULL, };

  for (guint turn = 0; turn < self->n_turns; turn++)
    {
      g_autoptr (GVariant) value = !self->is_server ? new_value (turn) : NULL;
      GVariant **place = &held[turn % N_HELD];

      if (value != NULL)
        gmp_sender_send (self->sender, 0, value);
      g_clear_pointer (place, g_variant_unref);
      *place = take (self);
      check_value (*place, turn);
      if (self->is_server)
        gmp_sender_send (self->sender, 0, *place);
    }
  flush (self);
  for (guint i = 0; i < N_HELD; i++)
    g_clear_pointer (&held[i], g_variant_unref);
  return NULL;
}

static void
side_init (Side         *self,
           GmpMemory    *memory,
           GmpEnd        end,
           guint8       *arenas[2],
           int           bells[2])
{
  self->memory = *memory;
  g_atomic_ref_count_init (&self->memory.ref_count);
  self->memory.end = end;
  self->memory.arena_out = arenas[end];
  self->memory.arena_in = arenas[1 - end];
  self->bell = bells[end];
  self->sender = gmp_sender_new (&self->memory, bells[1 - end]);
  self->channel = g_object_new (no_channel_get_type (), NULL);
  self->receiver = gmp_receiver_new (&self->memory, bells[1 - end], self->channel);
  self->n_turns = N_TURNS;
  self->is_server = end == GMP_END_SERVER;
}

static void
side_clear (Side *self)
{
  gmp_sender_unref (self->sender);
  gmp_receiver_free (self->receiver);
  g_object_unref (self->channel);
  close (self->bell);
}

static void
test_threads (void)
{
  g_autoptr (GError) error = NULL;
  int fd = gmp_memory_new_fd (ARENA_SIZE, 2, &error);
  g_autoptr (GmpMemory) client = gmp_memory_map (fd, GMP_END_CLIENT, &error);
  g_autoptr (GmpMemory) server = gmp_memory_map (fd, GMP_END_SERVER, &error);
  guint8 *arenas[2];
  int bells[2] = { eventfd (0, EFD_CLOEXEC), eventfd (0, EFD_CLOEXEC) };
  GThread *thread;
  Side sides[2];

  g_assert_no_error (error);
  close (fd);
  arenas[GMP_END_CLIENT] = client->arena_out;
  arenas[GMP_END_SERVER] = server->arena_out;
  for (guint end = 0; end < 2; end++)
    side_init (&sides[end], client, (GmpEnd) end, arenas, bells);
  thread = g_thread_new ("server", side_thread, &sides[GMP_END_SERVER]);
  side_thread (&sides[GMP_END_CLIENT]);
  g_thread_join (thread);
  for (guint end = 0; end < 2; end++)
    side_clear (&sides[end]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/blocks/threads", test_threads);
  return g_test_run ();
}
