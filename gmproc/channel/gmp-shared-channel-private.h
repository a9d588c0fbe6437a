/* gmp-shared-channel-private.h: a channel in shared memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"
#include "channel/gmp-memory-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_SHARED_CHANNEL (gmp_shared_channel_get_type ())
G_DECLARE_FINAL_TYPE (GmpSharedChannel, gmp_shared_channel, GMP, SHARED_CHANNEL, GmpChannel)

/* The descriptors of one end. */
enum {
  GMP_SHARED_MEMFD,   /* the same for both */
  GMP_SHARED_BELL_IN,  /* an epoll that watches the other end's eventfd */
  GMP_SHARED_BELL_OUT, /* an eventfd that only this end holds */
  GMP_SHARED_LIFELINE, /* one of two sockets; it hangs up when the other end's process has ended */
  GMP_SHARED_N_FDS
};

gboolean    gmp_shared_channel_new_fds (gsize         arena_size,
                                        guint         n_workers,
                                        int           client_fds[GMP_SHARED_N_FDS],
                                        int           server_fds[GMP_SHARED_N_FDS],
                                        GError      **error);
GmpChannel *gmp_shared_channel_new     (const int     fds[GMP_SHARED_N_FDS],
                                        GmpEnd        end,
                                        GError      **error);

G_END_DECLS
