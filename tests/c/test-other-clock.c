/* test-other-clock.c: preloaded, a clock that is eleven years ahead
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define AHEAD (11L * 365 * 24 * 60 * 60)

time_t time          (time_t          *result);
int    clock_gettime (clockid_t        clock,
                      struct timespec *result);
int    gettimeofday  (struct timeval  *result,
                      void            *zone);

int
clock_gettime (clockid_t        clock,
               struct timespec *result)
{
  int code = (int) syscall (SYS_clock_gettime, clock, result);

  if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    result->tv_sec += AHEAD;
  return code;
}

int
gettimeofday (struct timeval *result,
              void           *zone)
{
  struct timespec now;
  int code = clock_gettime (CLOCK_REALTIME, &now);

  (void) zone;
  result->tv_sec = now.tv_sec;
  result->tv_usec = now.tv_nsec / 1000;
  return code;
}

time_t
time (time_t *result)
{
  struct timespec now;

  clock_gettime (CLOCK_REALTIME, &now);
  if (result != NULL)
    *result = now.tv_sec;
  return now.tv_sec;
}
