/* values.c: Python values as GVariants, and back
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* Between Python workers, numbers, short strings and bytes are sent as for all languages; arrays,
 * and containers of arrays and such values, are packed (packed.c); all other values are pickled,
 * which costs ten times as much. All values arrive exactly as they were. */

static GVariant *
dump_int (PyObject *value)
{
  int overflow;
  long long number = PyLong_AsLongLongAndOverflow (value, &overflow);

  return overflow == 0 ? g_variant_new_int64 (number) : NULL;
}

static GVariant *
dump_str (PyObject *value)
{
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize (value, &size);

  /* A GVariant cannot hold surrogates and NUL. */
  if (text == NULL)
    PyErr_Clear ();
  else if (size <= NATIVE_SMALL && strlen (text) == (gsize) size)
    return g_variant_new_string (text);
  return NULL;
}

/* NULL for values that need a pickle, including subclasses of these types. */
static GVariant *
dump_simple (PyObject *value)
{
  if (PyLong_CheckExact (value))
    return dump_int (value);
  if (PyFloat_CheckExact (value))
    return g_variant_new_double (PyFloat_AS_DOUBLE (value));
  if (PyUnicode_CheckExact (value))
    return dump_str (value);
  if (PyBytes_CheckExact (value))
    return native_bytes_new (value);
  if (PyBool_Check (value))
    return g_variant_new_boolean (value == Py_True);
  return NULL;
}

static gboolean
contains (PyObject   *data,
          const char *word)
{
  return memmem (PyBytes_AS_STRING (data), (gsize) PyBytes_GET_SIZE (data), word,
                 strlen (word)) != NULL;
}

static PyObject *buffer_callback, *buffers_name; /* tuples of names of arguments */
static PyObject *python_name;

int
native_values_init (void)
{
  buffer_callback = Py_BuildValue ("(s)", "buffer_callback");
  buffers_name = Py_BuildValue ("(s)", "buffers");
  python_name = PyUnicode_InternFromString ("python");
  native_packed_init ();
  return PyErr_Occurred () == NULL ? 0 : -1;
}

/* A pickle and its buffers, created by the helper; simple values do not need it. */
PyObject *
native_pickle_parts (PyObject *value,
                     gboolean  has_main)
{
  PyObject *buffers = PyList_New (0);
  PyObject *append = buffers != NULL ? PyObject_GetAttrString (buffers, "append") : NULL;
  PyObject *protocol = append != NULL ? PyLong_FromLong (5) : NULL;
  PyObject *arguments[] = { value, protocol, append };
  PyObject *data = NULL;
  PyObject *parts = NULL;

  if (protocol != NULL)
    data = PyObject_Vectorcall (native_helpers.dumps, arguments, 2, buffer_callback);
  if (data != NULL && PyList_GET_SIZE (buffers) == 0 &&
      (has_main || !contains (data, "__main__")) && !contains (data, "multiprocessing.connection"))
    parts = PyTuple_Pack (2, data, buffers);
  Py_XDECREF (data);
  Py_XDECREF (protocol);
  Py_XDECREF (append);
  Py_XDECREF (buffers);
  if (parts != NULL || !native_clear_refusal ())
    return parts;
  parts = PyObject_CallFunctionObjArgs (native_helpers.pickle, value,
                                        has_main ? Py_True : Py_False, NULL);
  if (parts == NULL || PyTuple_Check (parts))
    return parts;
  Py_DECREF (parts);
  return PyErr_Format (PyExc_TypeError, "a pickle and its buffers are needed");
}

static GVariant *
dump_pickle (PyObject *value,
             gboolean  has_main)
{
  PyObject *parts = PyObject_CallFunctionObjArgs (native_helpers.pickle, value,
                                                  has_main ? Py_True : Py_False, NULL);
  PyObject *data, *buffers;
  GVariant *variant = NULL;

  if (parts != NULL && PyArg_ParseTuple (parts, "OO!:pickle", &data, &PyList_Type, &buffers))
    variant = native_wrap ("gmproc.pickle", data, buffers);
  Py_XDECREF (parts);
  return variant;
}

/* The name of the runtime; a borrowed reference. */
PyObject *
native_python (void)
{
  return python_name;
}

static gboolean
is_python (PyObject *runtime)
{
  return PyUnicode_Check (runtime) && PyUnicode_CompareWithASCIIString (runtime, "python") == 0;
}

/* Sets @variant, NULL for None, to a reference that the caller releases. It may refer to memory of
 * @value until it is serialised. */
gboolean
native_dump (PyObject  *value,
             PyObject  *runtime,
             gboolean   has_main,
             GVariant **variant)
{
  GVariant *made;

  *variant = NULL;
  if (value == Py_None)
    return TRUE;
  if (!is_python (runtime))
    {
      *variant = native_dump_natural (value);
      return *variant != NULL;
    }
  made = dump_simple (value);
  if (made == NULL && PyErr_Occurred () == NULL)
    made = native_pack (value);
  if (made != NULL)
    *variant = g_variant_ref_sink (made);
  else if (PyErr_Occurred () == NULL)
    *variant = native_is_variant (value) ? native_get_variant (value)
                                         : dump_pickle (value, has_main);
  return *variant != NULL;
}

static PyObject *
load_pickle (GVariant *variant)
{
  PyObject *data, *buffers, *value;
  PyObject *arguments[2];

  if (!native_unwrap (variant, &data, &buffers))
    return NULL;
  arguments[0] = data;
  arguments[1] = buffers;
  value = PyObject_Vectorcall (g_variant_get_size (variant) < NATIVE_LARGE
                               ? native_helpers.unpickle : native_helpers.load_large,
                               arguments, 1, buffers_name);
  Py_DECREF (data);
  Py_DECREF (buffers);
  return value;
}

/* A call for a worker of a pool: (function, args, kwargs). */
PyObject *
native_load_work (GVariant *variant)
{
  PyObject *data, *work;

  if (variant != NULL && native_is_pickle (variant))
    work = load_pickle (variant);
  else if (variant != NULL && g_variant_is_of_type (variant, G_VARIANT_TYPE_BYTESTRING))
    {
      data = native_bytes_to_read (variant);
      work = data != NULL ? PyObject_CallOneArg (native_helpers.unpickle, data) : NULL;
      Py_XDECREF (data);
    }
  else
    return PyErr_Format (PyExc_ValueError, "The call of a pool should be a pickle");
  if (work == NULL || (PyTuple_Check (work) && PyTuple_GET_SIZE (work) == 3))
    return work;
  Py_DECREF (work);
  return PyErr_Format (PyExc_ValueError,
                       "The call of a pool should be a function and its arguments");
}

/* Unpickling can run any code, so values that do not come from Python are not unpickled. */
PyObject *
native_load (GVariant *variant,
             PyObject *runtime)
{
  if (variant == NULL)
    Py_RETURN_NONE;
  if (native_is_packed (variant) && is_python (runtime))
    return native_unpack (variant);
  if (native_is_pickle (variant))
    return is_python (runtime) ? load_pickle (variant)
                               : PyObject_CallOneArg (native_helpers.refuse, runtime);
  return native_load_natural (variant);
}
