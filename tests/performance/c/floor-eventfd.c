/* floor-eventfd.c: an int in shared memory, and an eventfd in each direction to poll for
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* The system calls order these writes. */
static struct { gint32 request, response; } *shared;
static int request_bell, response_bell;

static void
ring (int bell)
{
  guint64 one = 1;

  if (write (bell, &one, sizeof one) != sizeof one)
    work_fail ("eventfd: %s", g_strerror (errno));
}

static void
await (int bell)
{
  struct pollfd poll_fd = { .fd = bell, .events = POLLIN };
  guint64 count;

  while (read (bell, &count, sizeof count) != sizeof count)
    if (poll (&poll_fd, 1, -1) < 0 && errno != EINTR)
      work_fail ("poll: %s", g_strerror (errno));
}

static void
eventfd_open (guint n_clients,
              gsize max_size G_GNUC_UNUSED)
{
  if (n_clients != 1)
    work_fail ("One client, not %u", n_clients);
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  request_bell = eventfd (0, EFD_NONBLOCK);
  response_bell = eventfd (0, EFD_NONBLOCK);
  if (shared == MAP_FAILED || request_bell < 0 || response_bell < 0)
    work_fail ("No shared memory or no eventfd");
}

static void
eventfd_serve (void)
{
  while (!peer_is_over ())
    {
      await (request_bell);
      memcpy (&shared->response, peer_answer (&shared->request, sizeof shared->request).data,
              sizeof shared->response);
      ring (response_bell);
    }
}

static void
eventfd_join (guint client G_GNUC_UNUSED)
{
}

static PeerMessage
eventfd_ask (gconstpointer request,
             gsize         size)
{
  if (size != sizeof shared->request)
    work_fail ("Ints only");
  memcpy (&shared->request, request, size);
  ring (request_bell);
  await (response_bell);
  return (PeerMessage) { &shared->response, sizeof shared->response };
}

static const Peer peer = { eventfd_open, eventfd_serve, eventfd_join, eventfd_ask };

int
main (int    argc,
      char **argv)
{
  return peer_main (&peer, argc, argv);
}
