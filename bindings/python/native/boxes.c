/* boxes.c: objects of GLib's, as PyGObject wraps them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <pygobject.h>

static PyTypeObject *variant_type; /* GLib.Variant */

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
  return variant_type != NULL ? 0 : -1;
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
