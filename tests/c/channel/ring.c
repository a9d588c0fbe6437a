/* ring.c: a ring between two threads and between two processes, records checked one by one
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-memory-private.h"

#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* A record has its size, its number, random bytes, and a checksum of all that. The sizes make
 * the ring full at times and empty at times, so that both sides sleep and are woken. */
#define N_RECORDS (g_test_thorough () ? 20000000 : g_test_slow () ? 4000000 : 2000000)
#define MAX_SIZE 4096

/* The largest record: a line after it marks that no other follows. */
#define BIGGEST (GMP_MEMORY_RING_SIZE - GMP_RING_ALIGN - sizeof (GmpRingSize))

/* The seed of the data, so that the reader can compute it as well. */
#define SEED 20260

typedef struct {
  GmpRing ring;
  int bell_in;
  int bell_out;
  guint n_records;
} Side;

static void
ring_bell (int fd)
{
  g_assert_cmpint (eventfd_write (fd, 1), ==, 0);
}

static void
wait_for_bell (int fd)
{
  eventfd_t count;

  g_assert_cmpint (eventfd_read (fd, &count), ==, 0);
}

/* As glibc's rand_r(), but fast, and the same everywhere. */
static guint32
next_random (guint64 *state)
{
  *state = *state * G_GUINT64_CONSTANT (6364136223846793005) + 1442695040888963407;
  return (guint32) (*state >> 33);
}

/* A multiple of 8. Most sizes are small, as those of messages are. */
static gsize
next_size (guint64 *state)
{
  guint32 r = next_random (state);
  gsize max = r % 16 == 0 ? MAX_SIZE : 128;

  return 24 + (next_random (state) % (max - 24)) / 8 * 8;
}

static guint64
sum (const guint64 *words,
     gsize          n)
{
  guint64 result = 0;

  for (gsize i = 0; i < n; i++)
    result = (result ^ words[i]) * G_GUINT64_CONSTANT (1099511628211);
  return result;
}

static void
write_records (Side *self)
{
  guint64 state = SEED;

  for (guint i = 0; i < self->n_records; i++)
    {
      gsize size = next_size (&state);
      gsize n = size / 8;
      guint64 *words;

      while ((words = (guint64 *) (gpointer) gmp_ring_reserve (&self->ring, size)) == NULL)
        {
          g_assert_false (self->ring.is_broken);
          if (!gmp_ring_wait_for_room (&self->ring, size))
            wait_for_bell (self->bell_in);
        }
      words[0] = size;
      words[1] = i;
      for (gsize word = 2; word < n - 1; word++)
        words[word] = state + word;
      words[n - 1] = sum (words, n - 1);
      if (gmp_ring_commit (&self->ring, size))
        ring_bell (self->bell_out);
    }
}

static const guint64 *
wait_for_record (Side  *self,
                 gsize *size)
{
  const guint8 *record;

  while ((record = gmp_ring_peek (&self->ring, size)) == NULL)
    {
      g_assert_false (self->ring.is_broken);
      if (!gmp_ring_sleep (&self->ring))
        wait_for_bell (self->bell_in);
      gmp_ring_wake (&self->ring);
    }
  return (const guint64 *) (gconstpointer) record;
}

static void
read_records (Side *self)
{
  guint64 state = SEED;

  for (guint i = 0; i < self->n_records; i++)
    {
      gsize size = next_size (&state);
      gsize n = size / 8;
      gsize announced;
      const guint64 *words = wait_for_record (self, &announced);

      g_assert_cmpuint (announced, ==, size);
      g_assert_cmpuint (words[0], ==, size);
      g_assert_cmpuint (words[1], ==, i);
      g_assert_cmpuint (words[n - 1], ==, sum (words, n - 1));
      if (gmp_ring_release (&self->ring, size))
        ring_bell (self->bell_out);
    }
}

static void
sides_init (Side       sides[2],
            GmpMemory *memories[2],
            guint      n_records)
{
  int bells[2] = { eventfd (0, EFD_CLOEXEC), eventfd (0, EFD_CLOEXEC) };

  for (guint i = 0; i < 2; i++)
    {
      sides[i] = (Side) { .bell_in = bells[i], .bell_out = bells[1 - i], .n_records = n_records };
      gmp_ring_init (&sides[i].ring, &memories[i]->header->rings[0], memories[i]->rings[0],
                     GMP_MEMORY_RING_SIZE);
    }
}

static void
sides_clear (Side sides[2])
{
  close (sides[0].bell_in);
  close (sides[1].bell_in);
}

static gpointer
write_thread (gpointer side)
{
  write_records (side);
  return NULL;
}

/* One mapping for both sides, so that ThreadSanitizer sees the same addresses. */
static void
test_threads (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GmpMemory) memory = NULL;
  int fd = gmp_memory_new_fd (0, 2, &error);
  Side sides[2];
  GThread *writer;

  memory = gmp_memory_map (fd, GMP_END_CLIENT, &error);
  g_assert_no_error (error);
  close (fd);
  sides_init (sides, (GmpMemory *[]) { memory, memory }, N_RECORDS / 4);
  writer = g_thread_new ("writer", write_thread, &sides[0]);
  read_records (&sides[1]);
  g_thread_join (writer);
  sides_clear (sides);
}

static void
test_processes (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GmpMemory) client = NULL;
  g_autoptr (GmpMemory) server = NULL;
  int fd = gmp_memory_new_fd (0, 2, &error);
  Side sides[2];
  int status;
  pid_t pid;

  client = gmp_memory_map (fd, GMP_END_CLIENT, &error);
  server = gmp_memory_map (fd, GMP_END_SERVER, &error);
  g_assert_no_error (error);
  close (fd);
  sides_init (sides, (GmpMemory *[]) { client, server }, N_RECORDS);
  /* The child uses only the ring, so the rest of this process does not matter. */
  pid = fork ();
  if (pid == 0)
    {
      write_records (&sides[0]);
      _exit (0);
    }
  read_records (&sides[1]);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  sides_clear (sides);
}

/* The size of the record at @position. */
static GmpRingSize *
size_at (GmpRing *ring,
         gsize    position)
{
  return (GmpRingSize *) (gpointer) (ring->body + position);
}

/* Valid and invalid values that the other side could store. */
static void
test_positions (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GmpMemory) memory = NULL;
  int fd = gmp_memory_new_fd (0, 2, &error);
  const guint64 bad_sizes[] = { BIGGEST + 1, GMP_MEMORY_RING_SIZE, G_MAXUINT64, G_MAXUINT64 - 64 };
  gsize size;

  memory = gmp_memory_map (fd, GMP_END_CLIENT, &error);
  g_assert_no_error (error);
  close (fd);
  for (guint i = 0; i < G_N_ELEMENTS (bad_sizes); i++)
    {
      GmpRing reader;

      gmp_ring_init (&reader, &memory->header->rings[0], memory->rings[0], GMP_MEMORY_RING_SIZE);
      atomic_store (size_at (&reader, 0), 100);
      g_assert_nonnull (gmp_ring_peek (&reader, &size));
      g_assert_cmpuint (size, ==, 100);
      gmp_ring_release (&reader, size);
      g_assert_null (gmp_ring_peek (&reader, &size));
      g_assert_false (reader.is_broken);
      atomic_store (size_at (&reader, 128), bad_sizes[i]);
      g_assert_null (gmp_ring_peek (&reader, &size));
      g_assert_true (reader.is_broken);
      atomic_store (size_at (&reader, 128), 0);
    }
  for (guint64 tail = 64; tail != 0; tail *= 16)
    {
      GmpRing writer;

      /* Nothing was written, so 0 is the only valid tail. */
      gmp_ring_init (&writer, &memory->header->rings[1], memory->rings[1], GMP_MEMORY_RING_SIZE);
      atomic_store (&memory->header->rings[1].tail, tail);
      g_assert_nonnull (gmp_ring_reserve (&writer, BIGGEST));
      g_assert_false (gmp_ring_wait_for_room (&writer, BIGGEST));
      g_assert_true (writer.is_broken);
    }
}

int
main (int    argc,
      char **argv)
{
  /* Without the fixture, which runs a worker: ThreadSanitizer does not see GLib's locks, and
   * would report races. */
  g_test_init (&argc, &argv, NULL);
  alarm (300);
  g_test_add_func ("/ring/threads", test_threads);
  g_test_add_func ("/ring/processes", test_processes);
  g_test_add_func ("/ring/positions", test_positions);
  return g_test_run ();
}
