/* pickles.c: a pickle and its buffers as one GVariant
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* A tag, the pickle, and the buffers that were left out of it, such as the data of arrays. The tag
 * distinguishes it from values for other languages.
 *
 * Before each buffer there is another one, of zeros, that brings it to a multiple of this many
 * bytes from the value's start: all of the type is bytes, so one follows directly upon the other.
 * The start of what comes through shared memory is aligned likewise. */
#define SIGNATURE "(sayaay)"
#define TAGS      "gmproc."
#define ALIGNMENT 64

static GVariant *
padding_new (gsize position)
{
  static const guint8 zeros[ALIGNMENT];

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, zeros,
                                  (ALIGNMENT - position % ALIGNMENT) % ALIGNMENT, TRUE, NULL,
                                  NULL);
}

static void
unref_cb (gpointer variant)
{
  g_variant_unref (variant);
}

/* An aay, floating. @position is where it will be in the value. */
GVariant *
native_buffers_new (PyObject *buffers,
                    gsize     position)
{
  Py_ssize_t n = PyList_GET_SIZE (buffers);
  g_autoptr (GPtrArray) children = g_ptr_array_new ();

  for (Py_ssize_t i = 0; i < n; i++)
    {
      GVariant *padding = padding_new (position);
      GVariant *buffer;

      g_ptr_array_add (children, padding);
      buffer = native_bytes_new (PyList_GET_ITEM (buffers, i));
      if (buffer == NULL)
        {
          g_ptr_array_set_free_func (children, unref_cb);
          return NULL;
        }
      g_ptr_array_add (children, buffer);
      position += g_variant_get_size (padding) + g_variant_get_size (buffer);
    }
  return g_variant_new_array (G_VARIANT_TYPE_BYTESTRING, (GVariant **) children->pdata,
                              children->len);
}

/* Returns a value that is not floating. It refers to the memory of @buffers. */
GVariant *
native_wrap (const char *tag,
             PyObject   *data,
             PyObject   *buffers)
{
  GVariant *children[3];

  children[1] = native_bytes_new (data);
  if (children[1] == NULL)
    return NULL;
  children[2] = native_buffers_new (buffers, strlen (tag) + 1 + g_variant_get_size (children[1]));
  if (children[2] == NULL)
    {
      g_variant_unref (children[1]);
      return NULL;
    }
  children[0] = g_variant_new_string (tag);
  return g_variant_ref_sink (g_variant_new_tuple (children, 3));
}

/* TRUE if only Python can read a value. */
gboolean
native_is_pickle (GVariant *variant)
{
  g_autoptr (GVariant) tag = NULL;

  if (!g_str_equal (g_variant_get_type_string (variant), SIGNATURE))
    return FALSE;
  tag = g_variant_get_child_value (variant, 0);
  return g_str_has_prefix (g_variant_get_string (tag, NULL), TAGS);
}

/* The tag of a pickle; None for other values. */
PyObject *
native_get_tag (GVariant *variant)
{
  g_autoptr (GVariant) tag = NULL;

  if (variant == NULL || !native_is_pickle (variant))
    Py_RETURN_NONE;
  tag = g_variant_get_child_value (variant, 0);
  return PyUnicode_FromString (g_variant_get_string (tag, NULL));
}

static PyObject *
load_buffers (GVariant *buffers)
{
  gsize n = g_variant_n_children (buffers) / 2;
  PyObject *list = PyList_New ((Py_ssize_t) n);

  for (gsize i = 0; list != NULL && i < n; i++)
    {
      g_autoptr (GVariant) buffer = g_variant_get_child_value (buffers, 2 * i + 1);
      PyObject *view = native_bytes_to_write (buffer);

      if (view == NULL)
        Py_CLEAR (list);
      else
        PyList_SET_ITEM (list, (Py_ssize_t) i, view);
    }
  return list;
}

/* The parts of a pickle. The buffers are private to the receiver and writable. */
gboolean
native_unwrap (GVariant  *variant,
               PyObject **data,
               PyObject **buffers)
{
  g_autoptr (GVariant) pickle = g_variant_get_child_value (variant, 1);
  g_autoptr (GVariant) rest = g_variant_get_child_value (variant, 2);

  *data = native_bytes_to_read (pickle);
  *buffers = *data != NULL ? load_buffers (rest) : NULL;
  if (*buffers == NULL)
    Py_CLEAR (*data);
  return *buffers != NULL;
}

/* The children, or pages of text, that are pickled in less than a millisecond. */
#define SMALL 1000
#define PAGE  4096

static gboolean spend (PyObject   *value,
                       Py_ssize_t *left);

static gboolean
spend_dict (PyObject   *dict,
            Py_ssize_t *left)
{
  PyObject *key, *value;
  Py_ssize_t position = 0;
  gboolean result = TRUE;

  *left -= PyDict_GET_SIZE (dict);
  Py_BEGIN_CRITICAL_SECTION (dict);
  while (result && *left >= 0 && PyDict_Next (dict, &position, &key, &value))
    {
      native_hold (key);
      native_hold (value);
      result = spend (key, left) && spend (value, left);
      native_drop (value);
      native_drop (key);
    }
  Py_END_CRITICAL_SECTION ();
  return result && *left >= 0;
}

/* The items of a list or tuple. */
static gboolean
spend_items (PyObject   *items,
             Py_ssize_t *left)
{
  gboolean result = TRUE;

  Py_BEGIN_CRITICAL_SECTION (items);
  *left -= PySequence_Fast_GET_SIZE (items);
  for (Py_ssize_t i = 0; result && *left >= 0 && i < PySequence_Fast_GET_SIZE (items); i++)
    {
      PyObject *item = PySequence_Fast_GET_ITEM (items, i);

      native_hold (item);
      result = spend (item, left);
      native_drop (item);
    }
  Py_END_CRITICAL_SECTION ();
  return result && *left >= 0;
}

/* Those of another container. */
static gboolean
spend_others (PyObject   *container,
              Py_ssize_t *left)
{
  Py_ssize_t size = PyObject_Size (container);
  PyObject *items = size >= 0 && size <= *left ? PySequence_List (container) : NULL;
  gboolean result = items != NULL && spend_items (items, left);

  Py_XDECREF (items);
  /* What cannot be listed is as large as its size tells. */
  PyErr_Clear ();
  return result || (items == NULL && size >= 0 && size <= *left);
}

static gboolean
spend_attributes (PyObject   *object,
                  Py_ssize_t *left)
{
  PyObject *attributes;
  gboolean result;

  (*left)--;
  if (PyCallable_Check (object) || Py_TYPE (object)->tp_dictoffset == 0)
    return *left >= 0;
  attributes = PyObject_GenericGetDict (object, NULL);
  result = attributes == NULL || spend_dict (attributes, left);
  Py_XDECREF (attributes);
  PyErr_Clear ();
  return result;
}

/* FALSE if @value costs more than is left. Looks at no more children than that, and each level of
 * containers costs something, so that this ends. */
static gboolean
spend (PyObject   *value,
       Py_ssize_t *left)
{
  if (PyUnicode_Check (value))
    *left -= PyUnicode_GET_LENGTH (value) / PAGE;
  else if (PyBytes_Check (value))
    *left -= PyBytes_GET_SIZE (value) / PAGE;
  else if (PyByteArray_Check (value))
    *left -= PyByteArray_GET_SIZE (value) / PAGE;
  else if (PyDict_Check (value))
    return spend_dict (value, left);
  else if (PyList_Check (value) || PyTuple_Check (value))
    return spend_items (value, left);
  else if (PyAnySet_CheckExact (value) ||
           strcmp (Py_TYPE (value)->tp_name, "collections.deque") == 0)
    return spend_others (value, left);
  else
    return spend_attributes (value, left);
  return *left >= 0;
}

/* TRUE if pickling a value takes so long that no event loop should wait for it. */
gboolean
native_is_large (PyObject *value)
{
  Py_ssize_t left = SMALL;

  return !spend (value, &left);
}
