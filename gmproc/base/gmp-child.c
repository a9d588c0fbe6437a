/* gmp-child.c: waiting for a child that was a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-child-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* Waits for the child @pid, which has ended. If it failed or was killed, it may have left processes
 * behind in the process group that it led. They are killed before the wait, because until then no
 * other group can have this number.
 *
 * Returns %FALSE if there is nothing to wait for: the program ignores SIGCHLD, or another part of
 * it has waited for the child. */
gboolean
gmp_child_reap (int            pid,
                int           *wait_status,
                struct rusage *usage)
{
  siginfo_t info = { 0, };
  int result;

  if (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT) == 0 &&
      (info.si_code != CLD_EXITED || info.si_status != 0))
    kill (-pid, SIGKILL);
  do
    result = wait4 (pid, wait_status, 0, usage);
  while (result == -1 && errno == EINTR);
  return result == pid;
}
