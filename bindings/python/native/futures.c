/* futures.c: futures that are settled in one step
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* TRUE if an attribute of a future is @expected, a borrowed reference. No code of Python runs. */
static gboolean
has_attribute (PyObject *future,
               PyObject *name,
               PyObject *expected)
{
  PyObject *value = PyObject_GetAttr (future, name);
  gboolean result = value == expected;

  Py_XDECREF (value);
  return result;
}

/* Attributes of a future, and values of its state. */
static struct {
  PyObject *state, *result, *sealed, *watch, *pending, *finished;
} names;

/* A future is either settled or gets its watch, in any thread. Unlike other locks, this may be held
 * while another thread sets an attribute of that future: the child of a fork opens it again. */
static NativeLock settling;

/* Gives @future its value, or the Variant in the place of @failure, if it is not watched. Checking
 * that and setting the state is one step, because futures.wait() relies on a state that does not
 * change while it has the lock. Returns FALSE, without an exception, if the future has to be
 * settled by its method. */
gboolean
native_settle (PyObject *future,
               PyObject *value,
               PyObject *failure)
{
  gboolean is_sealed = native_is_variant (failure);
  PyObject *name = is_sealed ? names.sealed : names.result;
  gboolean is_settled;

  if (!is_sealed && failure != Py_None)
    return FALSE;

  native_lock (&settling);
  is_settled = has_attribute (future, names.state, names.pending) &&
               has_attribute (future, names.watch, Py_None) &&
               PyObject_SetAttr (future, name, is_sealed ? failure : value) == 0 &&
               has_attribute (future, names.watch, Py_None) &&
               PyObject_SetAttr (future, names.state, names.finished) == 0;
  native_unlock (&settling);
  if (!is_settled)
    PyErr_Clear ();
  return is_settled;
}

/* (future, watch): returns the watch of a future, which is the given one if it had none. */
PyObject *
native_watch (PyObject *module G_GNUC_UNUSED,
              PyObject *args)
{
  PyObject *future, *made, *attributes, *watch;

  if (!PyArg_ParseTuple (args, "OO:watch", &future, &made))
    return NULL;
  attributes = PyObject_GenericGetDict (future, NULL);
  native_lock (&settling);
  watch = attributes != NULL ? PyDict_SetDefault (attributes, names.watch, made) : NULL;
  Py_XINCREF (watch);
  native_unlock (&settling);
  Py_XDECREF (attributes);
  return watch;
}

#ifdef Py_GIL_DISABLED
static void
open_again (void)
{
  settling = (NativeLock) { 0 };
}
#endif

int
native_futures_init (PyObject *module G_GNUC_UNUSED)
{
  names.state = PyUnicode_InternFromString ("_state");
  names.result = PyUnicode_InternFromString ("_result");
  names.sealed = PyUnicode_InternFromString ("_sealed");
  names.watch = PyUnicode_InternFromString ("_watch");
  names.pending = PyUnicode_InternFromString ("PENDING");
  names.finished = PyUnicode_InternFromString ("FINISHED");
#ifdef Py_GIL_DISABLED
  pthread_atfork (NULL, NULL, open_again);
#endif
  return PyErr_Occurred () != NULL ? -1 : 0;
}
