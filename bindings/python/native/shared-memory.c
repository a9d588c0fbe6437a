/* shared-memory.c: the type SharedMemory, of which SharedArray is made
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <structmember.h>

typedef struct {
  PyObject_HEAD
  GmpSharedMemory *memory;
  PyObject *weak_references;
} Memory;

static PyTypeObject *memory_type;

/* Takes ownership of @memory, which is NULL if @error is set. */
static PyObject *
box (GmpSharedMemory *memory,
     GError          *error)
{
  Memory *self;

  if (memory == NULL)
    return native_raise (error);
  self = (Memory *) memory_type->tp_alloc (memory_type, 0);
  if (self != NULL)
    self->memory = memory;
  else
    g_object_unref (memory);
  return (PyObject *) self;
}

static PyObject *
memory_new (PyTypeObject *type G_GNUC_UNUSED,
            PyObject     *args,
            PyObject     *kwargs G_GNUC_UNUSED)
{
  GError *error = NULL;
  GmpSharedMemory *memory;
  Py_ssize_t size;

  if (!PyArg_ParseTuple (args, "n:SharedMemory", &size))
    return NULL;
  memory = gmp_shared_memory_new ((gsize) MAX (size, 0), &error);
  return box (memory, error);
}

static PyObject *
memory_from_variant (PyObject *type G_GNUC_UNUSED,
                     PyObject *boxed)
{
  g_autoptr (GVariant) variant = native_get_variant (boxed);
  GError *error = NULL;
  GmpSharedMemory *memory;

  if (variant == NULL)
    return NULL;
  memory = gmp_shared_memory_from_variant (variant, &error);
  return box (memory, error);
}

static PyObject *
memory_to_variant (PyObject *self,
                   PyObject *unused G_GNUC_UNUSED)
{
  return native_box_variant (gmp_shared_memory_to_variant (((Memory *) self)->memory));
}

static int
memory_get_buffer (PyObject  *self,
                   Py_buffer *buffer,
                   int        flags)
{
  GmpSharedMemory *memory = ((Memory *) self)->memory;

  return PyBuffer_FillInfo (buffer, self, gmp_shared_memory_get_data (memory),
                            (Py_ssize_t) gmp_shared_memory_get_size (memory), FALSE, flags);
}

static void
memory_dealloc (PyObject *self)
{
  PyTypeObject *type = Py_TYPE (self);

  PyObject_ClearWeakRefs (self);
  g_clear_object (&((Memory *) self)->memory);
  type->tp_free (self);
  Py_DECREF (type);
}

static PyMethodDef memory_methods[] = {
  { "from_variant", memory_from_variant, METH_O | METH_STATIC,
    "The memory that another process shares." },
  { "to_variant", memory_to_variant, METH_NOARGS, "What to send to another process." },
  { NULL, NULL, 0, NULL }
};

static PyMemberDef memory_members[] = {
  { "__weaklistoffset__", T_PYSSIZET, offsetof (Memory, weak_references), READONLY, NULL },
  { NULL, 0, 0, 0, NULL }
};

static PyType_Slot memory_slots[] = {
  { Py_tp_new, memory_new },
  { Py_tp_dealloc, memory_dealloc },
  { Py_tp_methods, memory_methods },
  { Py_tp_members, memory_members },
  { Py_bf_getbuffer, memory_get_buffer },
  { Py_tp_doc, (gpointer) "Memory that several processes read and write: memoryview (memory)." },
  { 0, NULL }
};

static PyType_Spec memory_spec = {
  .name = "_gmproc.SharedMemory",
  .basicsize = sizeof (Memory),
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = memory_slots,
};

int
native_shared_memory_init (PyObject *module)
{
  memory_type = (PyTypeObject *) PyType_FromSpec (&memory_spec);
  return memory_type != NULL ? PyModule_AddType (module, memory_type) : -1;
}
