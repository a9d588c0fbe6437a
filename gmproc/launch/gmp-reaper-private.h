/* gmp-reaper-private.h: notices the end of children, with the resources that they used
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/resource.h>

G_BEGIN_DECLS

/* A wait status for a process that ended in an unknown way; waitpid() never returns it. */
#define GMP_PROCESS_STATUS_UNKNOWN (-1)

/* Called once, in a thread of the reaper. */
typedef void (*GmpReaped) (int                  wait_status,
                           const struct rusage *usage,
                           gpointer             user_data);

gboolean gmp_reaper_begin (GError **error);
int      gmp_reaper_open  (int pid);
void     gmp_reaper_watch (int       pid,
                           int       pidfd,
                           GmpReaped reaped,
                           gpointer  user_data);

gboolean gmp_reaper_has_rival  (void);
gboolean gmp_reaper_try_thread (void);
void     gmp_reaper_attach     (GSource *source);
void     gmp_reaper_enter      (void);
void     gmp_reaper_leave      (void);
void     gmp_reaper_adopt      (int pid);

G_END_DECLS
