/* buffers.c: bytes on their way out and in, without copies
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* Sending: a GVariant refers to the memory of a Python object. */

typedef struct _Loan {
  Py_buffer view;
  struct _Loan *next; /* of those that are released later */
} Loan;

static Loan *later;

static void
release (Loan *loan)
{
  PyBuffer_Release (&loan->view);
  g_free (loan);
}

/* Called by the interpreter. */
static int
release_later (gpointer unused G_GNUC_UNUSED)
{
  Loan *loan = g_atomic_pointer_exchange (&later, NULL);

  while (loan != NULL)
    {
      Loan *next = loan->next;

      release (loan);
      loan = next;
    }
  return 0;
}

/* Any thread may drop the last reference, also after Python's end, when the memory no longer
 * exists. */
static void
release_cb (gpointer user_data)
{
  Loan *loan = user_data;
  PyGILState_STATE state;

  if (!Py_IsInitialized ())
    return;
  if (!gmp_variant_may_wait ())
    {
      do
        loan->next = g_atomic_pointer_get (&later);
      while (!g_atomic_pointer_compare_and_exchange (&later, loan->next, loan));
      Py_AddPendingCall (release_later, NULL);
      return;
    }
  state = PyGILState_Ensure ();
  release (loan);
  PyGILState_Release (state);
}

/* An ay, floating, of the bytes of an object whose memory is contiguous, in any order. */
GVariant *
native_bytes_new (PyObject *object)
{
  Py_buffer *view;
  GVariant *variant;
  Loan *loan;

  if (PyBytes_CheckExact (object) && PyBytes_GET_SIZE (object) <= NATIVE_SMALL)
    return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, PyBytes_AS_STRING (object),
                                      (gsize) PyBytes_GET_SIZE (object), 1);
  loan = g_new (Loan, 1);
  view = &loan->view;
  if (PyObject_GetBuffer (object, view, PyBUF_ANY_CONTIGUOUS) == -1)
    {
      g_free (loan);
      return NULL;
    }
  if (view->len > NATIVE_SMALL)
    return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, view->buf, (gsize) view->len, TRUE,
                                    release_cb, loan);
  variant = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, view->buf, (gsize) view->len, 1);
  release (loan);
  return variant;
}

/* 'pieces' if one of some PickleBuffers is not contiguous, 'read-only' if one is read-only,
 * otherwise None. */
PyObject *
native_classify (PyObject *module G_GNUC_UNUSED,
                 PyObject *buffers)
{
  gboolean is_readonly = FALSE;

  if (!PyList_Check (buffers))
    return PyErr_Format (PyExc_TypeError, "a list of PickleBuffer is needed");
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE (buffers); i++)
    {
      const Py_buffer *view = PyPickleBuffer_GetBuffer (PyList_GET_ITEM (buffers, i));

      if (view == NULL)
        return NULL;
      if (!PyBuffer_IsContiguous (view, 'A'))
        return PyUnicode_FromString ("pieces");
      is_readonly |= view->readonly != 0;
    }
  if (is_readonly)
    return PyUnicode_FromString ("read-only");
  Py_RETURN_NONE;
}

/* Receiving: a Python object refers to the memory of a GVariant. */

typedef struct {
  PyObject_HEAD
  GVariant *variant;
  gpointer data;
  gboolean is_readonly;
} View;

static PyTypeObject *view_type;

static int
view_get_buffer (PyObject  *self,
                 Py_buffer *buffer,
                 int        flags)
{
  View *view = (View *) self;

  return PyBuffer_FillInfo (buffer, self, view->data,
                            (Py_ssize_t) g_variant_get_size (view->variant), view->is_readonly,
                            flags);
}

static void
view_dealloc (PyObject *self)
{
  PyTypeObject *type = Py_TYPE (self);

  g_clear_pointer (&((View *) self)->variant, g_variant_unref);
  type->tp_free (self);
  Py_DECREF (type);
}

static PyType_Slot view_slots[] = {
  { Py_tp_new, native_refuse_new },
  { Py_tp_dealloc, view_dealloc },
  { Py_bf_getbuffer, view_get_buffer },
  { Py_tp_doc, (gpointer) "Bytes that came from another process: memoryview (view)." },
  { 0, NULL }
};

static PyType_Spec view_spec = {
  .name = "_gmproc.View",
  .basicsize = sizeof (View),
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = view_slots,
};

int
native_buffers_init (PyObject *module)
{
  view_type = (PyTypeObject *) PyType_FromSpec (&view_spec);
  return view_type != NULL ? PyModule_AddType (module, view_type) : -1;
}

static PyObject *
make_view (GVariant *variant,
           gpointer  data,
           gboolean  is_readonly)
{
  View *view = PyObject_New (View, view_type);

  if (view != NULL)
    {
      view->variant = g_variant_ref (variant);
      view->data = data;
      view->is_readonly = is_readonly;
    }
  return (PyObject *) view;
}

/* @data is memory of @variant that may be written to. */
PyObject *
native_view_new (GVariant *variant,
                 gpointer  data)
{
  return make_view (variant, data, FALSE);
}

/* The writable bytes of an ay: in place if they are private to this process, otherwise in a
 * bytearray. */
PyObject *
native_bytes_to_write (GVariant *variant)
{
  gsize size = g_variant_get_size (variant);
  gpointer data = size > NATIVE_SMALL ? gmp_variant_get_private_data (variant) : NULL;

  if (data != NULL)
    return native_view_new (variant, data);
  return PyByteArray_FromStringAndSize (g_variant_get_data (variant), (Py_ssize_t) size);
}

/* The bytes of an ay, to be read immediately. */
PyObject *
native_bytes_to_read (GVariant *variant)
{
  gsize size = g_variant_get_size (variant);
  gpointer data = (gpointer) g_variant_get_data (variant);

  if (size > NATIVE_SMALL)
    return make_view (variant, data, TRUE);
  return PyBytes_FromStringAndSize (data, (Py_ssize_t) size);
}
