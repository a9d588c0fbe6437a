/* errors.c: errors of the library as exceptions of Python, and the other way round
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

PyObject *
native_box_error (const GError *error)
{
  if (error == NULL)
    Py_RETURN_NONE;
  return PyObject_CallFunction (native_helpers.error, "ssi", error->message,
                                g_quark_to_string (error->domain), error->code);
}

/* Takes ownership of @error, and returns NULL. */
PyObject *
native_raise (GError *error)
{
  PyObject *boxed = native_box_error (error);

  g_clear_error (&error);
  if (boxed != NULL)
    PyErr_SetObject ((PyObject *) Py_TYPE (boxed), boxed);
  Py_XDECREF (boxed);
  return NULL;
}

/* Sets @error from a Python GError. @made is NULL if that could not be created. */
void
native_to_gerror (PyObject *made,
                  GError  **error)
{
  PyObject *domain = NULL, *code = NULL, *message = NULL;

  PyErr_Clear ();
  if (made != NULL)
    {
      domain = PyObject_GetAttrString (made, "domain");
      code = PyObject_GetAttrString (made, "code");
      message = PyObject_GetAttrString (made, "message");
    }
  if (domain != NULL && code != NULL && message != NULL && PyUnicode_AsUTF8 (domain) != NULL &&
      PyUnicode_AsUTF8 (message) != NULL)
    g_set_error_literal (error, g_quark_from_string (PyUnicode_AsUTF8 (domain)),
                         (int) PyLong_AsLong (code), PyUnicode_AsUTF8 (message));
  else
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED,
                         "An exception was raised that cannot be described");
  PyErr_Clear ();
  Py_XDECREF (message);
  Py_XDECREF (code);
  Py_XDECREF (domain);
}

/* Where the program has changed what the package needs to describe an exception. */
static void
name_exception (PyObject *exception,
                GError  **error)
{
  PyObject *text = exception != NULL ? PyObject_Str (exception) : NULL;
  const char *words = text != NULL ? PyUnicode_AsUTF8 (text) : NULL;

  g_set_error (error, GMP_ERROR, GMP_ERROR_FAILED, "%s: %s (without a traceback, because that "
               "could not be made)", exception != NULL ? Py_TYPE (exception)->tp_name : "Exception",
               words != NULL ? words : "");
  PyErr_Clear ();
  Py_XDECREF (text);
}

/* In a worker: moves the Python exception to @error. @context, a format for @peer, describes the
 * use of a value that cannot be sent or read. */
void
native_take_exception (GError    **error,
                       const char *context,
                       const char *peer)
{
  PyObject *type, *exception, *trace;
  PyObject *text, *made;

  gmp_host_end_forked ();
  /* Formatting must not run while an exception is set. */
  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  text = context != NULL ? PyUnicode_FromFormat (context, peer) : Py_NewRef (Py_None);
  Py_XINCREF (exception);
  PyErr_Restore (type, exception, trace);
  made = native_give_exception (native_helpers.fail, NULL, text);
  if (made != NULL)
    native_to_gerror (made, error);
  else
    name_exception (exception, error);
  Py_XDECREF (made);
  Py_XDECREF (exception);
  Py_XDECREF (text);
}

/* The codes of GMP_ERROR, by their names in Python. */
PyObject *
native_list_codes (void)
{
  GEnumClass *codes = g_type_class_ref (GMP_TYPE_ERROR);
  PyObject *dict = PyDict_New ();

  for (guint i = 0; dict != NULL && i < codes->n_values; i++)
    {
      g_autofree char *name = g_ascii_strup (codes->values[i].value_nick, -1);
      PyObject *code = PyLong_FromLong (codes->values[i].value);

      if (code == NULL || PyDict_SetItemString (dict, g_strdelimit (name, "-", '_'), code) == -1)
        Py_CLEAR (dict);
      Py_XDECREF (code);
    }
  g_type_class_unref (codes);
  return dict;
}
