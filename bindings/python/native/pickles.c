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
