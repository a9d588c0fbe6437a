/* module.c: the module _gmproc of a wheel with its own GLib
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <Python.h>

#include "load.h"

#include <dlfcn.h>
#include <string.h>

PyMODINIT_FUNC PyInit__gmproc (void);

static PyObject *
fail (const char *reason)
{
  return PyErr_Format (PyExc_ImportError, "gmproc cannot be loaded: %s", reason);
}

/* The real module is in the folder of the bundle. */
PyMODINIT_FUNC
PyInit__gmproc (void)
{
  char folder[PATH_MAX];
  char reason[1024];
  Dl_info here;
  const char *slash;
  PyObject *(*init) (void);
  void *module;

  if (dladdr ((void *) PyInit__gmproc, &here) == 0 ||
      (slash = strrchr (here.dli_fname, '/')) == NULL ||
      snprintf (folder, sizeof folder, "%.*s/gmproc/bundle", (int) (slash - here.dli_fname),
                here.dli_fname) >= (int) sizeof folder)
    return fail ("its folder is not known");
  module = bundle_load (folder, REAL_MODULE, RTLD_NOW, reason);
  if (module == NULL)
    return fail (reason);
  *(void **) &init = dlsym (module, "PyInit__gmproc");
  return init != NULL ? init () : fail ("its module is of another version");
}
