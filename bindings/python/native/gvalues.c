/* gvalues.c: the values of properties and signals as Python objects
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* Decodes like file names and environment variables: bytes that are not Unicode are preserved. */
static char *
get_string (PyObject *object)
{
  PyObject *bytes;
  char *string = NULL;

  if (!PyUnicode_FSConverter (object, &bytes))
    return NULL;
  string = g_strdup (PyBytes_AS_STRING (bytes));
  Py_DECREF (bytes);
  return string;
}

/* A list of strings. */
char **
native_get_strings (PyObject *object)
{
  PyObject *items = PySequence_Tuple (object);
  g_autoptr (GStrvBuilder) strings = g_strv_builder_new ();

  for (Py_ssize_t i = 0; items != NULL && i < PyTuple_GET_SIZE (items); i++)
    {
      g_autofree char *string = get_string (PyTuple_GET_ITEM (items, i));

      if (string == NULL)
        Py_CLEAR (items);
      else
        g_strv_builder_add (strings, string);
    }
  if (items == NULL)
    return NULL;
  Py_DECREF (items);
  return g_strv_builder_end (strings);
}

static PyObject *
list_strings (char **strings)
{
  PyObject *list = PyList_New (0);

  for (char **each = strings; list != NULL && *each != NULL; each++)
    {
      PyObject *string = PyUnicode_DecodeFSDefault (*each);

      if (string == NULL || PyList_Append (list, string) == -1)
        Py_CLEAR (list);
      Py_XDECREF (string);
    }
  return list;
}

static PyObject *
from_boxed (const GValue *value)
{
  gpointer boxed = g_value_get_boxed (value);

  if (boxed == NULL)
    Py_RETURN_NONE;
  if (G_VALUE_HOLDS (value, G_TYPE_STRV))
    return list_strings (boxed);
  return native_box_error (boxed);
}

static PyObject *
from_enum (const GValue *value)
{
  GEnumClass *values = g_type_class_ref (G_VALUE_TYPE (value));
  const GEnumValue *found = g_enum_get_value (values, g_value_get_enum (value));
  PyObject *nick = PyUnicode_FromString (found != NULL ? found->value_nick : "");

  g_type_class_unref (values);
  return nick;
}

PyObject *
native_from_gvalue (const GValue *value)
{
  switch (G_TYPE_FUNDAMENTAL (G_VALUE_TYPE (value)))
    {
    case G_TYPE_BOOLEAN: return PyBool_FromLong (g_value_get_boolean (value));
    case G_TYPE_INT: return PyLong_FromLong (g_value_get_int (value));
    case G_TYPE_UINT: return PyLong_FromUnsignedLong (g_value_get_uint (value));
    case G_TYPE_UINT64: return PyLong_FromUnsignedLongLong (g_value_get_uint64 (value));
    case G_TYPE_DOUBLE: return PyFloat_FromDouble (g_value_get_double (value));
    case G_TYPE_ENUM: return from_enum (value);
    case G_TYPE_VARIANT: return native_box_variant (g_value_get_variant (value));
    case G_TYPE_BOXED: return from_boxed (value);
    case G_TYPE_OBJECT: return native_list_values (g_value_get_object (value));
    case G_TYPE_STRING:
      if (g_value_get_string (value) != NULL)
        return PyUnicode_DecodeFSDefault (g_value_get_string (value));
      break;
    default: break;
    }
  Py_RETURN_NONE;
}

/* By its nick. */
static void
to_enum (PyObject *object,
         GValue   *value)
{
  GEnumClass *values = g_type_class_ref (G_VALUE_TYPE (value));
  const char *nick = PyUnicode_Check (object) ? PyUnicode_AsUTF8 (object) : NULL;
  const GEnumValue *found = nick != NULL ? g_enum_get_value_by_nick (values, nick) : NULL;
  g_autoptr (GString) nicks = g_string_new (NULL);

  if (found != NULL)
    g_value_set_enum (value, found->value);
  for (guint i = 0; i < values->n_values; i++)
    g_string_append_printf (nicks, "%s'%s'", i == 0 ? "" : i + 1 < values->n_values ? ", " : " or ",
                            values->values[i].value_nick);
  if (found == NULL && PyErr_Occurred () == NULL)
    PyErr_Format (PyExc_ValueError, "it should be %s, not %R", nicks->str, object);
  g_type_class_unref (values);
}

/* @value is of the type of @spec. */
gboolean
native_to_gvalue (GParamSpec *spec,
                  PyObject   *object,
                  GValue     *value)
{
  g_value_init (value, spec->value_type);
  switch (G_TYPE_FUNDAMENTAL (spec->value_type))
    {
    case G_TYPE_BOOLEAN: g_value_set_boolean (value, PyObject_IsTrue (object) == 1); break;
    case G_TYPE_INT: g_value_set_int (value, (int) PyLong_AsLong (object)); break;
    case G_TYPE_UINT: g_value_set_uint (value, (guint) PyLong_AsUnsignedLong (object)); break;
    case G_TYPE_UINT64: g_value_set_uint64 (value, PyLong_AsUnsignedLongLong (object)); break;
    case G_TYPE_DOUBLE: g_value_set_double (value, PyFloat_AsDouble (object)); break;
    case G_TYPE_ENUM: to_enum (object, value); break;
    case G_TYPE_STRING:
      if (object != Py_None)
        g_value_take_string (value, get_string (object));
      break;
    case G_TYPE_BOXED:
      if (object != Py_None)
        g_value_take_boxed (value, native_get_strings (object));
      break;
    default: PyErr_Format (PyExc_TypeError, "%s is not for Python", spec->name);
    }
  return PyErr_Occurred () == NULL;
}

/* The (default, minimum, maximum) of a property; the limits are None if it is not a number. */
static PyObject *
describe (GParamSpec *spec)
{
  PyObject *value = native_from_gvalue (g_param_spec_get_default_value (spec));

  if (G_IS_PARAM_SPEC_INT (spec))
    return Py_BuildValue ("(Nii)", value, G_PARAM_SPEC_INT (spec)->minimum,
                          G_PARAM_SPEC_INT (spec)->maximum);
  if (G_IS_PARAM_SPEC_UINT (spec))
    return Py_BuildValue ("(NII)", value, G_PARAM_SPEC_UINT (spec)->minimum,
                          G_PARAM_SPEC_UINT (spec)->maximum);
  if (G_IS_PARAM_SPEC_UINT64 (spec))
    return Py_BuildValue ("(NKK)", value,
                          (unsigned long long) G_PARAM_SPEC_UINT64 (spec)->minimum,
                          (unsigned long long) G_PARAM_SPEC_UINT64 (spec)->maximum);
  if (G_IS_PARAM_SPEC_DOUBLE (spec))
    return Py_BuildValue ("(Ndd)", value, G_PARAM_SPEC_DOUBLE (spec)->minimum,
                          G_PARAM_SPEC_DOUBLE (spec)->maximum);
  return Py_BuildValue ("(NOO)", value, Py_None, Py_None);
}

static gboolean
add (PyObject   *dict,
     GParamSpec *spec,
     PyObject   *value)
{
  g_autofree char *name = g_strdelimit (g_strdup (spec->name), "-", '_');
  gboolean result = value != NULL && PyDict_SetItemString (dict, name, value) == 0;

  Py_XDECREF (value);
  return result;
}

/* The properties of a class that can be set at any time. */
PyObject *
native_list_options (GType type)
{
  GObjectClass *klass = g_type_class_ref (type);
  guint n;
  g_autofree GParamSpec **specs = g_object_class_list_properties (klass, &n);
  PyObject *dict = PyDict_New ();

  for (guint i = 0; dict != NULL && i < n; i++)
    if ((specs[i]->flags & G_PARAM_WRITABLE) && !(specs[i]->flags & G_PARAM_CONSTRUCT_ONLY) &&
        !add (dict, specs[i], describe (specs[i])))
      Py_CLEAR (dict);
  g_type_class_unref (klass);
  return dict;
}

/* All properties of an object, as a dict. */
PyObject *
native_list_values (gpointer object)
{
  guint n;
  g_autofree GParamSpec **specs = NULL;
  PyObject *dict;

  if (object == NULL)
    Py_RETURN_NONE;
  specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n);
  dict = PyDict_New ();
  for (guint i = 0; dict != NULL && i < n; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_object_get_property (object, specs[i]->name, &value);
      if (!add (dict, specs[i], native_from_gvalue (&value)))
        Py_CLEAR (dict);
    }
  return dict;
}
