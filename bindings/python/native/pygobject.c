/* pygobject.c: the objects of PyGObject, in a program that has that too
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* PyGObject is never loaded here, and its headers are not needed: this uses attributes that its
 * objects have in Python in all versions. A class has its GType, whose hash is the number; an
 * object has a capsule with its pointer; and the hash of a GPointer, which a GLib.Variant is, is
 * the pointer. */

static gboolean
is_named (PyTypeObject *type,
          const char   *name)
{
  const char *dot = strrchr (type->tp_name, '.');

  return g_str_equal (dot != NULL ? dot + 1 : type->tp_name, name);
}

static gboolean
is_loaded (void)
{
  return PyDict_GetItemString (PyImport_GetModuleDict (), "gi._gi") != NULL;
}

/* Of a class; G_TYPE_INVALID for one that is not a GObject class. */
GType
native_pygobject_get_type (PyObject *kind)
{
  PyObject *gtype = is_loaded () ? PyObject_GetAttrString (kind, "__gtype__") : NULL;
  GType type = G_TYPE_INVALID;

  if (gtype != NULL && is_named (Py_TYPE (gtype), "GType"))
    type = (GType) PyObject_Hash (gtype);
  Py_XDECREF (gtype);
  PyErr_Clear ();
  return type;
}

/* NULL, without an exception, for other objects. */
GObject *
native_pygobject_get_object (PyObject *object)
{
  PyObject *capsule;
  gpointer pointer = NULL;

  if (!g_type_is_a (native_pygobject_get_type ((PyObject *) Py_TYPE (object)), G_TYPE_OBJECT))
    return NULL;
  capsule = PyObject_GetAttrString (object, "__gpointer__");
  if (capsule != NULL && PyCapsule_CheckExact (capsule))
    pointer = PyCapsule_GetPointer (capsule, PyCapsule_GetName (capsule));
  Py_XDECREF (capsule);
  PyErr_Clear ();
  return G_IS_OBJECT (pointer) ? pointer : NULL;
}

/* NULL, without an exception, for all else. It belongs to @object. */
GVariant *
native_pygobject_get_variant (PyObject *object)
{
  PyTypeObject *type = Py_TYPE (object);

  while (type != NULL && !is_named (type, "GPointer"))
    type = type->tp_base;
  if (type == NULL || type->tp_hash == NULL ||
      native_pygobject_get_type ((PyObject *) Py_TYPE (object)) != G_TYPE_VARIANT)
    return NULL;
  return (GVariant *) type->tp_hash (object);
}
