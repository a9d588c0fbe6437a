/* gmp-pidfd-private.h: the system calls of pidfds, which glibc has since 2.36 and musl has not
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-limit-private.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

G_BEGIN_DECLS

/* Linux 5.3 and 5.1. These two have the same numbers on all architectures that are older than
 * them. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

/* Old sandboxes answer EPERM to unknown system calls, others EACCES. A process may open and signal
 * the processes that it started, so these have no other meaning here. */
static inline int
gmp_pidfd_check (long result)
{
  if (result == -1 && gmp_limit_is_sandbox (errno))
    errno = ENOSYS;
  return (int) result;
}

static inline int
gmp_pidfd_open (pid_t        pid,
                unsigned int flags)
{
  return gmp_pidfd_check (syscall (SYS_pidfd_open, pid, flags));
}

static inline int
gmp_pidfd_send_signal (int          pidfd,
                       int          signum,
                       siginfo_t   *info,
                       unsigned int flags)
{
  return gmp_pidfd_check (syscall (SYS_pidfd_send_signal, pidfd, signum, info, flags));
}

G_END_DECLS
