/* gmp-fork.c: whether this process was forked from the one that made an object
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-fork-private.h"

#include <pthread.h>

/* Written only in the child of a fork, which has one thread. */
static guint generation;

static void
forked_cb (void)
{
  generation++;
}

/* When the library is loaded, so that no fork is missed and reading costs a load. */
__attribute__ ((constructor)) static void
watch_forks (void)
{
  pthread_atfork (NULL, NULL, forked_cb);
}

/* How many forks lie between the process that loaded the library and this one. */
guint
gmp_fork_get_generation (void)
{
  return generation;
}
