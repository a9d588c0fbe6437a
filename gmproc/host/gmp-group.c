/* gmp-group.c: the process group of a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-group-private.h"

#include "base/gmp-environment-private.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* If a worker has its own process group, its children can be killed with it. A debugger needs the
 * terminal's group. */
void
gmp_group_lead (void)
{
  if (gmp_environment_get ("GMPROC_WRAP") == NULL)
    setpgid (0, 0);
}

/* For a worker whose application has ended: kills the processes that it has started in its group.
 * The worker leaves the group first, so that it has its own exit status in case the application
 * still runs. If the group that it would join no longer exists, nothing reads the status. May be
 * called in a signal handler, and in any thread. */
void
gmp_group_exit (void)
{
  pid_t own = getpid ();

  if (getpgrp () == own)
    {
      setpgid (0, getpgid (getppid ()));
      kill (-own, SIGKILL);
    }
  _exit (EXIT_FAILURE);
}
