/* gmp-addresses.c: how this machine can be reached
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-addresses-private.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

/* The addresses of all interfaces that are up, loopback last, because a client tries them in
 * order. */
char **
gmp_addresses_list (void)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  g_autoptr (GPtrArray) own = g_ptr_array_new ();
  struct ifaddrs *first = NULL;
  char text[NI_MAXHOST];

  getifaddrs (&first);
  for (struct ifaddrs *place = first; place != NULL; place = place->ifa_next)
    {
      int family = place->ifa_addr != NULL ? place->ifa_addr->sa_family : AF_UNSPEC;
      socklen_t size = family == AF_INET ? 16 : 28;

      if ((family != AF_INET && family != AF_INET6) || (place->ifa_flags & IFF_UP) == 0 ||
          getnameinfo (place->ifa_addr, size, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0 ||
          strchr (text, '%') != NULL)
        continue;
      g_ptr_array_add ((place->ifa_flags & IFF_LOOPBACK) != 0 ? own : addresses, g_strdup (text));
    }
  if (first != NULL)
    freeifaddrs (first);
  g_ptr_array_extend_and_steal (addresses, g_steal_pointer (&own));
  g_ptr_array_add (addresses, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&addresses), FALSE);
}
