/* numpy.c: arrays and scalars of numpy's, their bytes and how to make them again
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* Numpy is optional, and no version of its headers fits all versions of the library. This file
 * therefore uses the table of functions that numpy exports to other modules
 * (numpy.core.multiarray._ARRAY_API) by number, and the part of its array object that compiled
 * modules read directly. Both are the same in numpy 1 and 2:
 * https://github.com/numpy/numpy/blob/main/numpy/_core/code_generators/numpy_api.py */
enum {
  GET_ABI_VERSION = 0,
  ARRAY_TYPE = 2,
  GENERIC_TYPE = 10,
  SCALAR_NEW = 60,
  FROM_SCALAR = 61,
  NEW_COPY = 85,
  NEW_FROM_DTYPE = 94,
  DTYPE_COPY = 95,
  SET_BASE = 282,
};

typedef struct {
  PyObject_HEAD
  char *data;
  int n_dims;
  Py_ssize_t *dims;
  Py_ssize_t *strides;
  PyObject *base;
  PyObject *dtype;
  int flags;
} Array;

typedef struct {
  PyObject_HEAD
  PyTypeObject *type; /* of its scalars */
} Dtype;

#define C_CONTIGUOUS 0x1
#define F_CONTIGUOUS 0x2
#define WRITEABLE    0x400

/* Caches of dtypes, by the object and by the text, which drop the oldest. A program has few. */
#define N_KNOWN 32

typedef struct {
  NativeDtype *dtypes[N_KNOWN]; /* nullable */
  guint n_learned;
} Table;

static Table sent, received;
static NativeLock lock; /* of both, and of n_users */
static void **api;      /* NULL until the first array; set once */

static gboolean
load_api (gboolean may_import)
{
  PyObject *capsule;
  void **found = NULL;

  if (g_atomic_pointer_get (&api) != NULL)
    return TRUE;
  capsule = PyObject_CallFunction (native_helpers.find_numpy, "O",
                                   may_import ? Py_True : Py_False);
  if (capsule != NULL && capsule != Py_None)
    found = PyCapsule_GetPointer (capsule, NULL);
  Py_XDECREF (capsule); /* numpy keeps it */
  if (found == NULL)
    return FALSE;
  if (((unsigned int (*) (void)) found[GET_ABI_VERSION]) () >> 24 > 2)
    {
      PyErr_SetString (PyExc_ImportError,
                       "gmproc does not know this version of numpy: install version 1 or 2");
      return FALSE;
    }
  g_atomic_pointer_compare_and_exchange (&api, NULL, found);
  return TRUE;
}

/* Dtypes */

static void
dtype_unref (NativeDtype *self)
{
  gboolean is_unused;

  native_lock (&lock);
  is_unused = --self->n_users == 0;
  native_unlock (&lock);
  if (!is_unused)
    return;
  Py_DECREF (self->dtype);
  Py_XDECREF (self->names);
  Py_XDECREF (self->bytes);
  g_free (self);
}

/* Puts @self (nullable) into a place of a table, whose lock is held. Returns the one that was
 * there. */
static NativeDtype *
replace (NativeDtype **place,
         NativeDtype  *self)
{
  NativeDtype *old = *place;

  *place = self;
  if (self != NULL)
    self->n_users++;
  return old;
}

/* Takes ownership of @description, (text, size of an item, whether it has fields) of @dtype, or
 * None for one that needs a pickle; NULL after an exception. */
static NativeDtype *
learn (Table    *table,
       PyObject *dtype,
       PyObject *description)
{
  NativeDtype *self, *old;
  PyObject *names = NULL, *bytes = NULL;
  Py_ssize_t item_size = 0;
  int has_fields = FALSE;

  if (description == NULL ||
      (description != Py_None &&
       !PyArg_ParseTuple (description, "Snp", &bytes, &item_size, &has_fields)))
    {
      Py_XDECREF (description);
      return NULL;
    }
  Py_XINCREF (bytes);
  Py_DECREF (description);
  if (has_fields && (names = PyObject_GetAttrString (dtype, "names")) == NULL)
    {
      Py_XDECREF (bytes);
      return NULL;
    }
  self = g_new (NativeDtype, 1);
  *self = (NativeDtype) { Py_NewRef (dtype), names, bytes, item_size, 1 };
  native_lock (&lock);
  old = replace (&table->dtypes[table->n_learned++ % N_KNOWN], self);
  native_unlock (&lock);
  if (old != NULL)
    dtype_unref (old);
  return self;
}

/* Only the names of a dtype can change, and then become another tuple. */
static gboolean
is_unchanged (NativeDtype *self)
{
  PyObject *names = self->names != NULL ? PyObject_GetAttrString (self->dtype, "names") : NULL;
  gboolean result = names == self->names;

  Py_XDECREF (names);
  return result;
}

static NativeDtype *
find_sent (PyObject *dtype)
{
  NativeDtype *found = NULL;

  native_lock (&lock);
  for (guint i = 0; i < N_KNOWN && found == NULL; i++)
    if (sent.dtypes[i] != NULL && sent.dtypes[i]->dtype == dtype)
      {
        found = sent.dtypes[i];
        found->n_users++;
      }
  native_unlock (&lock);
  return found;
}

/* Removes it from the table, if it is still there. */
static void
forget_sent (NativeDtype *self)
{
  NativeDtype *old = NULL;

  native_lock (&lock);
  for (guint i = 0; i < N_KNOWN && old == NULL; i++)
    if (sent.dtypes[i] == self)
      old = replace (&sent.dtypes[i], NULL);
  native_unlock (&lock);
  if (old != NULL)
    dtype_unref (old);
}

/* NULL, with or without an exception, if it needs a pickle. */
static NativeDtype *
describe (PyObject *dtype)
{
  NativeDtype *found;

  while ((found = find_sent (dtype)) != NULL && !is_unchanged (found))
    {
      forget_sent (found);
      dtype_unref (found);
    }
  if (found == NULL)
    found = learn (&sent, dtype, PyObject_CallOneArg (native_helpers.describe_dtype, dtype));
  if (found != NULL && found->bytes == NULL)
    g_clear_pointer (&found, dtype_unref);
  return found;
}

static NativeDtype *
find_received (const char *text,
               gsize       size)
{
  NativeDtype *found = NULL;

  native_lock (&lock);
  for (guint i = 0; i < N_KNOWN && found == NULL; i++)
    {
      NativeDtype *each = received.dtypes[i];

      if (each != NULL && each->bytes != NULL && (gsize) PyBytes_GET_SIZE (each->bytes) == size &&
          memcmp (PyBytes_AS_STRING (each->bytes), text, size) == 0)
        {
          found = each;
          found->n_users++;
        }
    }
  native_unlock (&lock);
  return found;
}

/* The dtype of a received text, which native_array_close() releases; NULL with an exception if the
 * text is invalid. */
NativeDtype *
native_dtype_find (const char *text,
                   gsize       size)
{
  PyObject *pair, *dtype, *description;
  NativeDtype *found;

  if (!load_api (TRUE))
    return NULL;
  found = find_received (text, size);
  if (found != NULL)
    return found;
  pair = PyObject_CallFunction (native_helpers.make_dtype, "y#", text, (Py_ssize_t) size);
  if (pair != NULL && PyArg_ParseTuple (pair, "OO", &dtype, &description))
    found = learn (&received, dtype, Py_NewRef (description));
  Py_XDECREF (pair);
  return found;
}

/* A new reference, whose ownership functions of numpy take. A dtype with fields is copied for the
 * receiver. */
static PyObject *
get_dtype (NativeDtype *self)
{
  if (self->names == NULL)
    return Py_NewRef (self->dtype);
  return ((PyObject *(*) (PyObject *)) api[DTYPE_COPY]) (self->dtype);
}

/* Arrays and scalars */

static gboolean
is_of_numpy (PyObject *value)
{
  return g_str_has_prefix (Py_TYPE (value)->tp_name, "numpy.");
}

/* Sets the array that has the bytes of @value, or NULL if it needs a pickle. */
static Array *
find_bytes (PyObject *value,
            gboolean *is_scalar)
{
  Array *array = (Array *) value;

  *is_scalar = Py_TYPE (value) != (PyTypeObject *) api[ARRAY_TYPE];
  if (*is_scalar)
    {
      if (!PyType_IsSubtype (Py_TYPE (value), (PyTypeObject *) api[GENERIC_TYPE]))
        return NULL;
      array = ((Array *(*) (PyObject *, PyObject *)) api[FROM_SCALAR]) (value, NULL);
      if (array != NULL && ((Dtype *) array->dtype)->type != Py_TYPE (value))
        Py_CLEAR (array);
      return array;
    }
  if ((array->flags & (C_CONTIGUOUS | F_CONTIGUOUS)) != 0)
    return (Array *) Py_NewRef (value);
  return ((Array *(*) (PyObject *, int)) api[NEW_COPY]) (value, 0);
}

/* TRUE if @value belongs to numpy and needs no pickle. Then native_array_close() must follow.
 * Otherwise an exception may be set. */
gboolean
native_array_open (PyObject    *value,
                   NativeArray *self)
{
  NativeDtype *dtype = NULL;
  Array *array = NULL;

  if (is_of_numpy (value) && load_api (FALSE))
    array = find_bytes (value, &self->is_scalar);
  if (array != NULL)
    dtype = describe (array->dtype);
  if (dtype == NULL)
    {
      Py_XDECREF ((PyObject *) array);
      return FALSE;
    }
  self->array = (PyObject *) array;
  self->dtype = dtype;
  self->is_fortran = (array->flags & C_CONTIGUOUS) == 0;
  self->n_dims = array->n_dims;
  self->dims = array->dims;
  self->data = array->data;
  self->n_bytes = (gsize) dtype->item_size;
  for (int i = 0; i < array->n_dims; i++)
    self->n_bytes *= (gsize) array->dims[i];
  return TRUE;
}

void
native_array_close (NativeArray *self)
{
  Py_CLEAR (self->array);
  g_clear_pointer (&self->dtype, dtype_unref);
}

/* An array with a copy of the bytes, or in the memory of @base if that is not NULL. */
PyObject *
native_array_new (const NativeArray *self,
                  PyObject          *base)
{
  PyObject *dtype = get_dtype (self->dtype);
  int flags = (self->is_fortran ? F_CONTIGUOUS : 0) | (base != NULL ? WRITEABLE : 0);
  Array *array;

  if (dtype == NULL)
    return NULL;
  array = ((Array *(*) (gpointer, PyObject *, int, const Py_ssize_t *, const Py_ssize_t *, void *,
                        int, PyObject *)) api[NEW_FROM_DTYPE])
    (api[ARRAY_TYPE], dtype, self->n_dims, self->dims, NULL, base != NULL ? self->data : NULL,
     flags, NULL);
  if (array == NULL)
    return NULL;
  if (base == NULL)
    memcpy (array->data, self->data, self->n_bytes);
  else if (((int (*) (Array *, PyObject *)) api[SET_BASE]) (array, Py_NewRef (base)) == -1)
    Py_CLEAR (array);
  return (PyObject *) array;
}

PyObject *
native_scalar_new (const NativeArray *self)
{
  PyObject *dtype = get_dtype (self->dtype);
  PyObject *scalar;

  if (dtype == NULL)
    return NULL;
  scalar = ((PyObject *(*) (void *, PyObject *, PyObject *)) api[SCALAR_NEW]) (self->data, dtype,
                                                                               NULL);
  Py_DECREF (dtype);
  return scalar;
}
