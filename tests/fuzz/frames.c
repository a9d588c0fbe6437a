/* frames.c: fuzz target: bytes that one end of a shared channel writes into its ring
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "channel/gmp-shared-channel-private.h"

#include <string.h>
#include <unistd.h>

/* The input: the bytes of the ring. */

static void
close_all (const int *fds)
{
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    close (fds[i]);
}

static void
receive_all (GmpChannel *channel)
{
  GmpChannelStatus status;
  gboolean is_open = TRUE;

  while (is_open)
    {
      g_autoptr (GVariant) payload = NULL;
      g_autoptr (GError) error = NULL;

      status = gmp_channel_receive (channel, &payload, &error);
      is_open = status == GMP_CHANNEL_PAYLOAD;
      if (status == GMP_CHANNEL_CLOSED)
        fuzz_check_error (error);
      else
        g_assert_no_error (error);
      if (payload != NULL)
        fuzz_use_value (payload);
      /* Echoes values until there is no room, because nothing reads the echoes. This ends a ring
       * that is full of records and is read repeatedly. */
      if (is_open)
        gmp_channel_send (channel, payload, NULL);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  g_autoptr (GmpChannel) channel = NULL;
  g_autoptr (GmpMemory) memory = NULL;
  g_autoptr (GError) error = NULL;
  int client_fds[GMP_SHARED_N_FDS];
  int server_fds[GMP_SHARED_N_FDS];

  gmp_shared_channel_new_fds (GMP_MEMORY_PART, 2, client_fds, server_fds, &error);
  g_assert_no_error (error);
  memory = gmp_memory_map (client_fds[GMP_SHARED_MEMFD], GMP_END_CLIENT, &error);
  g_assert_no_error (error);
  channel = gmp_shared_channel_new (server_fds, GMP_END_SERVER, &error);
  g_assert_no_error (error);

  fuzz_take (&input, memory->rings[GMP_END_CLIENT], GMP_MEMORY_RING_SIZE);
  receive_all (channel);
  /* The end of the other process, after which nothing can come. */
  close_all (client_fds);
  gmp_channel_close (channel, NULL);
  return 0;
}
