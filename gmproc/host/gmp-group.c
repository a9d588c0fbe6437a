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

/* With a process group of its own, what a worker leaves behind when it is killed can be killed too.
 * A debugger needs the terminal's group. */
void
gmp_group_lead (void)
{
  if (gmp_environment_get ("GMPROC_WRAP") == NULL)
    setpgid (0, 0);
}

/* For a worker whose application is gone: the processes that it has started, and that are in its
 * group, go with it. It leaves the group before, so that its status is its own where the
 * application is there after all; where the group that it would go to is not there any more, nobody
 * asks for a status. May be called in a signal handler, and in any thread. */
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
