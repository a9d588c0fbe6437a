/* shortage.c: errors when descriptors, address space or file size run out
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"

#include "base/gmp-socketpair-private.h"
#include "channel/gmp-doorbell-private.h"
#include "channel/gmp-shared-channel-private.h"
#include "peer/gmp-channel-descriptors-private.h"
#include "peer/gmp-message-stream-private.h"
#include "peer/gmp-payload-private.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* More descriptors than anything here needs, including those that are open. */
#define MANY 100

#define BIG ((gsize) 17 * 1024 * 1024)

static struct rlimit
lower (__rlimit_resource_t resource,
       guint64             value)
{
  struct rlimit before, after;

  g_assert_no_errno (getrlimit (resource, &before));
  after = before;
  after.rlim_cur = value;
  g_assert_no_errno (setrlimit (resource, &after));
  return before;
}

static void
restore (__rlimit_resource_t  resource,
         const struct rlimit *before)
{
  g_assert_no_errno (setrlimit (resource, before));
}

/* The lowest free descriptor. */
static guint
find_free (void)
{
  int fd = dup (STDERR_FILENO);

  g_assert_cmpint (fd, !=, -1);
  close (fd);
  return (guint) fd;
}

/* Each function opens descriptors, and closes them on success. */

static gboolean
open_memory (GError **error)
{
  int fd = gmp_memory_new_fd (GMP_MEMORY_PART, 1, error);

  if (fd != -1)
    close (fd);
  return fd != -1;
}

static gboolean
open_shared (GError **error)
{
  int client_fds[GMP_SHARED_N_FDS];
  int server_fds[GMP_SHARED_N_FDS];

  if (!gmp_shared_channel_new_fds (GMP_MEMORY_PART, 1, client_fds, server_fds, error))
    return FALSE;
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    {
      close (client_fds[i]);
      close (server_fds[i]);
    }
  return TRUE;
}

static gboolean
open_pair (GError **error)
{
  GmpChannelDescriptors *client, *server;

  if (!gmp_channel_descriptors_new_pair (GMP_MEMORY_PART, 1, &client, &server, error))
    return FALSE;
  gmp_channel_descriptors_free (client);
  gmp_channel_descriptors_free (server);
  return TRUE;
}

static gboolean
open_sockets (GError **error)
{
  int fds[2];

  if (!gmp_socketpair_open (fds, error))
    return FALSE;
  close (fds[0]);
  close (fds[1]);
  return TRUE;
}

static gboolean
open_doorbell (GError **error)
{
  GmpDoorbell *doorbell = gmp_doorbell_new (error);

  if (doorbell != NULL)
    gmp_doorbell_unref (doorbell);
  return doorbell != NULL;
}

static GVariant *
new_big (void)
{
  gpointer bytes = g_malloc0 (BIG);

  return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, BIG, TRUE,
                                                      g_free, bytes));
}

/* With a payload that is sent in a file. */
static gboolean
open_payload (GError **error)
{
  g_autoptr (GVariant) value = new_big ();
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *packed = gmp_payload_pack (value, handles, error);

  if (packed != NULL)
    g_variant_unref (g_variant_ref_sink (packed));
  return packed != NULL;
}

typedef gboolean (*Open) (GError **error);

/* Allows one more descriptor each time: @open fails with an error until it succeeds. Returns
 * whether it has failed before. */
static gboolean
fails_before_it_opens (Open open)
{
  gboolean has_failed = FALSE;
  gboolean was_opened = FALSE;

  for (guint n = 0; n <= MANY && !was_opened; n++)
    {
      struct rlimit before = lower (RLIMIT_NOFILE, find_free () + n);
      g_autoptr (GError) error = NULL;

      was_opened = open (&error);
      restore (RLIMIT_NOFILE, &before);
      if (was_opened)
        continue;
      has_failed = TRUE;
      g_test_message ("%u: %s", n, error->message);
      gmp_test_check_in (error->message, g_strerror (EMFILE));
    }
  g_assert_true (was_opened);
  return has_failed;
}

/* GLib's threads may close a descriptor of an earlier run after the free ones were counted. Then
 * one more than intended was free, and the check is repeated. */
static void
check_descriptors (Open open)
{
  gboolean has_failed = FALSE;

  for (guint turn = 0; turn < MANY && !has_failed; turn++)
    has_failed = fails_before_it_opens (open);
  g_assert_true (has_failed);
}

/* Valgrind does not apply the limit to all system calls. */
static gboolean
has_limit (void)
{
  struct rlimit before = lower (RLIMIT_NOFILE, find_free ());
  gboolean was_opened = open_sockets (NULL);

  restore (RLIMIT_NOFILE, &before);
  return !was_opened;
}

static void
test_descriptors (void)
{
  const Open opens[] = {
    open_memory, open_shared, open_pair, open_sockets, open_doorbell, open_payload,
  };

  if (!has_limit ())
    {
      g_test_skip ("the limit on open files is not kept here");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (opens); i++)
    check_descriptors (opens[i]);
}

static GVariant *
ask (GmpClientWorker *client G_GNUC_UNUSED,
     GError         **error G_GNUC_UNUSED)
{
  return NULL;
}

typedef GmpClientWorker TestClient;
typedef GmpClientWorkerClass TestClientClass;

static GType test_client_get_type (void);

G_DEFINE_TYPE (TestClient, test_client, GMP_TYPE_CLIENT_WORKER)

static void
test_client_class_init (TestClientClass *klass)
{
  klass->process = ask;
}

static void
test_client_init (TestClient *self G_GNUC_UNUSED)
{
}

/* A run whose channels need more descriptors than there are starts no worker. */
static void
test_channels (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new_for_target ("native::none");
  g_autoptr (GError) error = NULL;
  struct rlimit before;

  gmp_client_server_new_workers (application, MANY, test_client_get_type (), NULL, &error);
  g_assert_no_error (error);
  before = lower (RLIMIT_NOFILE, find_free () + MANY);
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  restore (RLIMIT_NOFILE, &before);
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, "raise it with 'ulimit -n'");
  g_assert_cmpuint (gmp_client_server_get_n_clients (application), ==, 0);
}

/* With a limit on file size, whose signal would otherwise kill this process. */
static void
test_file_size (void)
{
  struct rlimit before = lower (RLIMIT_FSIZE, 4096);
  g_autoptr (GError) no_memory = NULL;
  g_autoptr (GError) no_payload = NULL;

  g_assert_false (open_memory (&no_memory));
  g_assert_false (open_payload (&no_payload));
  restore (RLIMIT_FSIZE, &before);
  g_assert_error (no_memory, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (no_memory->message, "ulimit -f");
  g_assert_error (no_payload, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (no_payload->message, "ulimit -f");
}

/* Two clients, each of which sends its server some megabytes and receives their number. */

typedef GmpServerWorker TestMeasurer;
typedef GmpServerWorkerClass TestMeasurerClass;

static GType test_measurer_get_type (void);

G_DEFINE_TYPE (TestMeasurer, test_measurer, GMP_TYPE_SERVER_WORKER)

static GVariant *
measure (GmpServerWorker *server G_GNUC_UNUSED,
         const char      *client_id G_GNUC_UNUSED,
         GVariant        *request,
         GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_uint64 (g_variant_get_size (request));
}

static void
test_measurer_class_init (TestMeasurerClass *klass)
{
  klass->process = measure;
}

static void
test_measurer_init (TestMeasurer *self G_GNUC_UNUSED)
{
}

typedef struct {
  GmpClientWorker parent_instance;
  guint64 size;
} TestSender;
typedef GmpClientWorkerClass TestSenderClass;

static GType test_sender_get_type (void);

G_DEFINE_TYPE (TestSender, test_sender, GMP_TYPE_CLIENT_WORKER)

static GVariant *
send_big (GmpClientWorker *client G_GNUC_UNUSED,
          GError         **error G_GNUC_UNUSED)
{
  return new_big ();
}

static gboolean
take_size (GmpClientWorker *client,
           GVariant        *response,
           GError         **error G_GNUC_UNUSED)
{
  ((TestSender *) client)->size = g_variant_get_uint64 (response);
  return TRUE;
}

static gboolean
has_size (GmpWorker *worker,
          GError   **error G_GNUC_UNUSED)
{
  return ((TestSender *) worker)->size > 0;
}

static GVariant *
return_size (GmpWorker *worker,
             GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint64 (((TestSender *) worker)->size);
}

static void
test_sender_class_init (TestSenderClass *klass)
{
  klass->process = send_big;
  klass->update = take_size;
  GMP_WORKER_CLASS (klass)->done = has_size;
  GMP_WORKER_CLASS (klass)->finish = return_size;
}

static void
test_sender_init (TestSender *self G_GNUC_UNUSED)
{
}

static void
check_served (guint64 memory_limit)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (test_measurer_get_type ());
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_workers (application, 2, test_sender_get_type (), NULL, &error);
  g_assert_no_error (error);
  g_object_set (application, "memory-limit", memory_limit, NULL);
  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_string (results, "0", "uint64 17825792");
  gmp_test_check_string (results, "1", "uint64 17825792");
}

/* Limits of the program, which its workers inherit, and limits on the workers' own memory: both
 * leave room for smaller channels. */
static void
test_served (void)
{
  const struct {
    __rlimit_resource_t resource;
    guint64 value;
  } limits[] = {
    { RLIMIT_FSIZE, 1 << 30 },
    { RLIMIT_FSIZE, 18 << 20 },
    { RLIMIT_DATA, 200 << 20 },
    { RLIMIT_AS, 500 << 20 },
  };

  if (gmp_test_is_stretched ())
    {
      /* Their mappings ignore the limit. */
      g_test_skip ("under valgrind or a sanitizer");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      struct rlimit before = lower (limits[i].resource, limits[i].value);

      check_served (0);
      restore (limits[i].resource, &before);
    }
  check_served (200 << 20);
}

static guint64
get_address_space (void)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  return g_ascii_strtoull (text, NULL, 10) * (guint64) sysconf (_SC_PAGESIZE);
}

/* Allows more address space each time: the memory of a channel cannot be mapped, until it can. */
static void
test_address_space (void)
{
  g_autoptr (GError) error = NULL;
  guint64 step = GMP_MEMORY_PART;
  int fd = gmp_memory_new_fd (4 * step, 1, &error);
  guint64 room = 0;
  GmpMemory *memory;

  g_assert_no_error (error);
  if (gmp_test_is_stretched ())
    {
      /* Their mappings ignore the limit. */
      g_test_skip ("under valgrind or a sanitizer");
      close (fd);
      return;
    }
  do
    {
      struct rlimit before = lower (RLIMIT_AS, get_address_space () + room);

      g_clear_error (&error);
      memory = gmp_memory_map (fd, GMP_END_CLIENT, &error);
      restore (RLIMIT_AS, &before);
      if (memory == NULL)
        {
          g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
          gmp_test_check_in (error->message, "ulimit -v");
        }
      room += step;
      g_assert_cmpuint (room, <, 100 * step);
    }
  while (memory == NULL);
  g_assert_cmpuint (room, >, 4 * step);
  gmp_memory_unref (memory);
  close (fd);
}

/* Waits as its parameters (si) define: a folder, and the number of workers. Each adds a byte to
 * a file, and the last one releases all through a fifo, so they all exist at the same time. */
static GVariant *
meet (GVariant *params,
      GError  **error G_GNUC_UNUSED)
{
  g_autofree char *here = NULL;
  g_autofree char *gate = NULL;
  const char *folder;
  char byte = 'x';
  int n;
  int here_fd, gate_fd;

  g_variant_get (params, "(&si)", &folder, &n);
  here = g_build_filename (folder, "here", NULL);
  gate = g_build_filename (folder, "gate", NULL);
  gate_fd = open (gate, O_RDWR | O_CLOEXEC);
  here_fd = open (here, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
  g_assert_cmpint (write (here_fd, &byte, 1), ==, 1);
  if (lseek (here_fd, 0, SEEK_CUR) == n)
    for (int i = 0; i < n; i++)
      g_assert_cmpint (write (gate_fd, &byte, 1), ==, 1);
  g_assert_cmpint (read (gate_fd, &byte, 1), ==, 1);
  close (here_fd);
  close (gate_fd);
  return NULL;
}

/* All workers meet, or the error names the limit. */
static void
check_meeting (guint n)
{
  g_autofree char *folder = gmp_test_build_path ("meeting");
  g_autofree char *here = g_build_filename (folder, "here", NULL);
  g_autofree char *gate = g_build_filename (folder, "gate", NULL);
  g_autoptr (GVariant) params = g_variant_ref_sink (g_variant_new ("(si)", folder, (int) n));
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (g_mkdir (folder, 0700));
  g_assert_no_errno (mkfifo (gate, 0600));
  for (guint id = 0; id < n; id++)
    gmp_workers_add (workers, (int) id, meet, params, NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  unlink (here);
  unlink (gate);
  g_rmdir (folder);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, n);
}

static void
test_thousand (void)
{
  gboolean is_slow = g_getenv ("GMP_TEST_TIMEOUT_MULTIPLIER") != NULL;
  guint n = is_slow ? 20 : 1000; /* under valgrind or a sanitizer */
  struct rlimit files, enough;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &files));
  enough = files;
  enough.rlim_cur = MAX (files.rlim_cur, 16 * 1024);
  if (enough.rlim_cur > files.rlim_max)
    {
      g_test_skip ("not so many descriptors are allowed here: raise ulimit -Hn to 16384");
      return;
    }
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &enough));
  check_meeting (n);
  restore (RLIMIT_NOFILE, &files);
}

/* One end of a channel, as an application could describe it. */
static void
check_handles (const char *kind,
               const char *positions,
               gboolean    has_handles)
{
  g_autoptr (GUnixFDList) handles = has_handles ? g_unix_fd_list_new () : NULL;
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (positions));
  g_autoptr (GError) error = NULL;

  if (has_handles)
    g_unix_fd_list_append (handles, STDERR_FILENO, NULL);
  g_assert_null (gmp_channel_descriptors_new_handles (kind, value, handles, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL);
  g_test_message ("%s", error->message);
}

static void
test_handles (void)
{
  check_handles ("telephone", "@ah []", TRUE);
  check_handles ("dbus", "@ah []", TRUE);
  check_handles ("dbus", "[handle 0, handle 0]", TRUE);
  check_handles ("dbus", "[handle 0]", FALSE);
  check_handles ("dbus", "[handle 1]", TRUE);
  check_handles ("dbus", "[handle -1]", TRUE);
  check_handles ("shared-client", "[handle 0]", TRUE);
  check_handles ("shared-server", "[handle 0, handle 0, handle 0, handle 9]", TRUE);
}

/* The lines of GMPROC_DEBUG for a run; the fixture has one. */
static void
test_debug (void)
{
  if (g_test_subprocess ())
    return;
  g_setenv ("GMPROC_DEBUG", "1", TRUE);
  g_test_trap_subprocess ("/shortage/debug", 0, 0);
  g_unsetenv ("GMPROC_DEBUG");
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*gmproc[*] * ms: worker 1: pid *");
  g_test_trap_assert_stderr ("*worker 1: has its result*");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (test_measurer_get_type ());
  g_type_ensure (test_sender_get_type ());
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/shortage/descriptors", test_descriptors);
  gmp_test_add ("/shortage/channels", test_channels);
  gmp_test_add ("/shortage/file-size", test_file_size);
  gmp_test_add ("/shortage/served", test_served);
  gmp_test_add ("/shortage/address-space", test_address_space);
  gmp_test_add ("/shortage/thousand", test_thousand);
  gmp_test_add ("/shortage/handles", test_handles);
  gmp_test_add ("/shortage/debug", test_debug);
  return g_test_run ();
}
