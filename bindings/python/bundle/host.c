/* host.c: the program of native workers in a wheel with its own GLib
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The real program is a library in the folder of the bundle. Users' libraries find symbols in it
 * as in a program that is linked to GLib. */
int
main (int    argc,
      char **argv)
{
  char folder[PATH_MAX + sizeof "/bundle"];
  char reason[1024];
  ssize_t size = readlink ("/proc/self/exe", folder, PATH_MAX);
  int (*run) (int, char **);
  void *module;

  if (size <= 0 || size >= PATH_MAX)
    {
      fprintf (stderr, "%s: /proc/self/exe cannot be read: is /proc mounted?\n", argv[0]);
      return EXIT_FAILURE;
    }
  folder[size] = '\0';
  strcpy (strrchr (folder, '/'), "/bundle");
  module = bundle_load (folder, "gmproc-native-host.so", RTLD_NOW | RTLD_GLOBAL, reason);
  if (module == NULL)
    {
      fprintf (stderr, "%s: %s\n", argv[0], reason);
      return EXIT_FAILURE;
    }
  *(void **) &run = dlsym (module, "main");
  return run (argc, argv);
}
