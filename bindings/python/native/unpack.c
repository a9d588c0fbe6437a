/* unpack.c: reads packed values, and checks every byte of them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "packed-private.h"

/* Reading: for any bytes, nothing outside them is read, and no more memory is allocated than they
 * account for. */

typedef struct {
  const guint8 *data;
  gsize size;                /* remaining bytes */
  gsize n_owed;              /* members that were announced and have not arrived */
  GVariant *buffers;         /* (nullable) */
  gsize n_read;              /* of the buffers */
  PyObject *keys[N_KEYS];    /* owned */
  guint n_keys;
  guint n_members;           /* that were read */
} Reader;

static PyObject *read_item (Reader *self);

static gpointer
fail (const char *fault)
{
  PyErr_Format (native_helpers.bad_payload, "its bytes are not a value: %s", fault);
  return NULL;
}

/* An exception of Python or numpy caused by the bytes means that the bytes are invalid. */
static void
blame_bytes (void)
{
  PyObject *kind, *value, *traceback;

  if (!PyErr_ExceptionMatches (PyExc_ValueError) && !PyErr_ExceptionMatches (PyExc_TypeError) &&
      !PyErr_ExceptionMatches (PyExc_RecursionError))
    return;
  PyErr_Fetch (&kind, &value, &traceback);
  PyErr_Format (native_helpers.bad_payload, "its bytes are not a value: %S", value);
  Py_XDECREF (kind);
  Py_XDECREF (value);
  Py_XDECREF (traceback);
}

static gconstpointer
take (Reader *self,
      gsize   size)
{
  gconstpointer data = self->data;

  if (size > self->size)
    return fail ("they end too early");
  self->data += size;
  self->size -= size;
  return data;
}

static gboolean
read_number (Reader  *self,
             gpointer number,
             gsize    size)
{
  gconstpointer data = take (self, size);

  if (data != NULL)
    memcpy (number, data, size);
  return data != NULL;
}

/* How many bytes or members follow. Each member has at least one byte, also those of the containers
 * around this one. Otherwise each of many nested containers could allocate memory for all bytes
 * that are left. */
static gboolean
read_count (Reader  *self,
            guint32 *n)
{
  if (!read_number (self, n, sizeof *n))
    return FALSE;
  return (self->n_owed <= self->size && *n <= self->size - self->n_owed) ||
         fail ("they end too early") != NULL;
}

/* The members that are read in about a millisecond. */
#define TURN 0x4000

static PyObject *
read_member (Reader *self)
{
  /* Other threads may run from time to time. */
  if (++self->n_members % TURN == 0)
    {
      Py_BEGIN_ALLOW_THREADS
      Py_END_ALLOW_THREADS
    }

  self->n_owed--;
  return read_item (self);
}

static PyObject *
read_text (Reader *self,
           char    kind)
{
  guint32 size;
  const char *data;

  if (!read_count (self, &size))
    return NULL;
  data = take (self, size);
  return kind == 'S' ? PyUnicode_DecodeUTF8 (data, (Py_ssize_t) size, NULL)
                     : PyBytes_FromStringAndSize (data, (Py_ssize_t) size);
}

/* The next of the buffers, of this size. */
static GVariant *
take_buffer (Reader *self,
             guint64 size)
{
  gsize index = 2 * self->n_read++ + 1; /* there is padding before each */
  GVariant *buffer;

  if (self->buffers == NULL || index >= g_variant_n_children (self->buffers))
    return fail ("there are too few buffers");
  buffer = g_variant_get_child_value (self->buffers, index);
  if (g_variant_get_size (buffer) == size)
    return buffer;
  g_variant_unref (buffer);
  return fail ("a buffer has another size than its array");
}

static PyObject *
read_far_bytes (Reader *self)
{
  g_autoptr (GVariant) buffer = NULL;
  guint64 size;

  if (!read_number (self, &size, sizeof size) || (buffer = take_buffer (self, size)) == NULL)
    return NULL;
  return PyBytes_FromStringAndSize (g_variant_get_data (buffer), (Py_ssize_t) size);
}

/* Sets the size of the array in bytes. */
static gboolean
count_bytes (NativeArray *self)
{
  gboolean is_empty = FALSE;

  self->n_bytes = (gsize) self->dtype->item_size;
  for (int i = 0; i < self->n_dims; i++)
    is_empty |= self->dims[i] == 0;
  for (int i = 0; i < self->n_dims && !is_empty; i++)
    if (!g_size_checked_mul (&self->n_bytes, self->n_bytes, (gsize) self->dims[i]))
      return fail ("an array is bigger than memory") != NULL;
  if (is_empty)
    self->n_bytes = 0;
  return TRUE;
}

static PyObject *
read_far_array (Reader      *self,
                NativeArray *array)
{
  g_autoptr (GVariant) buffer = take_buffer (self, array->n_bytes);
  PyObject *base, *value;

  if (buffer == NULL)
    return NULL;
  array->data = gmp_variant_get_private_data (buffer);
  if (array->data == NULL)
    {
      array->data = (gpointer) g_variant_get_data (buffer);
      return native_array_new (array, NULL);
    }
  base = native_view_new (buffer, array->data);
  value = base != NULL ? native_array_new (array, base) : NULL;
  Py_XDECREF (base);
  return value;
}

static PyObject *
read_near_array (Reader      *self,
                 char         kind,
                 NativeArray *array)
{
  array->data = (gpointer) take (self, array->n_bytes);
  if (array->data == NULL)
    return NULL;
  return kind == 'V' ? native_scalar_new (array) : native_array_new (array, NULL);
}

static PyObject *
read_array (Reader *self,
            char    kind)
{
  NativeArray array = { 0, };
  Py_ssize_t dims[DIMS_MAX];
  guint8 layout[2];
  guint16 length;
  const char *text;
  PyObject *value = NULL;

  if (!read_number (self, &length, sizeof length) || (text = take (self, length)) == NULL ||
      !read_number (self, layout, sizeof layout))
    return NULL;
  if ((layout[0] != 'C' && layout[0] != 'F') || layout[1] > DIMS_MAX ||
      (kind == 'V' && layout[1] != 0))
    return fail ("the header of an array is not one");
  for (int i = 0; i < layout[1]; i++)
    {
      gint64 size;

      if (!read_number (self, &size, sizeof size))
        return NULL;
      if (size < 0 || size > PY_SSIZE_T_MAX)
        return fail ("a dimension of an array is negative or too large");
      dims[i] = (Py_ssize_t) size;
    }
  array.dtype = native_dtype_find (text, length);
  array.is_fortran = layout[0] == 'F';
  array.n_dims = layout[1];
  array.dims = dims;
  if (array.dtype != NULL && count_bytes (&array))
    value = kind == 'a' ? read_far_array (self, &array) : read_near_array (self, kind, &array);
  native_array_close (&array);
  return value;
}

static PyObject *
read_members (Reader *self,
              char    kind)
{
  PyObject *members;
  guint32 n;

  if (!read_count (self, &n))
    return NULL;
  self->n_owed += n;
  members = kind == 'L' ? PyList_New (n) : PyTuple_New (n);
  for (Py_ssize_t i = 0; members != NULL && i < n; i++)
    {
      PyObject *member = read_member (self);

      if (member == NULL)
        Py_CLEAR (members);
      else if (kind == 'L')
        PyList_SET_ITEM (members, i, member);
      else
        PyTuple_SET_ITEM (members, i, member);
    }
  return members;
}

static PyObject *
read_key (Reader *self)
{
  gboolean is_str = self->size > 0 && self->data[0] == 'S';
  PyObject *key = read_item (self);

  if (key != NULL && is_str && self->n_keys < N_KEYS)
    self->keys[self->n_keys++] = Py_NewRef (key);
  return key;
}

static PyObject *
read_known_key (Reader *self)
{
  guint8 index;

  if (!read_number (self, &index, sizeof index))
    return NULL;
  return index < self->n_keys ? Py_NewRef (self->keys[index])
                              : fail ("a key that was not there before");
}

static PyObject *
read_dict (Reader *self)
{
  PyObject *dict;
  guint32 n;

  if (!read_count (self, &n))
    return NULL;
  self->n_owed += n; /* the values; an empty dict takes no memory for keys */
  dict = PyDict_New ();
  for (guint32 i = 0; dict != NULL && i < n; i++)
    {
      PyObject *key = read_key (self);
      PyObject *value = key != NULL ? read_member (self) : NULL;

      if (value == NULL || PyDict_SetItem (dict, key, value) == -1)
        Py_CLEAR (dict);
      Py_XDECREF (key);
      Py_XDECREF (value);
    }
  return dict;
}

static PyObject *
read_plain (Reader *self,
            char    kind)
{
  gint64 whole;
  double number;

  switch (kind)
    {
    case 'N': return Py_NewRef (Py_None);
    case 'T': return Py_NewRef (Py_True);
    case 'F': return Py_NewRef (Py_False);
    case 'I':
      return read_number (self, &whole, sizeof whole) ? PyLong_FromLongLong (whole) : NULL;
    case 'D':
      return read_number (self, &number, sizeof number) ? PyFloat_FromDouble (number) : NULL;
    case 'S':
    case 'B':
      return read_text (self, kind);
    case 'K': return read_known_key (self);
    case 'b': return read_far_bytes (self);
    default: return fail ("an item of a kind that does not exist");
    }
}

static PyObject *
read_item (Reader *self)
{
  const char *kind = take (self, 1);
  PyObject *value = NULL;

  if (kind == NULL)
    return NULL;
  if (*kind == 'A' || *kind == 'V' || *kind == 'a')
    return read_array (self, *kind);
  if (*kind != 'L' && *kind != 'U' && *kind != 'M')
    return read_plain (self, *kind);
  if (Py_EnterRecursiveCall (" in a value from another process") != 0)
    return NULL;
  value = *kind == 'M' ? read_dict (self) : read_members (self, *kind);
  Py_LeaveRecursiveCall ();
  return value;
}

/* Without the garbage collector, which would look at all that is there again and again. */
static PyObject *
read_much (Reader *self)
{
  int is_enabled = PyGC_Disable ();
  PyObject *value = read_item (self);

  if (is_enabled)
    PyGC_Enable ();
  return value;
}

/* TRUE if native_pack() has created the value. */
gboolean
native_is_packed (GVariant *variant)
{
  const char *type = g_variant_get_type_string (variant);
  guint64 magic;

  if ((!g_str_equal (type, PLAIN_TYPE) && !g_str_equal (type, BUFFER_TYPE)) ||
      g_variant_get_size (variant) < sizeof magic)
    return FALSE;
  memcpy (&magic, g_variant_get_data (variant), sizeof magic);
  return magic == MAGIC;
}

PyObject *
native_unpack (GVariant *variant)
{
  g_autoptr (GVariant) text = NULL;
  Reader reader = { 0, };
  PyObject *value;

  if (g_str_equal (g_variant_get_type_string (variant), PLAIN_TYPE))
    {
      reader.data = (const guint8 *) g_variant_get_data (variant) + sizeof MAGIC;
      reader.size = g_variant_get_size (variant) - sizeof MAGIC;
    }
  else
    {
      text = g_variant_get_child_value (variant, 1);
      reader.data = g_variant_get_data (text);
      reader.size = g_variant_get_size (text);
      reader.buffers = g_variant_get_child_value (variant, 2);
    }
  value = g_variant_get_size (variant) < NATIVE_LARGE ? read_item (&reader) : read_much (&reader);
  if (value != NULL && reader.size > 0)
    {
      Py_CLEAR (value);
      fail ("there are more items than announced");
    }
  if (value == NULL)
    blame_bytes ();
  for (guint i = 0; i < reader.n_keys; i++)
    Py_DECREF (reader.keys[i]);
  g_clear_pointer (&reader.buffers, g_variant_unref);
  return value;
}
