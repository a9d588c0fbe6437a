/* floor-eventfd.c: an int in shared memory, and an eventfd in each direction to poll for
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/* The system calls order these writes. Each client has its own cache line. */
typedef struct {
  gint32 request, response;
  char unused[56];
} Place;

static Place *places;
static Place *own; /* of this client */
static int request_bells[WORK_MAX_CLIENTS], response_bells[WORK_MAX_CLIENTS];
static int request_bell, response_bell; /* of this client */
static guint n_places;
static guint n_running; /* clients that were not stopped */

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
  n_places = n_running = n_clients;
  places = mmap (NULL, n_clients * sizeof *places, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (places == MAP_FAILED)
    work_fail ("No shared memory");
  for (guint i = 0; i < n_clients; i++)
    {
      request_bells[i] = eventfd (0, EFD_NONBLOCK);
      response_bells[i] = eventfd (0, EFD_NONBLOCK);
      if (request_bells[i] < 0 || response_bells[i] < 0)
        work_fail ("No eventfd: %s", g_strerror (errno));
    }
}

static void
answer (guint client)
{
  Place *place = &places[client];

  memcpy (&place->response, peer_answer (&place->request, sizeof place->request).data,
          sizeof place->response);
  n_running -= place->response == WORK_STOP ? 1 : 0;
  ring (response_bells[client]);
}

/* Many clients take turns: a poll finds those that have rung. In a batch, all are answered
 * together. */
static void
serve_many (void)
{
  int epoll_fd = epoll_create1 (0);
  guint asking[WORK_MAX_CLIENTS];
  guint n_asking = 0;

  for (guint i = 0; i < n_places; i++)
    {
      struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = i };

      if (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, request_bells[i], &event) < 0)
        work_fail ("epoll: %s", g_strerror (errno));
    }
  while (!peer_is_over ())
    {
      struct epoll_event events[WORK_MAX_CLIENTS];
      int n = epoll_wait (epoll_fd, events, G_N_ELEMENTS (events), -1);

      for (int i = 0; i < n; i++)
        asking[n_asking++] = events[i].data.u32;
      if (peer_is_batch () && n_asking < n_running)
        continue;
      for (guint i = 0; i < n_asking; i++)
        answer (asking[i]);
      n_asking = 0;
    }
}

static void
eventfd_serve (void)
{
  if (n_places > 1)
    {
      serve_many ();
      return;
    }
  while (!peer_is_over ())
    {
      await (request_bells[0]);
      answer (0);
    }
}

static void
eventfd_join (guint client)
{
  own = &places[client];
  request_bell = request_bells[client];
  response_bell = response_bells[client];
}

static PeerMessage
eventfd_ask (gconstpointer request,
             gsize         size)
{
  if (size != sizeof own->request)
    work_fail ("Ints only");
  memcpy (&own->request, request, size);
  ring (request_bell);
  await (response_bell);
  return (PeerMessage) { &own->response, sizeof own->response };
}

static const Peer peer = { eventfd_open, eventfd_serve, eventfd_join, eventfd_ask };

int
main (int    argc,
      char **argv)
{
  return peer_main (&peer, argc, argv);
}
