/* gmp-fork.c: detects that this process was forked from the creator of an object
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-fork-private.h"

#include <pthread.h>

/* Written only in the child of a fork, which has one thread. */
guint gmp_fork_generation;

_Thread_local gboolean gmp_fork_is_launch;

static void
forked_cb (void)
{
  gmp_fork_generation++;
}

/* Runs when the library is loaded, so that no fork is missed and reading costs one load. */
__attribute__ ((constructor)) static void
watch_forks (void)
{
  pthread_atfork (NULL, NULL, forked_cb);
}
