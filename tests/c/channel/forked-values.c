/* forked-values.c: forks of a process that holds values from shared memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-pair.h"

#include "base/gmp-variant.h"
#include "channel/gmp-arena-private.h"
#include "channel/gmp-inbox-private.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Large enough for a block, and never copied at once. */
#define BIG ((gsize) 200 * 1024)

static GVariant *
receive (GmpChannel *to)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = NULL;

  g_assert_cmpint (gmp_channel_receive (to, &value, &error), ==, GMP_CHANNEL_PAYLOAD);
  g_assert_no_error (error);
  return value;
}

/* Sends a value of @size bytes that are all @byte, and returns what arrives. */
static GVariant *
pass (GmpChannel *from,
      GmpChannel *to,
      gsize       size,
      guint8      byte)
{
  g_autofree guint8 *bytes = g_malloc (size);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  memset (bytes, byte, size);
  value = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1));
  gmp_channel_send (from, value, &error);
  g_assert_no_error (error);
  return receive (to);
}

static gboolean
is_all (GVariant *value,
        guint8    byte)
{
  const guint8 *data = g_variant_get_data (value);

  for (gsize i = 0; i < g_variant_get_size (value); i++)
    if (data[i] != byte)
      return FALSE;
  return TRUE;
}

/* Writes to all bytes of @value. */
static void
overwrite (GVariant *value,
           guint8    byte)
{
  gpointer data = gmp_variant_get_private_data (value);

  g_assert_nonnull (data);
  memset (data, byte, g_variant_get_size (value));
}

/* A child that waits until the parent opens its gate. */
typedef struct {
  pid_t pid;
  int gate[2];
} Child;

static void
child_wait (Child *self)
{
  char byte;

  if (read (self->gate[0], &byte, 1) != 1)
    _exit (99);
}

/* Returns TRUE in the child. */
static gboolean
child_fork (Child *self)
{
  g_assert_cmpint (pipe (self->gate), ==, 0);
  self->pid = fork ();
  g_assert_cmpint (self->pid, !=, -1);
  /* A watchdog, because its parent may have failed. */
  if (self->pid == 0)
    alarm (60);
  return self->pid == 0;
}

static void
child_go (Child *self)
{
  g_assert_cmpint (write (self->gate[1], "x", 1), ==, 1);
}

/* Checks that the child exits with status 0. */
static void
child_await (Child *self)
{
  int status;

  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  close (self->gate[0]);
  close (self->gate[1]);
}

/* The parent drops a value that both hold, and its block gets another value. */
static void
check_child_keeps (gsize    size,
                   gboolean is_written)
{
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) part = NULL;
  g_autoptr (GVariant) next = NULL;
  gconstpointer place;
  Child child;
  TestPair pair;

  test_pair_init (&pair, 64 * MIB);
  value = pass (pair.client, pair.server, size, 1);
  place = g_variant_get_data (value);
  if (is_written)
    overwrite (value, 1);
  if (child_fork (&child))
    {
      child_wait (&child);
      if (!is_all (value, 1))
        _exit (1);
      overwrite (value, 5);
      _exit (is_all (value, 5) ? 0 : 2);
    }
  g_clear_pointer (&value, g_variant_unref);
  next = pass (pair.client, pair.server, size, 2);
  g_assert_true (g_variant_get_data (next) == place);
  g_assert_true (is_all (next, 2));
  child_go (&child);
  child_await (&child);
  g_assert_true (is_all (next, 2));
  test_pair_clear (&pair);
}

static void
test_child_keeps (void)
{
  check_child_keeps (BIG, FALSE);
  check_child_keeps (BIG, TRUE);
  check_child_keeps (5 * MIB + 1, FALSE);
  check_child_keeps (5 * MIB + 1, TRUE);
}

/* The child drops a value that both hold. The block remains the parent's, and so does the
 * channel, whatever the child does with either end. */
static void
test_parent_keeps (void)
{
  g_autoptr (GmpInbox) inbox = gmp_inbox_new (NULL);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) next = NULL;
  g_autoptr (GVariant) last = NULL;
  g_auto (GmpMail) mail = { 0, };
  Child child;
  TestPair pair;

  test_pair_init (&pair, 64 * MIB);
  gmp_inbox_add (inbox, "client", "native", pair.server);
  g_assert_cmpint (gmp_inbox_try_take (inbox, &mail), ==, GMP_INBOX_EMPTY);
  value = pass (pair.client, pair.server, BIG, 1);
  if (child_fork (&child))
    {
      g_autoptr (GError) error = NULL;
      GVariant *nothing = NULL;

      g_clear_pointer (&value, g_variant_unref);
      if (!gmp_channel_send (pair.client, g_variant_new_int32 (1), NULL) ||
          gmp_channel_receive (pair.server, &nothing, &error) != GMP_CHANNEL_CLOSED ||
          !g_error_matches (error, GMP_ERROR, GMP_ERROR_DISCONNECTED) ||
          gmp_inbox_take (inbox, &mail) != GMP_INBOX_STOPPED)
        _exit (1);
      gmp_channel_close (pair.server, NULL);
      gmp_inbox_free (inbox);
      test_pair_clear (&pair);
      _exit (0);
    }
  child_await (&child);
  next = pass (pair.client, pair.server, BIG, 2);
  g_assert_true (is_all (value, 1));
  g_assert_true (is_all (next, 2));

  /* The doorbell still rings; otherwise this would wait forever. */
  g_clear_pointer (&next, g_variant_unref);
  last = g_variant_ref_sink (g_variant_new_int32 (3));
  g_assert_cmpint (gmp_inbox_begin_sleep (inbox), ==, FALSE);
  gmp_channel_send (pair.client, last, NULL);
  g_assert_true (gmp_doorbell_wait (gmp_inbox_get_doorbell (inbox), -1));
  gmp_inbox_end_sleep (inbox);
  g_assert_cmpint (gmp_inbox_take (inbox, &mail), ==, GMP_INBOX_PAYLOAD);
  gmp_test_check_value (mail.payload, "3");
  test_pair_clear (&pair);
}

/* A grandchild whose parent has ended, and a second fork of the parent, whose memory is not
 * copied again. */
static void
test_generations (void)
{
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) next = NULL;
  Child child, grandchild;
  TestPair pair;

  test_pair_init (&pair, 64 * MIB);
  value = pass (pair.client, pair.server, BIG, 1);
  g_assert_cmpint (pipe (grandchild.gate), ==, 0);
  if (child_fork (&child))
    {
      grandchild.pid = fork ();
      if (grandchild.pid != 0)
        _exit (0);
      alarm (60);
      child_wait (&grandchild);
      /* The answer goes the other way. */
      _exit (write (child.gate[1], is_all (value, 1) ? "y" : "n", 1) != 1);
    }
  g_assert_cmpint (waitpid (child.pid, NULL, 0), ==, child.pid);
  overwrite (value, 7);
  g_clear_pointer (&value, g_variant_unref);
  next = pass (pair.client, pair.server, BIG, 2);
  child_go (&grandchild);
  {
    char answer = 'n';

    g_assert_cmpint (read (child.gate[0], &answer, 1), ==, 1);
    g_assert_cmpint (answer, ==, 'y');
  }
  g_assert_true (is_all (next, 2));
  for (guint i = 0; i < 2; i++)
    {
      close (child.gate[i]);
      close (grandchild.gate[i]);
    }
  test_pair_clear (&pair);
}

/* If there is no memory for a copy, the block is never reused. */
static void
test_no_memory (void)
{
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) next = NULL;
  gconstpointer place;
  struct rlimit before, none;
  Child child;
  TestPair pair;

  if (gmp_test_is_stretched ())
    {
      g_test_skip ("under valgrind or a sanitizer");
      return;
    }
  test_pair_init (&pair, 64 * MIB);
  value = pass (pair.client, pair.server, BIG, 1);
  place = g_variant_get_data (value);
  g_assert_no_errno (getrlimit (RLIMIT_DATA, &before));
  none = before;
  none.rlim_cur = 4096; /* Valgrind makes the kernel read 0 as no limit. */
  g_assert_no_errno (setrlimit (RLIMIT_DATA, &none));
  if (child_fork (&child))
    {
      child_wait (&child);
      _exit (is_all (value, 1) ? 0 : 1);
    }
  g_assert_null (gmp_variant_get_private_data (value));
  g_assert_no_errno (setrlimit (RLIMIT_DATA, &before));
  g_clear_pointer (&value, g_variant_unref);
  next = pass (pair.client, pair.server, BIG, 2);
  g_assert_true (g_variant_get_data (next) != place);
  child_go (&child);
  child_await (&child);
  test_pair_clear (&pair);
}

/* The bytes of this process that count towards RLIMIT_DATA. */
static guint64
get_data_size (void)
{
  g_autofree char *text = NULL;
  const char *line;

  g_assert_true (g_file_get_contents ("/proc/self/status", &text, NULL, NULL));
  line = strstr (text, "\nVmData:");
  return g_ascii_strtoull (line + strlen ("\nVmData:"), NULL, 10) * 1024;
}

/* A channel counts towards the limit on data only with values that are held and written to. */
static void
test_data_size (void)
{
  g_autoptr (GVariant) value = NULL;
  guint64 begin = get_data_size ();
  struct rlimit before, limited;
  TestPair pair;

  if (gmp_test_is_stretched ())
    {
      g_test_skip ("under valgrind or a sanitizer");
      return;
    }
  test_pair_init (&pair, 64 * MIB);
  value = pass (pair.client, pair.server, 8 * MIB, 1);
  g_assert_cmpuint (get_data_size () - begin, <, 4 * MIB);
  g_assert_no_errno (getrlimit (RLIMIT_DATA, &before));
  limited = before;
  limited.rlim_cur = begin + 100 * MIB;
  g_assert_no_errno (setrlimit (RLIMIT_DATA, &limited));
  overwrite (value, 2);
  g_assert_cmpuint (get_data_size () - begin, >=, 8 * MIB);
  g_clear_pointer (&value, g_variant_unref);
  g_assert_cmpuint (get_data_size () - begin, <, 4 * MIB);
  value = pass (pair.client, pair.server, 8 * MIB, 3);
  g_assert_true (is_all (value, 3));
  g_assert_no_errno (setrlimit (RLIMIT_DATA, &before));
  test_pair_clear (&pair);
}

typedef struct {
  TestPair pair;
  gint is_over; /* atomic */
} Traffic;

static gpointer
pass_thread (gpointer data)
{
  Traffic *self = data;

  for (guint8 i = 1; !g_atomic_int_get (&self->is_over); i++)
    {
      g_autoptr (GVariant) value = pass (self->pair.client, self->pair.server, BIG + i, i);

      g_assert_true (is_all (value, i));
      if (i % 2 == 0)
        overwrite (value, 0);
    }
  return NULL;
}

/* Another thread keeps receiving, writing and dropping. Neither it nor the children see a page
 * of somebody else. */
static void
test_threads (void)
{
  Traffic traffic = { .is_over = FALSE };
  g_autoptr (GVariant) value = NULL;
  GThread *thread;

  test_pair_init (&traffic.pair, 64 * MIB);
  value = pass (traffic.pair.client, traffic.pair.server, BIG, 99);
  thread = g_thread_new ("passes", pass_thread, &traffic);
  for (guint i = 0; i < 20; i++)
    {
      Child child;

      if (child_fork (&child))
        _exit (is_all (value, 99) ? 0 : 1);
      child_await (&child);
      g_assert_true (is_all (value, 99));
    }
  g_atomic_int_set (&traffic.is_over, TRUE);
  g_thread_join (thread);
  g_clear_pointer (&value, g_variant_unref);
  test_pair_clear (&traffic.pair);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/forked-values/child-keeps", test_child_keeps);
  gmp_test_add ("/forked-values/parent-keeps", test_parent_keeps);
  gmp_test_add ("/forked-values/generations", test_generations);
  gmp_test_add ("/forked-values/no-memory", test_no_memory);
  gmp_test_add ("/forked-values/data-size", test_data_size);
  gmp_test_add ("/forked-values/threads", test_threads);
  return g_test_run ();
}
