/* gmp-remote-lookup-private.h: the search for the address of a game's host
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* Games listen on IPv4 only, while a name may resolve to an IPv6 address first. */
#define GMP_REMOTE_LOOKUP G_RESOLVER_NAME_LOOKUP_FLAGS_IPV4_ONLY

GList *gmp_remote_lookup (const char   *host,
                          double        timeout,
                          GCancellable *cancellable,
                          GError      **error);

G_END_DECLS
