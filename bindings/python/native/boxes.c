/* boxes.c: objects of GLib's, as PyGObject wraps them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <pygobject.h>

static PyTypeObject *variant_type; /* GLib.Variant */

/* As PyGObject's own, but no code of Python's: in a destructor what the handler of a signal raises
 * would be printed and lost. */
static PyObject *
variant_del (PyObject *self,
             PyObject *unused G_GNUC_UNUSED)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_VARIANT);
  if (pyg_value_from_pyobject_with_error (&value, self) < 0)
    return NULL;
  if (g_value_get_variant (&value) != NULL)
    g_variant_unref (g_value_get_variant (&value));
  Py_RETURN_NONE;
}

static PyMethodDef variant_del_definition = { "__del__", variant_del, METH_NOARGS, NULL };

static int
replace_destructor (void)
{
  PyObject *method = PyDescr_NewMethod (variant_type, &variant_del_definition);
  int result = -1;

  if (method != NULL)
    result = PyObject_SetAttrString ((PyObject *) variant_type, "__del__", method);
  Py_XDECREF (method);
  return result;
}

int
native_boxes_init (void)
{
  PyObject *glib;

  if (pygobject_init (3, 42, 0) == NULL)
    return -1;
  glib = PyImport_ImportModule ("gi.repository.GLib");
  if (glib == NULL)
    return -1;
  variant_type = (PyTypeObject *) PyObject_GetAttrString (glib, "Variant");
  Py_DECREF (glib);
  return variant_type != NULL ? replace_destructor () : -1;
}

gboolean
native_is_variant (PyObject *object)
{
  return PyObject_TypeCheck (object, variant_type);
}

/* Returns a new reference. */
GVariant *
native_get_variant (PyObject *object)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (!native_is_variant (object))
    {
      PyErr_Format (PyExc_TypeError, "a GLib.Variant is needed, not a %s",
                    Py_TYPE (object)->tp_name);
      return NULL;
    }
  g_value_init (&value, G_TYPE_VARIANT);
  if (pyg_value_from_pyobject_with_error (&value, object) < 0)
    return NULL;
  return g_value_dup_variant (&value);
}

PyObject *
native_box_variant (GVariant *variant)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (variant == NULL)
    Py_RETURN_NONE;
  g_value_init (&value, G_TYPE_VARIANT);
  g_value_set_variant (&value, variant);
  return pyg_value_as_pyobject (&value, TRUE);
}

PyObject *
native_box_object (GObject *object)
{
  return pygobject_new (object);
}
