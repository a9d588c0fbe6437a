/* gmp-exit-private.h: the end of a process, there and then
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <unistd.h>

#ifdef GMP_COVERAGE
void __gcov_dump (void);
#endif

/* The status of a process that was to be a worker, and cannot: what it printed says why. It is
 * EX_OSERR of sysexits.h. */
#define GMP_EXIT_NO_WORKER 71

/* The same for lack of a thread, of which it prints nothing: the application may have it wait for
 * others. It is EX_TEMPFAIL. */
#define GMP_EXIT_NO_THREAD 75

/* What was counted for a measurement of the tests (tests/coverage/run) is kept when a process ends
 * by _exit (). Not for signal handlers. */
static inline void
gmp_exit_prepare (void)
{
#ifdef GMP_COVERAGE
  __gcov_dump ();
#endif
}

/* Without handlers and destructors, which are not made for that: other threads still run. */
_Noreturn static inline void
gmp_exit_now (int status)
{
  gmp_exit_prepare ();
  _exit (status);
}
