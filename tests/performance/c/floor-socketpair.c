/* floor-socketpair.c: a stream socket for each client, and epoll if there is more than one
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct { int server, client; } *pairs;
static guint n_pairs;
static int client_fd;
static guint8 *buffer;

static void
write_all (int           fd,
           gconstpointer data,
           gsize         size)
{
  for (gsize done = 0; done < size;)
    {
      ssize_t n = write (fd, (const guint8 *) data + done, size - done);

      if (n < 0 && errno != EINTR)
        work_fail ("write: %s", g_strerror (errno));
      done += MAX (n, 0);
    }
}

static void
read_all (int    fd,
          guint8 *data,
          gsize   size)
{
  for (gsize done = 0; done < size;)
    {
      ssize_t n = read (fd, data + done, size - done);

      if (n == 0 || (n < 0 && errno != EINTR))
        work_fail ("The other side is gone");
      done += MAX (n, 0);
    }
}

/* An int is sent as it is, which is fastest. Other messages begin with their size. */
static gboolean has_sizes;

static void
send_message (int           fd,
              gconstpointer data,
              gsize         size)
{
  if (has_sizes)
    write_all (fd, &size, sizeof size);
  write_all (fd, data, size);
}

static PeerMessage
receive_message (int fd)
{
  gsize size = sizeof (gint32);

  if (has_sizes)
    read_all (fd, (guint8 *) &size, sizeof size);
  read_all (fd, buffer, size);
  return (PeerMessage) { buffer, size };
}

static void
socketpair_open (guint n_clients,
                 gsize max_size)
{
  has_sizes = max_size > 64;
  buffer = g_malloc (max_size);
  n_pairs = n_clients;
  pairs = g_malloc_n (n_clients, sizeof *pairs);
  for (guint i = 0; i < n_clients; i++)
    {
      int fds[2];

      if (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        work_fail ("socketpair: %s", g_strerror (errno));
      pairs[i].server = fds[0];
      pairs[i].client = fds[1];
    }
}

static void
answer (int fd)
{
  PeerMessage request = receive_message (fd);
  PeerMessage response = peer_answer (request.data, request.size);

  send_message (fd, response.data, response.size);
}

static void
socketpair_serve (void)
{
  int epoll_fd = epoll_create1 (0);

  for (guint i = 0; i < n_pairs; i++)
    {
      struct epoll_event event = { .events = EPOLLIN, .data.fd = pairs[i].server };

      close (pairs[i].client);
      epoll_ctl (epoll_fd, EPOLL_CTL_ADD, pairs[i].server, &event);
    }
  while (!peer_is_over ())
    {
      struct epoll_event events[WORK_MAX_CLIENTS];
      int n = 1;

      /* With a single client there is nothing to look up. */
      if (n_pairs == 1)
        events[0].data.fd = pairs[0].server;
      else
        n = epoll_wait (epoll_fd, events, G_N_ELEMENTS (events), -1);
      for (int i = 0; i < n; i++)
        if (n_pairs == 1 || (events[i].events & EPOLLIN) != 0)
          answer (events[i].data.fd);
    }
}

static void
socketpair_join (guint client)
{
  client_fd = pairs[client].client;
  for (guint i = 0; i < n_pairs; i++)
    close (pairs[i].server);
}

static PeerMessage
socketpair_ask (gconstpointer request,
                gsize         size)
{
  send_message (client_fd, request, size);
  return receive_message (client_fd);
}

static const Peer peer = { socketpair_open, socketpair_serve, socketpair_join, socketpair_ask };

int
main (int    argc,
      char **argv)
{
  return peer_main (&peer, argc, argv);
}
