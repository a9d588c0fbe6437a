/* natural.c: Python values as GVariants that every language reads, and back
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* _natural.py has the table of conversions. The most common types are handled here; the rest,
 * numpy's arrays and all refused values, is left to Python. */

/* The first member of an object that only JavaScript has. */
#define OF_JAVASCRIPT "gmproc.js."

static GVariant *dump_value (PyObject *value);

/* A Variant by dump_other(), which raises an exception for a value that cannot be sent. */
static GVariant *
dump_other (PyObject *value,
            gboolean  contains_itself)
{
  PyObject *boxed = PyObject_CallFunctionObjArgs (native_helpers.dump_other, value,
                                                  contains_itself ? Py_True : Py_False, NULL);
  GVariant *variant = boxed != NULL ? native_get_variant (boxed) : NULL;

  Py_XDECREF (boxed);
  return variant;
}

static GVariant *
dump_int (PyObject *value)
{
  int overflow;
  long long number = PyLong_AsLongLongAndOverflow (value, &overflow);
  unsigned long long big;

  if (overflow == 0 && number >= G_MININT32 && number <= G_MAXINT32)
    return g_variant_new_int32 ((gint32) number);
  if (overflow == 0)
    return g_variant_new_int64 (number);
  big = overflow > 0 ? PyLong_AsUnsignedLongLong (value) : 0;
  if (overflow > 0 && PyErr_Occurred () == NULL)
    return g_variant_new_uint64 (big);
  PyErr_Clear ();
  return dump_other (value, FALSE);
}

/* NULL without an exception for text that GVariant cannot hold. */
static GVariant *
dump_str (PyObject *value)
{
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize (value, &size);

  if (text != NULL && strlen (text) == (gsize) size)
    return g_variant_new_string (text);
  PyErr_Clear ();
  return NULL;
}

static GVariant *
dump_bytes (PyObject *value)
{
  PyObject *bytes = PyBytes_FromObject (value);
  GVariant *variant = bytes != NULL ? native_bytes_new (bytes) : NULL;

  Py_XDECREF (bytes);
  return variant;
}

/* Adds the members of a list or tuple, of a list each as a v. Other threads may change it while a
 * member is looked at. */
static gboolean
dump_members (PyObject  *sequence,
              gboolean   is_list,
              GPtrArray *children)
{
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE (sequence); i++)
    {
      PyObject *member = Py_NewRef (PySequence_Fast_GET_ITEM (sequence, i));
      GVariant *child = dump_value (member);

      Py_DECREF (member);
      if (child == NULL)
        return FALSE;
      g_ptr_array_add (children, is_list ? g_variant_ref_sink (g_variant_new_variant (child))
                                         : g_variant_ref (child));
      g_variant_unref (child);
    }
  return TRUE;
}

static GVariant *
dump_sequence (PyObject *value)
{
  gboolean is_list = PyList_Check (value);
  g_autoptr (GPtrArray) children =
    g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  gboolean result;

  Py_BEGIN_CRITICAL_SECTION (value);
  result = dump_members (value, is_list, children);
  Py_END_CRITICAL_SECTION ();
  if (!result)
    return NULL;
  return is_list ? g_variant_new_array (G_VARIANT_TYPE_VARIANT, (GVariant **) children->pdata,
                                        children->len)
                 : g_variant_new_tuple ((GVariant **) children->pdata, children->len);
}

/* Of a dict; NULL without an exception if it is not one. */
static GVariant *
dump_key (PyObject *key,
          gboolean  is_str)
{
  int overflow;
  long long number;

  if (is_str)
    return PyUnicode_Check (key) ? dump_str (key) : NULL;
  if (!PyLong_Check (key))
    return NULL;
  number = PyLong_AsLongLongAndOverflow (key, &overflow);
  return overflow == 0 ? g_variant_new_int64 (number) : NULL;
}

/* Adds an entry of a dict. FALSE, without an exception, if its key does not fit. */
static gboolean
dump_entry (PyObject  *key,
            gboolean   is_str,
            PyObject  *value,
            GPtrArray *entries)
{
  GVariant *name = dump_key (key, is_str);
  GVariant *child;

  if (name == NULL)
    return FALSE;
  child = dump_value (value);
  if (child != NULL)
    g_ptr_array_add (entries, g_variant_ref_sink (
      g_variant_new_dict_entry (name, g_variant_new_variant (child))));
  else
    g_variant_unref (g_variant_ref_sink (name));
  g_clear_pointer (&child, g_variant_unref);
  return PyErr_Occurred () == NULL;
}

/* Other threads may change the dict while an entry is looked at. */
static gboolean
dump_entries (PyObject  *dict,
              gboolean  *is_str,
              GPtrArray *entries)
{
  PyObject *key, *each;
  Py_ssize_t position = 0;
  gboolean result = TRUE;

  while (result && PyDict_Next (dict, &position, &key, &each))
    {
      if (entries->len == 0)
        *is_str = PyUnicode_Check (key);
      Py_INCREF (key);
      Py_INCREF (each);
      result = dump_entry (key, *is_str, each, entries);
      Py_DECREF (each);
      Py_DECREF (key);
    }
  return result;
}

static GVariant *
dump_dict (PyObject *value)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  gboolean is_str = TRUE;
  gboolean result;

  Py_BEGIN_CRITICAL_SECTION (value);
  result = dump_entries (value, &is_str, entries);
  Py_END_CRITICAL_SECTION ();
  if (!result)
    return PyErr_Occurred () == NULL ? dump_other (value, FALSE) : NULL;
  return g_variant_new_array (G_VARIANT_TYPE (is_str ? "{sv}" : "{xv}"),
                              (GVariant **) entries->pdata, entries->len);
}

static GVariant *
dump_any (PyObject *value)
{
  GVariant *text;

  if (value == Py_None)
    return g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL);
  if (PyBool_Check (value))
    return g_variant_new_boolean (value == Py_True);
  if (PyLong_Check (value))
    return dump_int (value);
  if (PyFloat_Check (value))
    return g_variant_new_double (PyFloat_AS_DOUBLE (value));
  if (PyUnicode_Check (value))
    return (text = dump_str (value)) != NULL ? text : dump_other (value, FALSE);
  if (PyBytes_Check (value) || PyByteArray_Check (value) || PyMemoryView_Check (value))
    return dump_bytes (value);
  if (PyList_Check (value) || PyTuple_Check (value))
    return dump_sequence (value);
  if (PyDict_Check (value))
    return dump_dict (value);
  if (native_is_variant (value))
    return native_get_variant (value);
  return dump_other (value, FALSE);
}

static GVariant *
dump_value (PyObject *value)
{
  GVariant *variant = NULL;

  if (Py_EnterRecursiveCall (" in a value for another language") == 0)
    {
      variant = dump_any (value);
      Py_LeaveRecursiveCall ();
    }
  return variant != NULL ? g_variant_take_ref (variant) : NULL;
}

GVariant *
native_dump_natural (PyObject *value)
{
  GVariant *variant = dump_value (value);

  if (variant == NULL && PyErr_ExceptionMatches (PyExc_RecursionError))
    {
      PyErr_Clear ();
      variant = dump_other (value, TRUE);
    }
  return variant;
}

static PyObject *
load_tuple (GVariant *variant)
{
  gsize n = g_variant_n_children (variant);
  PyObject *tuple = PyTuple_New ((Py_ssize_t) n);

  for (gsize i = 0; tuple != NULL && i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (variant, i);
      PyObject *member = native_load_natural (child);

      if (member == NULL)
        Py_CLEAR (tuple);
      else
        PyTuple_SET_ITEM (tuple, (Py_ssize_t) i, member);
    }
  return tuple;
}

/* A tuple, unless it represents an object that only JavaScript has. */
static PyObject *
load_members (GVariant *variant)
{
  PyObject *members = load_tuple (variant);
  PyObject *object;

  if (members == NULL || !g_str_equal (g_variant_get_type_string (variant), "(sv)"))
    return members;
  object = PyTuple_GET_ITEM (members, 0);
  if (!g_str_has_prefix (PyUnicode_AsUTF8 (object), OF_JAVASCRIPT))
    return members;
  object = PyObject_CallFunction (native_helpers.load_object, "sO",
                                  PyUnicode_AsUTF8 (object) + strlen (OF_JAVASCRIPT),
                                  PyTuple_GET_ITEM (members, 1));
  Py_DECREF (members);
  return object;
}

static PyObject *
load_dict (GVariant *variant)
{
  gsize n = g_variant_n_children (variant);
  PyObject *dict = PyDict_New ();

  for (gsize i = 0; dict != NULL && i < n; i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (variant, i);
      PyObject *pair = load_tuple (entry);

      if (pair == NULL || PyDict_SetItem (dict, PyTuple_GET_ITEM (pair, 0),
                                          PyTuple_GET_ITEM (pair, 1)) == -1)
        Py_CLEAR (dict);
      Py_XDECREF (pair);
    }
  return dict;
}

static PyObject *
load_number (const char  letter,
             const guint8 *data)
{
  switch (letter)
    {
    case 'b': return PyBool_FromLong (*data);
    case 'n': return PyLong_FromLong (*(const gint16 *) (gconstpointer) data);
    case 'q': return PyLong_FromLong (*(const guint16 *) (gconstpointer) data);
    case 'i': return PyLong_FromLong (*(const gint32 *) (gconstpointer) data);
    case 'u': return PyLong_FromUnsignedLong (*(const guint32 *) (gconstpointer) data);
    case 'x': return PyLong_FromLongLong (*(const gint64 *) (gconstpointer) data);
    case 't': return PyLong_FromUnsignedLongLong (*(const guint64 *) (gconstpointer) data);
    default: return PyFloat_FromDouble (*(const double *) (gconstpointer) data);
    }
}

/* @element: the letter of a type whose values have this size and are contiguous. */
static PyObject *
load_numbers (GVariant *variant,
              char      element,
              gsize     size)
{
  const guint8 *data = g_variant_get_data (variant);
  gsize n = g_variant_get_size (variant) / size;
  PyObject *list = PyList_New ((Py_ssize_t) n);

  for (gsize i = 0; list != NULL && i < n; i++)
    {
      PyObject *number = load_number (element, data + i * size);

      if (number == NULL)
        Py_CLEAR (list);
      else
        PyList_SET_ITEM (list, (Py_ssize_t) i, number);
    }
  return list;
}

static PyObject *
load_array (GVariant *variant)
{
  static const char letters[] = "bnqiuxtd";
  static const gsize sizes[] = { 1, 2, 2, 4, 4, 8, 8, 8 };
  const char *type = g_variant_get_type_string (variant) + 1;
  const char *found = type[1] == '\0' ? strchr (letters, *type) : NULL;
  PyObject *tuple, *list;

  if (g_str_equal (type, "y"))
    return PyBytes_FromStringAndSize (g_variant_get_data (variant),
                                      (Py_ssize_t) g_variant_get_size (variant));
  if (found != NULL)
    return load_numbers (variant, *type, sizes[found - letters]);
  if (*type == '{')
    return load_dict (variant);
  tuple = load_tuple (variant);
  list = tuple != NULL ? PySequence_List (tuple) : NULL;
  Py_XDECREF (tuple);
  return list;
}

/* A value in a v or an m. */
static PyObject *
load_inner (GVariant *variant)
{
  g_autoptr (GVariant) child = NULL;

  if (g_variant_n_children (variant) == 0)
    Py_RETURN_NONE;
  child = g_variant_get_child_value (variant, 0);
  return native_load_natural (child);
}

PyObject *
native_load_natural (GVariant *variant)
{
  switch (g_variant_classify (variant))
    {
    case G_VARIANT_CLASS_BOOLEAN: return PyBool_FromLong (g_variant_get_boolean (variant));
    case G_VARIANT_CLASS_BYTE: return PyLong_FromLong (g_variant_get_byte (variant));
    case G_VARIANT_CLASS_INT16: return PyLong_FromLong (g_variant_get_int16 (variant));
    case G_VARIANT_CLASS_UINT16: return PyLong_FromLong (g_variant_get_uint16 (variant));
    case G_VARIANT_CLASS_INT32: return PyLong_FromLong (g_variant_get_int32 (variant));
    case G_VARIANT_CLASS_UINT32: return PyLong_FromUnsignedLong (g_variant_get_uint32 (variant));
    case G_VARIANT_CLASS_INT64: return PyLong_FromLongLong (g_variant_get_int64 (variant));
    case G_VARIANT_CLASS_UINT64:
      return PyLong_FromUnsignedLongLong (g_variant_get_uint64 (variant));
    case G_VARIANT_CLASS_HANDLE: return PyLong_FromLong (g_variant_get_handle (variant));
    case G_VARIANT_CLASS_DOUBLE: return PyFloat_FromDouble (g_variant_get_double (variant));
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
      return PyUnicode_FromString (g_variant_get_string (variant, NULL));
    case G_VARIANT_CLASS_VARIANT:
    case G_VARIANT_CLASS_MAYBE: return load_inner (variant);
    case G_VARIANT_CLASS_ARRAY: return load_array (variant);
    case G_VARIANT_CLASS_TUPLE: return load_members (variant);
    case G_VARIANT_CLASS_DICT_ENTRY:
    default:
      return load_tuple (variant);
    }
}
