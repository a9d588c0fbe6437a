/* packed.c: arrays, plain values and their containers, as bytes without a pickle
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* The form: a number that says what it is, a text of items, and, for large arrays, the buffers that
 * are not in the text, as in pickles. An item is one byte for its kind, which defines what follows:
 *
 *   N T F            None, True, False
 *   I D              8 bytes: an int, a float
 *   S B              4 bytes, how many, and the bytes: of a str in UTF-8, of bytes
 *   K                1 byte: a key that was in this text before
 *   L U M            4 bytes, how many: the members of a list or tuple, a dict's keys and values
 *   A V              an array, a scalar of numpy's: a header, and its bytes
 *   a b              an array, bytes: a header or a size, and the bytes are the next of the buffers
 *
 * A header is 2 bytes for the size of the dtype's text and that text (_arrays.py), one for the
 * order ('C' or 'F'), one for how many dimensions, 8 for each. Numbers lie as the processor has
 * them, for these bytes never leave the machines of one run.
 *
 * A value in which an object occurs twice, or which has anything else in it, goes as a pickle: that
 * knows what is the same, and what contains itself. */
#define PLAIN_TYPE  "(tay)"
#define BUFFER_TYPE "(tayaay)"
#define MAGIC       G_GUINT64_CONSTANT (0x3161646370676d8f)

/* The bytes of larger arrays are a separate buffer, which costs less than another copy. */
#define INLINE_MAX ((gsize) 32 * 1024)
#define N_KEYS     16 /* that are remembered */
#define FEW        24 /* objects that are looked at one by one */
#define DIMS_MAX   64

typedef struct {
  guint8 *data;
  gsize size, room;
  PyObject *buffers; /* (nullable): a list */
  PyObject *keys[N_KEYS]; /* owned */
  guint n_keys;
  PyObject *few[FEW];
  guint n_few;
  GHashTable *many; /* (nullable): objects when there are more */
} Writer;

static gboolean write_item (Writer   *self,
                            PyObject *value);

static guint8 *
reserve (Writer *self,
         gsize   size)
{
  if (size > self->room - self->size)
    {
      self->room = 2 * self->room + size;
      self->data = g_realloc (self->data, self->room);
    }
  self->size += size;
  return self->data + self->size - size;
}

static void
write_bytes (Writer       *self,
             gconstpointer data,
             gsize         size)
{
  if (size > 0)
    memcpy (reserve (self, size), data, size);
}

/* A kind, and a number or size. */
static void
write_head (Writer       *self,
            char          kind,
            gconstpointer number,
            gsize         size)
{
  guint8 *place = reserve (self, 1 + size);

  place[0] = (guint8) kind;
  memcpy (place + 1, number, size);
}

/* TRUE if an object occurs for the first time. */
static gboolean
is_new (Writer   *self,
        PyObject *value)
{
  for (guint i = 0; i < self->n_few; i++)
    if (self->few[i] == value)
      return FALSE;
  if (self->n_few < FEW)
    {
      self->few[self->n_few++] = value;
      return TRUE;
    }
  if (self->many == NULL)
    self->many = g_hash_table_new (NULL, NULL);
  return g_hash_table_add (self->many, value);
}

static gboolean
write_text (Writer     *self,
            char        kind,
            const char *text,
            Py_ssize_t  size)
{
  guint32 length = (guint32) size;

  if (text == NULL || size > G_MAXINT32)
    return FALSE;
  write_head (self, kind, &length, sizeof length);
  write_bytes (self, text, (gsize) size);
  return TRUE;
}

/* Short strings are often the same object, and cost nothing to repeat. */
static gboolean
write_str (Writer   *self,
           PyObject *value)
{
  Py_ssize_t size;
  const char *text = PyUnicode_AsUTF8AndSize (value, &size);

  return (size <= 64 || is_new (self, value)) && write_text (self, 'S', text, size);
}

static gboolean
write_later (Writer   *self,
             PyObject *object)
{
  if (self->buffers == NULL)
    self->buffers = PyList_New (0);
  return self->buffers != NULL && PyList_Append (self->buffers, object) == 0;
}

static gboolean
write_binary (Writer   *self,
              PyObject *value)
{
  guint64 size = (guint64) PyBytes_GET_SIZE (value);

  if (size > 64 && !is_new (self, value))
    return FALSE;
  if (size <= INLINE_MAX)
    return write_text (self, 'B', PyBytes_AS_STRING (value), (Py_ssize_t) size);
  write_head (self, 'b', &size, sizeof size);
  return write_later (self, value);
}

/* A key of a dict that was written before, in another dict. */
static gboolean
write_key (Writer   *self,
           PyObject *key)
{
  if (!PyUnicode_CheckExact (key))
    return write_item (self, key);
  for (guint i = 0; i < self->n_keys; i++)
    if (self->keys[i] == key)
      {
        guint8 index = (guint8) i;

        write_head (self, 'K', &index, 1);
        return TRUE;
      }
  if (self->n_keys < N_KEYS)
    self->keys[self->n_keys++] = Py_NewRef (key);
  return write_str (self, key);
}

/* Of a container. Describing a dtype runs Python code, in which other threads may change the
 * container. */
static gboolean
write_member (Writer   *self,
              PyObject *value)
{
  gboolean result;

  Py_INCREF (value);
  result = write_item (self, value);
  Py_DECREF (value);
  return result;
}

static gboolean
write_dict (Writer   *self,
            PyObject *value)
{
  guint32 size = (guint32) PyDict_GET_SIZE (value);
  PyObject *key, *each;
  Py_ssize_t position = 0;
  guint32 n = 0;

  write_head (self, 'M', &size, sizeof size);
  while (PyDict_Next (value, &position, &key, &each))
    {
      if (++n > size || !write_key (self, key) || !write_member (self, each))
        return FALSE;
    }
  return n == size;
}

static gboolean
write_members (Writer   *self,
               PyObject *value)
{
  char kind = PyList_CheckExact (value) ? 'L' : 'U';
  Py_ssize_t n = PySequence_Fast_GET_SIZE (value);
  guint32 size = (guint32) n;

  if (n > G_MAXINT32)
    return FALSE;
  write_head (self, kind, &size, sizeof size);
  for (Py_ssize_t i = 0; i < n; i++)
    {
      if (PySequence_Fast_GET_SIZE (value) != n ||
          !write_member (self, PySequence_Fast_GET_ITEM (value, i)))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_array (Writer            *self,
             const NativeArray *array)
{
  const char *text = PyBytes_AS_STRING (array->dtype->bytes);
  guint16 length = (guint16) PyBytes_GET_SIZE (array->dtype->bytes);
  char kind = array->is_scalar ? 'V' : array->n_bytes > INLINE_MAX ? 'a' : 'A';
  guint8 layout[2] = { array->is_fortran ? 'F' : 'C', (guint8) array->n_dims };

  write_head (self, kind, &length, sizeof length);
  write_bytes (self, text, length);
  write_bytes (self, layout, sizeof layout);
  for (int i = 0; i < array->n_dims; i++)
    {
      gint64 size = array->dims[i];

      write_bytes (self, &size, sizeof size);
    }
  if (kind == 'a')
    return write_later (self, array->array);
  write_bytes (self, array->data, array->n_bytes);
  return TRUE;
}

/* FALSE for values that need a pickle. */
static gboolean
write_other (Writer   *self,
             PyObject *value)
{
  NativeArray array;
  gboolean result;

  if (!native_array_open (value, &array))
    return FALSE;
  result = (array.is_scalar || is_new (self, value)) && write_array (self, &array);
  native_array_close (&array);
  return result;
}

static gboolean
write_container (Writer   *self,
                 PyObject *value)
{
  gboolean result = FALSE;

  /* There is one empty tuple. */
  if (PyTuple_CheckExact (value) && PyTuple_GET_SIZE (value) == 0)
    return write_members (self, value);
  if (!is_new (self, value) || Py_EnterRecursiveCall (" in a value for another process") != 0)
    return FALSE;
  result = PyDict_CheckExact (value) ? write_dict (self, value) : write_members (self, value);
  Py_LeaveRecursiveCall ();
  return result;
}

static gboolean
write_item (Writer   *self,
            PyObject *value)
{
  if (value == Py_None || PyBool_Check (value))
    {
      *reserve (self, 1) = value == Py_None ? 'N' : value == Py_True ? 'T' : 'F';
      return TRUE;
    }
  if (PyLong_CheckExact (value))
    {
      int overflow;
      gint64 number = PyLong_AsLongLongAndOverflow (value, &overflow);

      write_head (self, 'I', &number, sizeof number);
      return overflow == 0;
    }
  if (PyFloat_CheckExact (value))
    {
      double number = PyFloat_AS_DOUBLE (value);

      write_head (self, 'D', &number, sizeof number);
      return TRUE;
    }
  if (PyUnicode_CheckExact (value))
    return write_str (self, value);
  if (PyBytes_CheckExact (value))
    return write_binary (self, value);
  if (PyTuple_CheckExact (value) || PyList_CheckExact (value) || PyDict_CheckExact (value))
    return write_container (self, value);
  return write_other (self, value);
}

static GVariant *
finish (Writer *self)
{
  GVariant *children[3];
  guint8 *data = self->data;

  if (self->buffers == NULL)
    {
      self->data = NULL;
      return g_variant_new_from_data (G_VARIANT_TYPE (PLAIN_TYPE), data, self->size, TRUE, g_free,
                                      data);
    }
  children[2] = native_buffers_new (self->buffers, self->size);
  if (children[2] == NULL)
    return NULL;
  children[0] = g_variant_new_uint64 (MAGIC);
  children[1] = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, self->data + sizeof MAGIC,
                                           self->size - sizeof MAGIC, 1);
  return g_variant_new_tuple (children, 3);
}

/* A value, floating; NULL without an exception if it needs a pickle. It refers to the memory of
 * large arrays until it is serialised. */
GVariant *
native_pack (PyObject *value)
{
  Writer writer = { .room = 192 };
  guint64 magic = MAGIC;
  GVariant *variant = NULL;

  writer.data = g_malloc (writer.room);
  write_bytes (&writer, &magic, sizeof magic);
  if (write_item (&writer, value))
    variant = finish (&writer);
  PyErr_Clear ();
  g_free (writer.data);
  for (guint i = 0; i < writer.n_keys; i++)
    Py_DECREF (writer.keys[i]);
  g_clear_pointer (&writer.many, g_hash_table_unref);
  Py_XDECREF (writer.buffers);
  return variant;
}

/* Reading: for any bytes, nothing outside them is read, and no more memory is allocated than they
 * account for. */

typedef struct {
  const guint8 *data;
  gsize size;                /* what is left */
  GVariant *buffers;         /* (nullable) */
  gsize n_read;              /* of the buffers */
  PyObject *keys[N_KEYS];    /* owned */
  guint n_keys;
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

/* The number of following items. Each has at least one byte. */
static gboolean
read_count (Reader  *self,
            guint32 *n)
{
  if (!read_number (self, n, sizeof *n))
    return FALSE;
  return *n <= self->size || fail ("they end too early") != NULL;
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
             gsize   size)
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
    {
      if (self->dims[i] < 0)
        return fail ("an array has a negative dimension") != NULL;
      is_empty |= self->dims[i] == 0;
    }
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
read_array (Reader *self,
            char    kind)
{
  NativeArray array = { 0, };
  Py_ssize_t dims[DIMS_MAX];
  guint8 layout[2];
  guint16 length;
  const char *text;

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
      dims[i] = (Py_ssize_t) size;
    }
  array.dtype = native_dtype_find (text, length);
  array.is_fortran = layout[0] == 'F';
  array.n_dims = layout[1];
  array.dims = dims;
  if (array.dtype == NULL || !count_bytes (&array))
    return NULL;
  if (kind == 'a')
    return read_far_array (self, &array);
  array.data = (gpointer) take (self, array.n_bytes);
  if (array.data == NULL)
    return NULL;
  return kind == 'V' ? native_scalar_new (&array) : native_array_new (&array, NULL);
}

static PyObject *
read_members (Reader *self,
              char    kind)
{
  PyObject *members;
  guint32 n;

  if (!read_count (self, &n))
    return NULL;
  members = kind == 'L' ? PyList_New (n) : PyTuple_New (n);
  for (Py_ssize_t i = 0; members != NULL && i < n; i++)
    {
      PyObject *member = read_item (self);

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
  dict = PyDict_New ();
  for (guint32 i = 0; dict != NULL && i < n; i++)
    {
      PyObject *key = read_key (self);
      PyObject *value = key != NULL ? read_item (self) : NULL;

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
  value = read_item (&reader);
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
