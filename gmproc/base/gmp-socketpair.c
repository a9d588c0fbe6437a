/* gmp-socketpair.c: the two ends of a private connection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-socketpair-private.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"

gboolean
gmp_socketpair_open (int      fds[2],
                     GError **error)
{
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot create a socket for a worker: %s%s",
               g_strerror (errno), gmp_limit_describe (errno));
  return FALSE;
}
