/* gmp-thread.c: threads of the library's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-thread-private.h"

#include <signal.h>

/* A thread that runs no code of the user, and handles no signals. The program handles them in its
 * own threads: CPython, for one, may not notice until much later what another thread has taken. */
GThread *
gmp_thread_try_new (const char  *name,
                    GThreadFunc  function,
                    gpointer     data,
                    GError     **error)
{
  GThread *result;
  sigset_t all;
  sigset_t old;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  result = g_thread_try_new (name, function, data, error);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return result;
}
