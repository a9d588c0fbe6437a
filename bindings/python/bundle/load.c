/* load.c: loads modules that need GLib, with the system's GLib or with the bundled one
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>

/* There must be one GLib in a process: PyGObject, Qt and others load the system's, and objects pass
 * between them. The system's GLib is therefore tried first. The dynamic linker finds it, or has
 * loaded it before, and refuses it if it is too old, because libgmproc refers to a symbol that
 * older versions lack. A failed load leaves nothing behind. Only then are the libraries of the
 * bundle loaded. They are newer than the system's and have the same names, so that modules that are
 * loaded later use them too. */
static const char *const bundled[] = {
  "libglib-2.0.so.0", "libgmodule-2.0.so.0", "libgobject-2.0.so.0", "libgio-2.0.so.0",
};

static void *
load (const char *folder,
      const char *name,
      int         flags,
      char        reason[1024])
{
  char path[PATH_MAX];
  void *module = NULL;

  if (snprintf (path, sizeof path, "%s/%s", folder, name) < (int) sizeof path)
    module = dlopen (path, flags);
  if (module == NULL)
    {
      const char *error = dlerror ();

      snprintf (reason, 1024, "%s", error != NULL ? error : "its path is too long");
    }
  return module;
}

/* TRUE if a GLib is loaded already, which then is too old. */
static int
is_loaded (char reason[1024])
{
  void *glib = dlopen (bundled[0], RTLD_LAZY | RTLD_NOLOAD);
  const unsigned int *minor = glib != NULL ? dlsym (glib, "glib_minor_version") : NULL;

  if (minor == NULL)
    return 0;
  snprintf (reason, 1024,
            "GLib 2.%u is loaded in this process already, and gmproc needs 2.74: import gmproc "
            "first, so that the GLib that it brings along is used", *minor);
  return 1;
}

void *
bundle_load (const char *folder,
             const char *name,
             int         flags,
             char        reason[1024])
{
  /* PyGObject may have loaded the system's. */
  int has_library = dlopen ("libgmproc-1.so.0", RTLD_LAZY | RTLD_NOLOAD) != NULL ||
                    load (folder, "../libgmproc-1.so.0", flags, reason) != NULL;

  if (!has_library)
    {
      if (is_loaded (reason))
        return NULL;
      for (size_t i = 0; i < sizeof bundled / sizeof bundled[0]; i++)
        if (load (folder, bundled[i], flags, reason) == NULL)
          return NULL;
      if (load (folder, "../libgmproc-1.so.0", flags, reason) == NULL)
        return NULL;
    }
  return load (folder, name, flags, reason);
}
