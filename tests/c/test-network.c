/* test-network.c: preloaded, a network that refuses or misleads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * TEST_NETWORK is CALL=NUMBER: what bind, connect, or each connect after the first one (reconnect)
 * does. A positive number is its error. A negative one is a port of this machine, which it reaches
 * instead of the one that it names.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
is_internet (const struct sockaddr *address)
{
  return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

/* The number of TEST_NETWORK, if it is about @call; otherwise 0. */
static int
get_way (const char *call)
{
  const char *way = getenv ("TEST_NETWORK");
  size_t n = strlen (call);

  return way != NULL && strncmp (way, call, n) == 0 && way[n] == '=' ? atoi (way + n + 1) : 0;
}

static int
fail (int number)
{
  errno = number;
  return -1;
}

/* To the same machine, over the socket's own family. */
static int
connect_here (int                    fd,
              const struct sockaddr *address,
              int                    port)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons ((uint16_t) port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) port),
                              .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };

  if (address->sa_family == AF_INET6)
    return (int) syscall (SYS_connect, fd, &six, sizeof six);
  return (int) syscall (SYS_connect, fd, &four, sizeof four);
}

int
bind (int                    fd,
      const struct sockaddr *address,
      socklen_t              size)
{
  if (is_internet (address) && get_way ("bind") != 0)
    return fail (get_way ("bind"));
  return (int) syscall (SYS_bind, fd, address, size);
}

int
connect (int                    fd,
         const struct sockaddr *address,
         socklen_t              size)
{
  static int n_calls;
  int way = get_way (n_calls > 0 ? "reconnect" : "connect");

  if (way == 0)
    way = get_way ("connect");
  if (is_internet (address))
    n_calls++;
  if (!is_internet (address) || way == 0)
    return (int) syscall (SYS_connect, fd, address, size);
  return way > 0 ? fail (way) : connect_here (fd, address, -way);
}
