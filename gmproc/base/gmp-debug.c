/* gmp-debug.c: the lines of GMPROC_DEBUG
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-debug-private.h"

#include "base/gmp-environment-private.h"

#include <stdio.h>
#include <unistd.h>

void
gmp_debug (const char *format,
           ...)
{
  static int enabled = -1;
  g_autofree char *message = NULL;
  va_list args;

  if (g_atomic_int_get (&enabled) == -1)
    {
      const char *value = gmp_environment_get ("GMPROC_DEBUG");

      g_atomic_int_set (&enabled, value != NULL && !g_str_equal (value, "0"));
    }
  if (!g_atomic_int_get (&enabled))
    return;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "gmproc[%d] %.3f ms: %s\n", (int) getpid (),
           g_get_monotonic_time () / 1000.0, message);
}
