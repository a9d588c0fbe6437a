/* gmp-signals.c: signals that a language handles while the library waits
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-signals-private.h"

/* One for each thread: the language decides in which of its threads handlers run. */
static _Thread_local struct {
  GmpSignalsFunc handle; /* (nullable): nothing is watched */
  int fd;
  gpointer user_data;
} watch;

/**
 * gmp_signals_watch:
 * @fd: a descriptor that is readable while signals wait to be handled
 * @handle: (nullable) (scope forever) (closure user_data): handles them; %NULL to watch no more
 * @user_data: for @handle
 *
 * Makes blocking calls of this thread run the signal handlers of a language. This is for language
 * bindings.
 *
 * An interpreter such as Python's only records a signal when it arrives, and runs its handler
 * later, between two of its instructions. While this library waits, the interpreter executes none.
 * The library therefore watches @fd, to which the interpreter writes, and calls @handle. When a
 * handler fails, the blocking call ends with that error: in the application its workers are
 * stopped, and a second failure kills them; in a worker, the worker fails.
 *
 * This counts for blocking runs that begin after this call, and for the servers and clients that
 * begin their life cycle in this thread. The descriptor stays the caller's, and has to stay open
 * until they have ended.
 *
 * Since: 0.1
 */
void
gmp_signals_watch (int            fd,
                   GmpSignalsFunc handle,
                   gpointer       user_data)
{
  g_return_if_fail (handle == NULL || fd >= 0);

  watch.fd = fd;
  watch.handle = handle;
  watch.user_data = user_data;
}

/* -1 if this thread watches nothing. */
int
gmp_signals_get_fd (void)
{
  return watch.handle != NULL ? watch.fd : -1;
}

gboolean
gmp_signals_handle (GError **error)
{
  return watch.handle == NULL || watch.handle (watch.user_data, error);
}
