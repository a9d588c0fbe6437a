/* test-pair.c: both ends of a channel in shared memory, in one process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-pair.h"

#include "gmp-test.h"

#include <fcntl.h>
#include <unistd.h>

/* Each side has an arena of @arena_size bytes. */
void
test_pair_init (TestPair *self,
                gsize     arena_size)
{
  g_autoptr (GError) error = NULL;
  int client_fds[GMP_SHARED_N_FDS];
  int server_fds[GMP_SHARED_N_FDS];

  gmp_shared_channel_new_fds (arena_size, 2, client_fds, server_fds, &error);
  g_assert_no_error (error);
  self->fd = fcntl (client_fds[GMP_SHARED_MEMFD], F_DUPFD_CLOEXEC, 0);
  self->memory = gmp_memory_map (self->fd, GMP_END_CLIENT, &error);
  self->client = gmp_shared_channel_new (client_fds, GMP_END_CLIENT, &error);
  self->server = gmp_shared_channel_new (server_fds, GMP_END_SERVER, &error);
  g_assert_no_error (error);
}

void
test_pair_clear (TestPair *self)
{
  g_clear_object (&self->client);
  g_clear_object (&self->server);
  gmp_memory_unref (self->memory);
  close (self->fd);
}

/* An array of bytes that count from @first. */
GVariant *
test_new_bytes (gsize  size,
                guint8 first)
{
  guint8 *bytes = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) (first + i % 251);
  return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE,
                                                      g_free, bytes));
}

void
test_pair_send (TestPair *self,
                GVariant *value)
{
  g_autoptr (GError) error = NULL;

  gmp_channel_send (self->client, value, &error);
  g_assert_no_error (error);
}

/* Receives at the server; the client sends meanwhile what it had no room for. */
GVariant *
test_pair_receive (TestPair *self)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = NULL;
  GmpChannelStatus status;

  while ((status = gmp_channel_receive (self->server, &value, &error)) == GMP_CHANNEL_EMPTY)
    {
      GVariant *none = NULL;

      gmp_channel_receive (self->client, &none, &error);
      g_assert_no_error (error);
    }
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, GMP_CHANNEL_PAYLOAD);
  return value;
}

/* Checks that the server receives what the client sends. Consumes @value, floating or not. */
void
test_pair_check_same (TestPair *self,
                      GVariant *value)
{
  g_autoptr (GVariant) sunk = g_variant_take_ref (value);
  g_autoptr (GVariant) received = NULL;

  test_pair_send (self, sunk);
  received = test_pair_receive (self);
  g_assert_cmpstr (g_variant_get_type_string (received), ==, g_variant_get_type_string (sunk));
  g_assert_true (gmp_test_is_same (sunk, received));
}
