/* variant-build.c: a Variant of a type that is given
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* The integers: the range of signed types, and the maximum of the others. */
static const struct {
  char letter;
  gint64 minimum;
  guint64 maximum;
} integers[] = {
  { 'y', 0, G_MAXUINT8 },         { 'n', G_MININT16, G_MAXINT16 }, { 'q', 0, G_MAXUINT16 },
  { 'i', G_MININT32, G_MAXINT32 }, { 'h', G_MININT32, G_MAXINT32 }, { 'u', 0, G_MAXUINT32 },
  { 'x', G_MININT64, G_MAXINT64 }, { 't', 0, G_MAXUINT64 },
};

static GVariant *
make_integer (char    letter,
              guint64 bits)
{
  switch (letter)
    {
    case 'y': return g_variant_new_byte ((guint8) bits);
    case 'n': return g_variant_new_int16 ((gint16) bits);
    case 'q': return g_variant_new_uint16 ((guint16) bits);
    case 'i': return g_variant_new_int32 ((gint32) bits);
    case 'h': return g_variant_new_handle ((gint32) bits);
    case 'u': return g_variant_new_uint32 ((guint32) bits);
    case 'x': return g_variant_new_int64 ((gint64) bits);
    default: return g_variant_new_uint64 (bits);
    }
}

static GVariant *
build_integer (char      letter,
               PyObject *value)
{
  PyObject *number = PyNumber_Index (value);
  int overflow = 0;
  long long bits;
  gboolean fits = FALSE;

  if (number == NULL)
    return NULL;
  bits = PyLong_AsLongLongAndOverflow (number, &overflow);
  if (overflow > 0)
    bits = (long long) PyLong_AsUnsignedLongLong (number);
  for (guint i = 0; i < G_N_ELEMENTS (integers) && PyErr_Occurred () == NULL; i++)
    if (integers[i].letter == letter)
      fits = overflow > 0 ? (guint64) bits <= integers[i].maximum
                          : overflow == 0 && bits >= integers[i].minimum &&
                            (bits < 0 || (guint64) bits <= integers[i].maximum);
  Py_DECREF (number);
  if (fits)
    return make_integer (letter, (guint64) bits);
  PyErr_Format (PyExc_ValueError, "%R does not fit in a value of type '%c'", value, letter);
  return NULL;
}

static GVariant *
build_string (char      letter,
              PyObject *value)
{
  Py_ssize_t size;
  const char *text;

  if (!PyUnicode_Check (value))
    {
      PyErr_Format (PyExc_TypeError, "a value of type '%c' should be a str, not %R", letter, value);
      return NULL;
    }
  text = PyUnicode_AsUTF8AndSize (value, &size);
  if (text == NULL)
    return NULL;
  if (strlen (text) == (gsize) size)
    {
      if (letter == 's')
        return g_variant_new_string (text);
      if (letter == 'o' && g_variant_is_object_path (text))
        return g_variant_new_object_path (text);
      if (letter == 'g' && g_variant_is_signature (text))
        return g_variant_new_signature (text);
    }
  PyErr_Format (PyExc_ValueError, "%R cannot be a value of type '%c'", value, letter);
  return NULL;
}

static GVariant *
build_basic (char      letter,
             PyObject *value)
{
  double number;
  int truth;

  if (letter == 'b')
    return (truth = PyObject_IsTrue (value)) != -1 ? g_variant_new_boolean (truth) : NULL;
  if (letter == 's' || letter == 'o' || letter == 'g')
    return build_string (letter, value);
  if (letter != 'd')
    return build_integer (letter, value);
  number = PyFloat_AsDouble (value);
  return PyErr_Occurred () == NULL ? g_variant_new_double (number) : NULL;
}

/* Adds a child to @children. */
static gboolean
add (GPtrArray          *children,
     const GVariantType *type,
     PyObject           *value)
{
  GVariant *child = native_build_variant (type, value);

  if (child != NULL)
    g_ptr_array_add (children, child);
  return child != NULL;
}

static GPtrArray *
children_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
}

/* @items is a tuple, or a list that is the key and value of a dict's entry. */
static GVariant *
build_members (const GVariantType *type,
               PyObject           *value)
{
  g_autoptr (GPtrArray) children = children_new ();
  PyObject *items = PySequence_Tuple (value);
  const GVariantType *member = g_variant_type_first (type);
  gboolean result = items != NULL;

  if (result && (gsize) PyTuple_GET_SIZE (items) != g_variant_type_n_items (type))
    {
      PyErr_Format (PyExc_ValueError, "a value of type '%.100s' has %zu members, not %zd",
                    (const char *) type, g_variant_type_n_items (type), PyTuple_GET_SIZE (items));
      result = FALSE;
    }
  for (Py_ssize_t i = 0; result && i < PyTuple_GET_SIZE (items); i++)
    {
      result = add (children, member, PyTuple_GET_ITEM (items, i));
      member = g_variant_type_next (member);
    }
  Py_XDECREF (items);
  if (!result)
    return NULL;
  if (g_variant_type_is_dict_entry (type))
    return g_variant_new_dict_entry (children->pdata[0], children->pdata[1]);
  return g_variant_new_tuple ((GVariant **) children->pdata, children->len);
}

static GVariant *
build_array (const GVariantType *type,
             PyObject           *value)
{
  g_autoptr (GPtrArray) children = children_new ();
  const GVariantType *element = g_variant_type_element (type);
  PyObject *items, *iterator, *item;

  if (g_variant_type_equal (type, G_VARIANT_TYPE_BYTESTRING) && PyObject_CheckBuffer (value))
    return native_bytes_new (value);
  items = PyDict_Check (value) && g_variant_type_is_dict_entry (element) ? PyDict_Items (value)
                                                                         : Py_NewRef (value);
  iterator = items != NULL ? PyObject_GetIter (items) : NULL;
  while (iterator != NULL && (item = PyIter_Next (iterator)) != NULL)
    {
      if (!add (children, element, item))
        Py_CLEAR (iterator);
      Py_DECREF (item);
    }
  Py_XDECREF (iterator);
  Py_XDECREF (items);
  if (PyErr_Occurred () != NULL)
    return NULL;
  return g_variant_new_array (element, (GVariant **) children->pdata, children->len);
}

static GVariant *
build_maybe (const GVariantType *type,
             PyObject           *value)
{
  g_autoptr (GVariant) child = NULL;

  if (value == Py_None)
    return g_variant_new_maybe (g_variant_type_element (type), NULL);
  child = native_build_variant (g_variant_type_element (type), value);
  return child != NULL ? g_variant_new_maybe (NULL, child) : NULL;
}

static GVariant *
build (const GVariantType *type,
       PyObject           *value)
{
  if (native_is_variant (value) && !g_variant_type_equal (type, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) variant = native_get_variant (value);

      if (g_variant_is_of_type (variant, type))
        return g_steal_pointer (&variant);
      PyErr_Format (PyExc_TypeError, "%R is not of the type '%.100s'", value, (const char *) type);
      return NULL;
    }
  if (g_variant_type_equal (type, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) child = native_dump_natural (value);

      return child != NULL ? g_variant_new_variant (child) : NULL;
    }
  if (g_variant_type_is_maybe (type))
    return build_maybe (type, value);
  if (g_variant_type_is_array (type))
    return build_array (type, value);
  if (g_variant_type_is_basic (type))
    return build_basic (*(const char *) type, value);
  return build_members (type, value);
}

/* Each type accepts the Python type that it is read as, and a Variant of the type. */
GVariant *
native_build_variant (const GVariantType *type,
                      PyObject           *value)
{
  GVariant *variant = NULL;

  if (Py_EnterRecursiveCall (" in a Variant") == 0)
    {
      variant = build (type, value);
      Py_LeaveRecursiveCall ();
    }
  return variant != NULL ? g_variant_take_ref (variant) : NULL;
}
