/* gmp-version.c: which version this is
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-version.h"

/* Makes the dynamic linker refuse a GLib that is too old: GLib has this function since 2.74. */
static const gpointer needed __attribute__ ((used)) = (gpointer) (g_atomic_int_exchange);

/**
 * gmp_get_version_string:
 *
 * The version of the library that the program runs with, which may be later than the headers' one.
 *
 * Returns: three numbers with dots between them
 *
 * Since: 0.1
 */
const char *
gmp_get_version_string (void)
{
  return G_STRINGIFY (GMP_MAJOR_VERSION) "." G_STRINGIFY (GMP_MINOR_VERSION) "."
         G_STRINGIFY (GMP_MICRO_VERSION);
}
