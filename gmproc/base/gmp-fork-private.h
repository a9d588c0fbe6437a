/* gmp-fork-private.h: detects that this process was forked from the creator of an object
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <pthread.h>

G_BEGIN_DECLS

/* Objects that own processes, threads or shared memory remember the generation in which they were
 * created. If it is not the current one, they belong to the parent: a child forgets them, and
 * neither terminates nor writes to anything of the parent. */
extern guint gmp_fork_generation;

/* TRUE while this thread starts a program: it forks, but the child only executes that program. */
extern _Thread_local gboolean gmp_fork_is_launch;

/* The number of forks between the process that loaded the library and this one. It is read for each
 * message, so it is not a function call. */
static inline guint
gmp_fork_get_generation (void)
{
  return gmp_fork_generation;
}

/* Calls @forget in each forked child, which has only the thread that forked: @forget drops what
 * belongs to the parent, and the locks that other threads held. */
#define GMP_FORK_FORGETS(forget)                \
  __attribute__ ((constructor)) static void     \
  watch_forks_to_##forget (void)                \
  {                                             \
    pthread_atfork (NULL, NULL, forget);        \
  }

/* Forks wait for a lock of G_LOCK_DEFINE_STATIC(), so that a child finds it free, and the data that
 * it protects consistent. */
#define GMP_FORK_WAITS_FOR(name)                                                \
  static void lock_##name (void) { G_LOCK (name); }                             \
  static void unlock_##name (void) { G_UNLOCK (name); }                         \
  __attribute__ ((constructor)) static void                                     \
  watch_forks_for_##name (void)                                                 \
  {                                                                             \
    pthread_atfork (lock_##name, unlock_##name, unlock_##name);                 \
  }

G_END_DECLS
