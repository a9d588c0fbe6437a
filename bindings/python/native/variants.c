/* variants.c: the type Variant, for values that only GLib has
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

typedef struct {
  PyObject_HEAD
  GVariant *variant;
} Variant;

static PyTypeObject *variant_type;

static GVariant *
peek (PyObject *object)
{
  if (Py_IS_TYPE (object, variant_type))
    return ((Variant *) object)->variant;
  return native_pygobject_get_variant (object);
}

gboolean
native_is_variant (PyObject *object)
{
  return peek (object) != NULL;
}

/* Returns a new reference. */
GVariant *
native_get_variant (PyObject *object)
{
  GVariant *variant = peek (object);

  if (variant != NULL)
    return g_variant_ref_sink (variant);
  PyErr_Format (PyExc_TypeError, "a gmproc.Variant is needed, not a %s", Py_TYPE (object)->tp_name);
  return NULL;
}

/* As an argument that may be None. */
gboolean
native_get_params (PyObject  *object,
                   GVariant **variant)
{
  *variant = object != Py_None ? native_get_variant (object) : NULL;
  return *variant != NULL || object == Py_None;
}

PyObject *
native_box_variant (GVariant *variant)
{
  Variant *self;

  if (variant == NULL)
    Py_RETURN_NONE;
  self = PyObject_New (Variant, variant_type);
  if (self != NULL)
    self->variant = g_variant_ref_sink (variant);
  return (PyObject *) self;
}

/* Drops the value of a Variant of this module, even if there are references to the Variant, which
 * nothing uses: other threads have none. */
void
native_empty_variant (PyObject *boxed)
{
  if (!Py_IS_TYPE (boxed, variant_type))
    return;
  g_variant_unref (((Variant *) boxed)->variant);
  ((Variant *) boxed)->variant = g_variant_ref_sink (g_variant_new_tuple (NULL, 0));
}

/* Takes ownership of @variant, which is NULL if an exception is set. */
static PyObject *
box (GVariant *variant)
{
  PyObject *boxed = variant != NULL ? native_box_variant (g_variant_take_ref (variant)) : NULL;

  g_clear_pointer (&variant, g_variant_unref);
  return boxed;
}

static const GVariantType *
get_type (const char *text)
{
  if (g_variant_type_string_is_valid (text) &&
      g_variant_type_is_definite ((const GVariantType *) text))
    return (const GVariantType *) text;
  PyErr_Format (PyExc_ValueError, "'%.100s' is not the type of a value, as 'i' or 'a{sv}' are",
                text);
  return NULL;
}

static PyObject *
variant_new (PyTypeObject *type G_GNUC_UNUSED,
             PyObject     *args,
             PyObject     *kwargs)
{
  static char *names[] = { (char *) "type", (char *) "value", NULL };
  const char *text;
  PyObject *value;

  if (!PyArg_ParseTupleAndKeywords (args, kwargs, "sO:Variant", names, &text, &value) ||
      get_type (text) == NULL)
    return NULL;
  return box (native_build_variant (get_type (text), value));
}

static void
variant_dealloc (PyObject *self)
{
  PyTypeObject *type = Py_TYPE (self);

  g_clear_pointer (&((Variant *) self)->variant, g_variant_unref);
  type->tp_free (self);
  Py_DECREF (type);
}

static PyObject *
variant_parse (PyObject *type G_GNUC_UNUSED,
               PyObject *args)
{
  g_autoptr (GError) error = NULL;
  GVariant *variant;
  const char *text;

  if (!PyArg_ParseTuple (args, "s:parse", &text))
    return NULL;
  variant = g_variant_parse (NULL, text, NULL, NULL, &error);
  if (variant == NULL)
    return PyErr_Format (PyExc_ValueError, "%s", error->message);
  return box (variant);
}

static PyObject *
variant_from_bytes (PyObject *type G_GNUC_UNUSED,
                    PyObject *args)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  const char *text;
  Py_buffer view;
  GVariant *variant;

  if (!PyArg_ParseTuple (args, "sy*:from_bytes", &text, &view))
    return NULL;
  bytes = g_bytes_new (view.buf, (gsize) view.len);
  PyBuffer_Release (&view);
  variant = gmp_variant_from_bytes (text, bytes, &error);
  return variant != NULL ? box (variant)
                         : PyErr_Format (PyExc_ValueError, "%s", error->message);
}

static gboolean
add_member (GPtrArray          *children,
            const GVariantType *type,
            PyObject           *boxed)
{
  GVariant *child = native_get_variant (boxed);

  if (child == NULL)
    return FALSE;
  g_ptr_array_add (children, child);
  if (g_variant_is_of_type (child, type))
    return TRUE;
  PyErr_Format (PyExc_TypeError, "an array of type '%.100s' cannot contain a value of type '%s'",
                (const char *) type, g_variant_get_type_string (child));
  return FALSE;
}

/* An array of Variants. */
static PyObject *
variant_new_array (PyObject *type G_GNUC_UNUSED,
                   PyObject *args)
{
  g_autoptr (GPtrArray) children =
    g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  const char *text;
  PyObject *list, *members;
  gboolean result = TRUE;

  if (!PyArg_ParseTuple (args, "sO!:new_array", &text, &PyList_Type, &list) ||
      get_type (text) == NULL)
    return NULL;
  /* Other threads may change the list. */
  members = PyList_AsTuple (list);
  if (members == NULL)
    return NULL;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE (members) && result; i++)
    result = add_member (children, get_type (text), PyTuple_GET_ITEM (members, i));
  Py_DECREF (members);
  if (!result)
    return NULL;
  return box (g_variant_new_array (get_type (text), (GVariant **) children->pdata,
                                   children->len));
}

static PyObject *
variant_get_type_string (PyObject *self,
                         PyObject *unused G_GNUC_UNUSED)
{
  return PyUnicode_FromString (g_variant_get_type_string (((Variant *) self)->variant));
}

static PyObject *
variant_get_size (PyObject *self,
                  PyObject *unused G_GNUC_UNUSED)
{
  return PyLong_FromSize_t (g_variant_get_size (((Variant *) self)->variant));
}

static PyObject *
variant_get_bytes (PyObject *self,
                   PyObject *unused G_GNUC_UNUSED)
{
  GVariant *variant = ((Variant *) self)->variant;

  return PyBytes_FromStringAndSize (g_variant_get_data (variant),
                                    (Py_ssize_t) g_variant_get_size (variant));
}

static PyObject *
variant_unpack (PyObject *self,
                PyObject *unused G_GNUC_UNUSED)
{
  return native_load_natural (((Variant *) self)->variant);
}

static PyObject *
variant_str (PyObject *self)
{
  g_autofree char *text = g_variant_print (((Variant *) self)->variant, FALSE);

  return PyUnicode_FromString (text);
}

static PyObject *
variant_repr (PyObject *self)
{
  g_autofree char *text = g_variant_print (((Variant *) self)->variant, TRUE);

  return PyUnicode_FromFormat ("<gmproc.Variant %s>", text);
}

static PyObject *
variant_compare (PyObject *self,
                 PyObject *other,
                 int       how)
{
  GVariant *variant = peek (other);

  if ((how != Py_EQ && how != Py_NE) || variant == NULL)
    Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong (g_variant_equal (((Variant *) self)->variant, variant) ==
                          (how == Py_EQ));
}

/* Compares identity, not equality. */
static PyObject *
variant_is_same (PyObject *self,
                 PyObject *other)
{
  return PyBool_FromLong (((Variant *) self)->variant == peek (other));
}

static Py_hash_t
variant_hash (PyObject *self)
{
  PyObject *text = variant_str (self);
  Py_hash_t hash = text != NULL ? PyObject_Hash (text) : -1;

  Py_XDECREF (text);
  return hash;
}

static PyMethodDef variant_methods[] = {
  { "parse", variant_parse, METH_VARARGS | METH_STATIC,
    "Makes a value of GVariant's text format." },
  { "from_bytes", variant_from_bytes, METH_VARARGS | METH_STATIC,
    "Makes a value of a type from its serialised form." },
  { "new_array", variant_new_array, METH_VARARGS | METH_STATIC,
    "Makes an array from the type of its members and a list of them." },
  { "get_type_string", variant_get_type_string, METH_NOARGS, "Its type, as 'a{sv}'." },
  { "get_size", variant_get_size, METH_NOARGS, "How many bytes it has." },
  { "get_bytes", variant_get_bytes, METH_NOARGS, "Its serialised form." },
  { "unpack", variant_unpack, METH_NOARGS, "The value as Python has it." },
  { "is_same", variant_is_same, METH_O, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot variant_slots[] = {
  { Py_tp_new, variant_new },
  { Py_tp_dealloc, variant_dealloc },
  { Py_tp_str, variant_str },
  { Py_tp_repr, variant_repr },
  { Py_tp_richcompare, variant_compare },
  { Py_tp_hash, variant_hash },
  { Py_tp_methods, variant_methods },
  { Py_tp_doc, (gpointer) "A value of a type of GVariant's: Variant('u', 3). It stays as it is on "
                          "its way to other languages." },
  { 0, NULL }
};

static PyType_Spec variant_spec = {
  .name = "gmproc.Variant",
  .basicsize = sizeof (Variant),
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = variant_slots,
};

int
native_variants_init (PyObject *module)
{
  variant_type = (PyTypeObject *) PyType_FromSpec (&variant_spec);
  return variant_type != NULL ? PyModule_AddType (module, variant_type) : -1;
}
