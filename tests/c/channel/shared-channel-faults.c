/* shared-channel-faults.c: a channel in shared memory that a peer has written nonsense into
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-pair.h"

#include "channel/gmp-arena-private.h"
#include "channel/gmp-record-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* A record with invalid contents. */

typedef struct {
  guint16 kind;
  guint16 type_size;
  guint32 size;
  char rest[120];
} TestRecord;

static GmpMemoryHeader *
header_of (TestPair *self)
{
  return self->memory->header;
}

/* Puts a record of @size bytes into the client's ring that the client never wrote. */
static void
forge (TestPair             *self,
       const TestRecord *record,
       gsize             size)
{
  GmpRingSize *place = (GmpRingSize *) (gpointer) self->memory->rings[0];

  memcpy (place + 1, record, sizeof *record);
  atomic_store (place, size);
}

/* Only the server's end fails, and the client receives the reason. */
static void
check_refused (TestPair *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) reason = NULL;
  GVariant *value = NULL;

  g_assert_cmpint (gmp_channel_receive (self->server, &value, &error), ==, GMP_CHANNEL_CLOSED);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_test_message ("%s", error->message);
  g_assert_cmpint (gmp_channel_receive (self->client, &value, &reason), ==, GMP_CHANNEL_CLOSED);
  g_assert_error (reason, GMP_ERROR, GMP_ERROR_PROTOCOL);
  /* It remains closed. */
  g_clear_error (&error);
  g_assert_cmpint (gmp_channel_receive (self->server, &value, &error), ==, GMP_CHANNEL_CLOSED);
}

static void
check_record (const TestRecord *record,
              gsize             size)
{
  TestPair pair;

  test_pair_init (&pair, MIB);
  forge (&pair, record, size);
  check_refused (&pair);
  test_pair_clear (&pair);
}

static void
test_records (void)
{
  const TestRecord records[] = {
    { .kind = 0 },
    { .kind = 99 },
    { .kind = 2, .type_size = 1, .size = 1000, .rest = "i" },
    { .kind = 2, .type_size = 1, .size = G_MAXUINT32, .rest = "i" },
    { .kind = 2, .type_size = G_MAXUINT16, .size = 4, .rest = "i" },
    { .kind = 2, .type_size = 1, .size = 3, .rest = "i" },
    { .kind = 2, .type_size = 1, .size = 4, .rest = "?" },
    { .kind = 2, .type_size = 2, .size = 4, .rest = "a" },
    { .kind = 2, .type_size = 0, .size = 4 },
    { .kind = 2, .type_size = 1, .size = 4, .rest = "*" },
    { .kind = 3, .type_size = 2, .size = 4, .rest = "ay" },
    { .kind = 4, .type_size = 2, .size = 4, .rest = "ay" },
    { .kind = 4, .type_size = 2, .size = 8, .rest = "ay" },
    { .kind = 4, .type_size = 2, .size = 8,
      .rest = "ay\0\0\0\0\0\0\377\377\377\377\377\377\377\377" },
    { .kind = 5, .size = 8 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    {
      const TestRecord *record = &records[i];
      gsize size = gmp_record_size (record->type_size, record->size);

      /* Once of the size that it announces, if possible, and once without its contents. */
      if (size < GMP_MEMORY_RING_SIZE / 2)
        check_record (record, size);
      check_record (record, sizeof *record);
    }
  check_record (&records[0], 1);
  check_record (&records[0], GMP_MEMORY_RING_SIZE);
  check_record (&records[0], G_MAXUINT64);
}

static void
test_blocks (void)
{
  const GmpBlock blocks[] = {
    { GMP_MEMORY_BLOCKS, 0, 4096 },
    { 0, 1, 4096 },
    { 0, MIB, 1 },
    { 0, 0, MIB + 1 },
    { 0, 4096, MIB },
    { 0, G_MAXUINT64 - 4095, 8192 },
    { 0, 0, 0 },
    { 0, 0, G_MAXUINT64 },
  };
  TestRecord record = { .kind = 3, .type_size = 2, .size = sizeof (GmpBlock), .rest = "ay" };

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    {
      memcpy (record.rest + 8, &blocks[i], sizeof blocks[i]);
      check_record (&record, gmp_record_size (record.type_size, record.size));
    }
}

/* A size that is announced is neither trusted nor accepted beyond the limit, and memory is
 * allocated only for bytes that have arrived. */
static void
test_announced (void)
{
  TestRecord record = { .kind = 4, .type_size = 2, .size = 8, .rest = "ay" };
  guint64 size = ((guint64) G_MAXSSIZE + 1) / 8;
  g_autofree char *too_big = g_strdup_printf ("%" G_GUINT64_FORMAT " bytes", size);
  g_autofree char *limit = g_strdup_printf ("limit of %" G_GUINT64_FORMAT " bytes", size - 1);
  g_autoptr (GError) error = NULL;
  GVariant *value = NULL;
  TestPair pair;

  memcpy (record.rest + 8, &size, sizeof size);
  test_pair_init (&pair, 0);
  forge (&pair, &record, gmp_record_size (record.type_size, record.size));
  g_assert_cmpint (gmp_channel_receive (pair.server, &value, &error), ==, GMP_CHANNEL_EMPTY);
  g_assert_no_error (error);
  test_pair_clear (&pair);

  test_pair_init (&pair, 0);
  pair.server->value_limit = size - 1;
  forge (&pair, &record, gmp_record_size (record.type_size, record.size));
  g_assert_cmpint (gmp_channel_receive (pair.server, &value, &error), ==, GMP_CHANNEL_CLOSED);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  gmp_test_check_in (error->message, too_big);
  gmp_test_check_in (error->message, limit);
  test_pair_clear (&pair);
}

/* Values of the limit's size, and one byte larger: in the ring, in a block, in pieces. */
static void
check_limit (gsize limit,
             gsize arena_size)
{
  g_autoptr (GVariant) bigger = test_new_bytes (limit + 1, 3);
  g_autoptr (GError) error = NULL;
  TestPair pair;

  test_pair_init (&pair, arena_size);
  pair.client->value_limit = limit;
  pair.server->value_limit = limit;
  test_pair_check_same (&pair, test_new_bytes (limit, 2));
  g_assert_false (gmp_channel_send (pair.client, bigger, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (error->message, "(value-size-limit)");
  /* The channel is still usable. */
  test_pair_check_same (&pair, test_new_bytes (limit, 4));

  /* A sender that ignores the limit. */
  pair.client->value_limit = 0;
  test_pair_send (&pair, bigger);
  check_refused (&pair);
  test_pair_clear (&pair);
}

static void
test_limit (void)
{
  check_limit (1000, MIB);
  check_limit (100 * 1000, MIB);
  check_limit (100 * 1000, 0);
}

/* A client that keeps sending and reads no response: its channel is closed when there is no room
 * for one. */
static void
test_unread (void)
{
  g_autoptr (GVariant) value = test_new_bytes (16 * 1024, 1);
  g_autoptr (GError) error = NULL;
  GmpChannelStatus status = GMP_CHANNEL_PAYLOAD;
  guint n = 0;
  TestPair pair;

  test_pair_init (&pair, 0);
  while (status == GMP_CHANNEL_PAYLOAD)
    {
      g_autoptr (GVariant) received = NULL;

      g_assert_true (gmp_channel_send (pair.client, value, NULL));
      status = gmp_channel_receive (pair.server, &received, &error);
      if (status == GMP_CHANNEL_PAYLOAD)
        g_assert_true (gmp_channel_send (pair.server, received, NULL));
      g_assert_cmpuint (++n, <, 20);
    }
  g_assert_cmpint (status, ==, GMP_CHANNEL_CLOSED);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_assert_false (gmp_channel_has_unsent (pair.server));
  test_pair_clear (&pair);
}

/* A block that the receiver has not returned. */
static void
test_lent_twice (void)
{
  g_autoptr (GVariant) held = NULL;
  g_autoptr (GVariant) bytes = test_new_bytes (80 * 1024, 1);
  TestPair pair;

  test_pair_init (&pair, MIB);
  test_pair_send (&pair, bytes);
  held = test_pair_receive (&pair);
  /* The client may mark it as free, which harms only the client. */
  atomic_store (&header_of (&pair)->lent[GMP_END_CLIENT][0], 0);
  test_pair_send (&pair, bytes);
  check_refused (&pair);
  test_pair_clear (&pair);
  g_assert_cmpuint (g_variant_get_size (held), ==, 80 * 1024);
}

/* The value has N_TEXTS texts of this many bytes. Its last four bytes are the end of the last
 * text, and determine the number of texts. */
#define N_TEXTS   1000
#define TEXT_SIZE 100

typedef struct {
  _Atomic guint32 *last_end; /* in the client's mapping */
  guint32 other;             /* another end, with far fewer texts */
  gint is_over;              /* atomic */
} Flip;

static gpointer
flip_thread (gpointer data)
{
  Flip *flip = data;

  while (!g_atomic_int_get (&flip->is_over))
    {
      guint32 end = atomic_exchange (flip->last_end, flip->other);

      g_thread_yield ();
      atomic_store (flip->last_end, end);
    }
  return NULL;
}

static GVariant *
new_texts (void)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < N_TEXTS; i++)
    g_variant_builder_add_value (&builder, g_variant_new_take_string (
                                   g_strdup_printf ("%0*u", TEXT_SIZE - 1, i)));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* The sender changes a value while it is checked and read. The value is either refused, or stays
 * as it was when it was checked; otherwise GLib would abort the process at a child that has
 * disappeared. */
static void
test_changed (void)
{
  g_autoptr (GVariant) texts = new_texts ();
  gsize size = g_variant_get_size (texts);
  guint n_refused = 0;

  for (guint i = 0; i < 50; i++)
    {
      Flip flip = { .other = (guint32) size - 8 };
      g_autoptr (GVariant) received = NULL;
      g_autoptr (GError) error = NULL;
      GThread *thread;
      TestPair pair;

      test_pair_init (&pair, MIB);
      test_pair_send (&pair, texts);
      /* The first block is at the start of the arena. */
      flip.last_end = (_Atomic guint32 *) (gpointer) (pair.memory->arena_out + size - 4);
      thread = g_thread_new ("flip", flip_thread, &flip);
      if (gmp_channel_receive (pair.server, &received, &error) == GMP_CHANNEL_PAYLOAD)
        for (guint turn = 0; turn < 20; turn++)
          g_assert_true (gmp_test_is_same (texts, received));
      else
        n_refused += g_error_matches (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
      g_assert_true (received != NULL || error != NULL);
      g_atomic_int_set (&flip.is_over, TRUE);
      g_thread_join (thread);
      test_pair_clear (&pair);
    }
  g_test_message ("%u of 50 were refused", n_refused);
}

/* Everything that the check relied on belongs to the receiver afterwards. If the sender
 * overwrites its block, only numbers can change. */
static void
check_scribbled (GVariant *value,
                 gboolean  is_all_own)
{
  g_autoptr (GVariant) sent = g_variant_ref_sink (value);
  g_autoptr (GVariant) received = NULL;
  g_autofree char *text = NULL;
  TestPair pair;

  test_pair_init (&pair, 2 * MIB);
  test_pair_send (&pair, sent);
  received = test_pair_receive (&pair);
  memset (pair.memory->arena_out, 0xff, g_variant_get_size (sent));
  if (is_all_own)
    g_assert_true (gmp_test_is_same (sent, received));
  /* Reads all of @value. */
  text = g_variant_print (received, TRUE);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_true (g_variant_is_normal_form (received));
  test_pair_clear (&pair);
}

static void
test_scribbled (void)
{
  g_autoptr (GVariant) texts = new_texts ();
  g_autoptr (GVariant) bytes = test_new_bytes (80 * 1024, 1);
  g_autoptr (GVariant) few = test_new_bytes (20 * 1024, 1);
  g_autofree gboolean *booleans = g_new0 (gboolean, 80 * 1024);

  check_scribbled (texts, TRUE);
  check_scribbled (g_variant_new ("(@asms)", texts, "text"), TRUE);
  check_scribbled (g_variant_new ("(sv)", "text", texts), TRUE);
  check_scribbled (g_variant_new_parsed ("{'a': <%@as>, 'b': <'c'>}", texts), TRUE);
  check_scribbled (g_variant_new_fixed_array (G_VARIANT_TYPE_BOOLEAN, booleans, 80 * 1024, 1),
                   TRUE);
  /* A small value is copied out of its block. */
  check_scribbled (few, TRUE);
  check_scribbled (bytes, FALSE);
  check_scribbled (g_variant_new ("(say@aay)", "tag", NULL,
                                  g_variant_new_array (NULL, &bytes, 1)), FALSE);
  check_scribbled (g_variant_new_parsed ("{'a': <%@ay>, 'b': <%@as>}", bytes, texts), FALSE);
  check_scribbled (g_variant_new_parsed ("[(true, %@ay, objectpath '/a')]", bytes), FALSE);
}

static void
test_closings (void)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = NULL;
  TestPair pair;

  /* A reason without an end, and an unknown domain. */
  test_pair_init (&pair, 0);
  memset (header_of (&pair)->closings[GMP_END_CLIENT].text, 0xff, 4096);
  strcpy (header_of (&pair)->closings[GMP_END_CLIENT].domain, "some-unheard-of-quark");
  atomic_store (&header_of (&pair)->closings[GMP_END_CLIENT].is_closed, 7);
  g_assert_cmpint (gmp_channel_receive (pair.server, &value, &error), ==, GMP_CHANNEL_CLOSED);
  g_assert_cmpstr (g_quark_to_string (error->domain), ==, "some-unheard-of-quark");
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  test_pair_clear (&pair);
  g_clear_error (&error);

  test_pair_init (&pair, 0);
  atomic_store (&header_of (&pair)->closings[GMP_END_CLIENT].is_closed, 1);
  g_assert_cmpint (gmp_channel_receive (pair.server, &value, &error), ==, GMP_CHANNEL_CLOSED);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  test_pair_clear (&pair);
}

/* Whatever the other side does to its descriptors, ringing never blocks. A flag of an open file
 * counts for everybody who holds it, and writing to a full eventfd blocks. */
static void
test_bells (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GmpChannel) server = NULL;
  g_autoptr (GmpDoorbell) doorbell = gmp_doorbell_new (&error);
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_int32 (1));
  g_autoptr (GmpMemory) memory = NULL;
  int client_fds[GMP_SHARED_N_FDS];
  int server_fds[GMP_SHARED_N_FDS];

  gmp_shared_channel_new_fds (0, 2, client_fds, server_fds, &error);
  g_assert_no_error (error);
  memory = gmp_memory_map (client_fds[GMP_SHARED_MEMFD], GMP_END_CLIENT, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    {
      fcntl (client_fds[i], F_SETFL, O_RDWR | O_NONBLOCK);
      eventfd_write (client_fds[i], G_MAXUINT64 - 1);
      fcntl (client_fds[i], F_SETFL, O_RDWR);
    }
  server = gmp_shared_channel_new (server_fds, GMP_END_SERVER, &error);
  gmp_channel_watch (server, doorbell);
  atomic_store (&memory->header->rings[GMP_END_SERVER].reader_sleeps, 1);
  g_assert_true (gmp_channel_send (server, value, &error));
  g_assert_true (server->has_woken);
  gmp_channel_close (server, NULL);
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    close (client_fds[i]);
}

/* Descriptors that the other side could truncate, or that are no memory of a channel. */
static void
test_memory (void)
{
  g_autoptr (GError) error = NULL;
  int fd = gmp_memory_new_fd (MIB, 2, &error);
  int unsealed = memfd_create ("gmp-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int file = open ("/dev/null", O_RDWR | O_CLOEXEC);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 4096), ==, -1);
  g_assert_cmpint (ftruncate (fd, (off_t) (512 * MIB)), ==, -1);
  close (fd);

  g_assert_cmpint (ftruncate (unsealed, (off_t) MIB), ==, 0);
  g_assert_null (gmp_memory_map (unsealed, GMP_END_SERVER, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_clear_error (&error);
  g_assert_cmpint (ftruncate (unsealed, 1000), ==, 0);
  fcntl (unsealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  g_assert_null (gmp_memory_map (unsealed, GMP_END_SERVER, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_clear_error (&error);
  g_assert_null (gmp_memory_map (file, GMP_END_SERVER, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  close (unsealed);
  close (file);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/shared-channel-faults/records", test_records);
  gmp_test_add ("/shared-channel-faults/blocks", test_blocks);
  gmp_test_add ("/shared-channel-faults/announced", test_announced);
  gmp_test_add ("/shared-channel-faults/limit", test_limit);
  gmp_test_add ("/shared-channel-faults/unread", test_unread);
  gmp_test_add ("/shared-channel-faults/lent-twice", test_lent_twice);
  gmp_test_add ("/shared-channel-faults/changed", test_changed);
  gmp_test_add ("/shared-channel-faults/scribbled", test_scribbled);
  gmp_test_add ("/shared-channel-faults/closings", test_closings);
  gmp_test_add ("/shared-channel-faults/bells", test_bells);
  gmp_test_add ("/shared-channel-faults/memory", test_memory);
  return g_test_run ();
}
