/* scribble.c: a client that writes at random into the memory of its channel, while it is in use
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_GOOD  3
#define N_TURNS 40

/* Rounds of each case; GMP_TEST_ROUNDS sets another number. The first seed is always the same. */
#define N_ROUNDS 8

/* The sent values include texts and variants, whose bytes contain lengths. A turn has the same
 * value on all sides, so that a receiver can compute it. */
static GVariant *
make_value (guint turn)
{
  guint n = 20 + turn % 7 * 150;
  GVariantBuilder builder;

  if (turn % 4 == 0)
    return g_variant_new_uint32 (turn);
  g_variant_builder_init (&builder, G_VARIANT_TYPE (turn % 4 == 1 ? "av" :
                                                    turn % 4 == 2 ? "as" : "a(sas)"));
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%0*u", 100, turn * n + i);
      const char *texts[] = { text, text, NULL };

      if (turn % 4 == 1)
        g_variant_builder_add (&builder, "v", i % 2 == 0 ? g_variant_new_string (text)
                                                         : g_variant_new_strv (texts, -1));
      else if (turn % 4 == 2)
        g_variant_builder_add (&builder, "s", text);
      else
        g_variant_builder_add (&builder, "(s@as)", text, g_variant_new_strv (texts, -1));
    }
  return g_variant_builder_end (&builder);
}

/* Reads all of @value, as a user would. */
static gsize
walk (GVariant *value)
{
  gsize n = 1;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return strlen (g_variant_get_string (value, NULL));
  if (!g_variant_is_container (value))
    return n;
  for (gsize i = 0; i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      n += walk (child);
    }
  return n;
}

static GVariant *
answer (GVariant *request)
{
  for (guint i = 0; i < 3; i++)
    walk (request);
  return g_variant_ref (request);
}

/* Servers: one in its own process, and an application that is the server. */

#define TEST_TYPE_ECHO (test_echo_get_type ())
G_DECLARE_FINAL_TYPE (TestEcho, test_echo, TEST, ECHO, GmpServerWorker)

struct _TestEcho
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (TestEcho, test_echo, GMP_TYPE_SERVER_WORKER)

static GVariant *
test_echo_process (GmpServerWorker *self G_GNUC_UNUSED,
                   const char      *client_id G_GNUC_UNUSED,
                   GVariant        *request,
                   GError         **error G_GNUC_UNUSED)
{
  return answer (request);
}

static void
test_echo_class_init (TestEchoClass *klass)
{
  GMP_SERVER_WORKER_CLASS (klass)->process = test_echo_process;
}

static void
test_echo_init (TestEcho *self G_GNUC_UNUSED)
{
}

#define TEST_TYPE_APPLICATION (test_application_get_type ())
G_DECLARE_FINAL_TYPE (TestApplication, test_application, TEST, APPLICATION, GmpClientServer)

struct _TestApplication
{
  GmpClientServer parent_instance;
};

G_DEFINE_FINAL_TYPE (TestApplication, test_application, GMP_TYPE_CLIENT_SERVER)

static GVariant *
test_application_process (GmpClientServer *self G_GNUC_UNUSED,
                          const char      *client_id G_GNUC_UNUSED,
                          GVariant        *request,
                          GError         **error G_GNUC_UNUSED)
{
  return answer (request);
}

static void
test_application_class_init (TestApplicationClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = test_application_process;
}

static void
test_application_init (TestApplication *self G_GNUC_UNUSED)
{
}

/* The scribbler's thread. */

typedef enum {
  SCRIBBLE_ALL,
  SCRIBBLE_RINGS,
  SCRIBBLE_ARENA,
  N_SCRIBBLES
} Scribble;

#define N_BURSTS 3000
#define BURST    64

typedef struct {
  guint8 *begin;
  gsize size;
} Range;

static gboolean
is_wanted (guint64  offset,
           gsize    size,
           Scribble what)
{
  gboolean is_arena = size > 128 * 1024;

  switch (what)
    {
    case SCRIBBLE_RINGS:
      return offset > 0 && !is_arena;
    case SCRIBBLE_ARENA:
      return is_arena;
    case SCRIBBLE_ALL:
    default:
      return TRUE;
    }
}

/* The header, both rings, each mapped twice, and the arena that this end writes to. Only the
 * used part of each is damaged, because unused bytes have no effect. */
static GArray *
find_ranges (Scribble what)
{
  GArray *ranges = g_array_new (FALSE, FALSE, sizeof (Range));
  g_autofree char *maps = NULL;
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", 0);
  for (char **line = lines; *line != NULL; line++)
    {
      guint64 begin, end, offset;
      Range range;

      if (strstr (*line, "memfd:gmproc-channel") == NULL ||
          sscanf (*line, "%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x rw-s %"
                  G_GINT64_MODIFIER "x", &begin, &end, &offset) != 3 ||
          !is_wanted (offset, end - begin, what))
        continue;
      range = (Range) { (guint8 *) (guintptr) begin, MIN (end - begin, 128 * 1024) };
      if (offset == 0)
        range.size = 12 * 1024;
      g_array_append_val (ranges, range);
    }
  g_assert_cmpuint (ranges->len, >, 0);
  return ranges;
}

/* Wakes all sides, because overwriting the flags of sleepers makes a normal wake-up unlikely. */
static void
ring_all (void)
{
  for (int fd = 3; fd < 100; fd++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
      g_autofree char *link = g_file_read_link (path, NULL);

      if (g_strcmp0 (link, "anon_inode:[eventfd]") == 0)
        eventfd_write (fd, 1);
    }
}

static void
scribble (GArray *ranges,
          GRand  *random)
{
  for (guint i = 0; i < BURST; i++)
    {
      Range *range = &g_array_index (ranges, Range, g_rand_int (random) % ranges->len);
      gsize place = g_rand_int (random) % range->size;
      guint n = 1 + g_rand_int (random) % 8;

      for (guint j = 0; j < n && place + j < range->size; j++)
        range->begin[place + j] = g_rand_boolean (random) ? (guint8) g_rand_int (random)
                                                          : (guint8) -(g_rand_int (random) % 2);
    }
}

/* The memory cannot be truncated under the other end. */
static void
check_seals (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/map_files", 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/map_files", name, NULL);
      g_autofree char *link = g_file_read_link (path, NULL);
      int fd;

      if (link == NULL || strstr (link, "memfd:gmproc-channel") == NULL)
        continue;
      fd = open (path, O_RDWR | O_CLOEXEC);
      /* Opening them needs a privilege. */
      if (fd == -1)
        continue;
      g_assert_cmpint (ftruncate (fd, 4096), ==, -1);
      g_assert_cmpint (ftruncate (fd, G_MAXINT32), ==, -1);
      close (fd);
    }
}

static gpointer
scribble_thread (gpointer data)
{
  guint32 seed = GPOINTER_TO_UINT (data);
  GRand *random = g_rand_new_with_seed (seed);
  GArray *some = find_ranges (seed % N_SCRIBBLES);
  GArray *rings = find_ranges (SCRIBBLE_RINGS);

  check_seals ();
  /* If the bursts do not end the channel, overwriting all of the rings does. This continues until
   * the process ends. */
  for (guint i = 0; TRUE; i++)
    {
      scribble (i < N_BURSTS ? some : rings, random);
      if (i % 16 == 0)
        ring_all ();
      g_thread_yield ();
    }
  return NULL;
}

/* The clients: the parameters of a hostile one are a seed, the others have none. */

#define TEST_TYPE_CLIENT (test_client_get_type ())
G_DECLARE_FINAL_TYPE (TestClient, test_client, TEST, CLIENT, GmpClientWorker)

struct _TestClient
{
  GmpClientWorker parent_instance;

  gboolean is_good;
  guint turn;
  GVariant *sent;
};

G_DEFINE_FINAL_TYPE (TestClient, test_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_client_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  TestClient *self = TEST_CLIENT (worker);

  self->is_good = params == NULL;
  if (!self->is_good)
    g_thread_unref (g_thread_new ("scribble", scribble_thread,
                                  GUINT_TO_POINTER (g_variant_get_uint32 (params))));
  return TRUE;
}

static GVariant *
test_client_process (GmpClientWorker *client,
                     GError         **error G_GNUC_UNUSED)
{
  TestClient *self = TEST_CLIENT (client);

  g_clear_pointer (&self->sent, g_variant_unref);
  self->sent = g_variant_ref_sink (make_value (self->turn++));
  return g_variant_ref (self->sent);
}

static gboolean
test_client_update (GmpClientWorker *client,
                    GVariant        *response,
                    GError         **error)
{
  TestClient *self = TEST_CLIENT (client);

  if (self->is_good && !gmp_test_is_same (response, self->sent))
    g_set_error (error, GMP_ERROR, GMP_ERROR_FAILED, "the answer of turn %u is wrong", self->turn);
  return TRUE;
}

static gboolean
test_client_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  TestClient *self = TEST_CLIENT (worker);

  return self->is_good && self->turn == N_TURNS;
}

static GVariant *
test_client_finish (GmpWorker *worker,
                    GError   **error G_GNUC_UNUSED)
{
  g_clear_pointer (&TEST_CLIENT (worker)->sent, g_variant_unref);
  return g_variant_new_uint32 (TEST_CLIENT (worker)->turn);
}

static void
test_client_class_init (TestClientClass *klass)
{
  GmpWorkerClass *worker_class = GMP_WORKER_CLASS (klass);
  GmpClientWorkerClass *client_class = GMP_CLIENT_WORKER_CLASS (klass);

  worker_class->start = test_client_start;
  worker_class->done = test_client_done;
  worker_class->finish = test_client_finish;
  client_class->process = test_client_process;
  client_class->update = test_client_update;
}

static void
test_client_init (TestClient *self G_GNUC_UNUSED)
{
}

static void
check_bad (GmpClientServer *application,
           guint            seed)
{
  const GError *error = gmp_client_server_get_error (application, "bad");

  g_assert_nonnull (error);
  g_test_message ("seed %u: %s", seed, error->message);
  /* The reason is in the same memory: where all of it is overwritten, the error may be any. */
  if (seed % N_SCRIBBLES == SCRIBBLE_ALL)
    return;
  if (!g_error_matches (error, GMP_ERROR, GMP_ERROR_PROTOCOL) &&
      !g_error_matches (error, GMP_ERROR, GMP_ERROR_DISCONNECTED))
    g_error ("seed %u: %s", seed, error->message);
}

static void
run_round (GmpClientServer *application,
           guint            seed)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  gmp_client_server_new_workers (application, N_GOOD, TEST_TYPE_CLIENT, NULL, &error);
  g_assert_no_error (error);
  gmp_client_server_new_worker (application, "bad", TEST_TYPE_CLIENT,
                                g_variant_new_uint32 (seed), &error);
  g_assert_no_error (error);
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  check_bad (application, seed);

  results = gmp_client_server_get_results (application);
  for (guint i = 0; i < N_GOOD; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);
      g_autoptr (GVariant) result = gmp_test_get_string (results, id);

      g_assert_no_error (gmp_client_server_get_error (application, id));
      g_assert_cmpuint (g_variant_get_uint32 (result), ==, N_TURNS);
    }
}

static guint
count_rounds (void)
{
  const char *text = g_getenv ("GMP_TEST_ROUNDS");

  return text != NULL ? (guint) atoi (text) : N_ROUNDS;
}

static void
test_server (void)
{
  for (guint seed = 0; seed < count_rounds (); seed++)
    {
      g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_ECHO);

      run_round (application, seed);
    }
}

static void
test_application (void)
{
  for (guint seed = 0; seed < count_rounds (); seed++)
    {
      g_autoptr (GmpClientServer) application = g_object_new (TEST_TYPE_APPLICATION, NULL);

      run_round (application, seed);
    }
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_ECHO);
  g_type_ensure (TEST_TYPE_CLIENT);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/scribble/server", test_server);
  gmp_test_add ("/scribble/application", test_application);
  return g_test_run ();
}
