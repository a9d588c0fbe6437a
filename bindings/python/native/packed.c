/* packed.c: arrays, plain values and their containers, as bytes without a pickle
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "packed-private.h"

/* The bytes of larger arrays are a separate buffer, which costs less than another copy. */
#define INLINE_MAX ((gsize) 32 * 1024)
#define FEW        24 /* objects that are compared one by one */

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

/* Other threads may change a container where describing a dtype runs Python code, and, without a
 * GIL, where a member of it is looked at. So its members need references of their own. */
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

/* A key of a dict that was written before, in another dict. */
static gboolean
write_key (Writer   *self,
           PyObject *key)
{
  if (!PyUnicode_CheckExact (key))
    return write_member (self, key);
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

static gboolean
write_pair (Writer   *self,
            PyObject *key,
            PyObject *value)
{
  gboolean result;

  Py_INCREF (value);
  native_hold (key);
  result = write_key (self, key);
  native_drop (key);
  result = result && write_item (self, value);
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
      if (++n > size || !write_pair (self, key, each))
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
  Py_BEGIN_CRITICAL_SECTION (value);
  result = PyDict_CheckExact (value) ? write_dict (self, value) : write_members (self, value);
  Py_END_CRITICAL_SECTION ();
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

/* GLib drops the description of a type with the last value of that type, and describing it anew for
 * each value takes a third of the time that a small array takes. */
void
native_packed_init (void)
{
  const char *types[] = { PLAIN_TYPE, BUFFER_TYPE };
  static GVariant *kept[G_N_ELEMENTS (types)];

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      kept[i] = g_variant_new_from_data (G_VARIANT_TYPE (types[i]), NULL, 0, FALSE, NULL, NULL);
      g_variant_ref_sink (kept[i]);
    }
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

/* A value, floating; NULL without an exception if it needs a pickle, or with that of a signal's
 * handler. It refers to the memory of large arrays until it is serialised. */
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
  native_clear_refusal (); /* pickling will report the problem */
  g_free (writer.data);
  for (guint i = 0; i < writer.n_keys; i++)
    Py_DECREF (writer.keys[i]);
  g_clear_pointer (&writer.many, g_hash_table_unref);
  Py_XDECREF (writer.buffers);
  return variant;
}
