/* gmproc-native-host.c: the process of a native worker whose application is no native program
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <stdlib.h>

int
main (int    argc,
      char **argv)
{
  gmp_init (&argc, &argv);
  g_printerr ("%s is started by gmproc for workers that are functions or types of libraries; it "
              "has nothing to do when started by hand.\n", argv[0]);
  return EXIT_FAILURE;
}
