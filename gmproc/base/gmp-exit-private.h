/* gmp-exit-private.h: immediate exit of a process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <unistd.h>

#ifdef GMP_COVERAGE
void __gcov_dump (void);
#endif

/* The exit status of a process that cannot become a worker. It has printed the reason. This is
 * EX_OSERR of sysexits.h. */
#define GMP_EXIT_NO_WORKER 71

/* The same if it cannot create its thread. It prints nothing, because the application may start it
 * again when others have ended. This is EX_TEMPFAIL. */
#define GMP_EXIT_NO_THREAD 75

/* Writes the counts of a coverage measurement (tests/coverage/run), which _exit () would lose. Not
 * for signal handlers. */
static inline void
gmp_exit_prepare (void)
{
#ifdef GMP_COVERAGE
  __gcov_dump ();
#endif
}

/* Runs no handlers and destructors, because they do not expect that other threads still run. */
_Noreturn static inline void
gmp_exit_now (int status)
{
  gmp_exit_prepare ();
  _exit (status);
}
