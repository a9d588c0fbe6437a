/* contexts.c: main contexts, for threads with runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <fcntl.h>
#include <unistd.h>

typedef struct {
  PyObject_HEAD
  GMainContext *context;
} Context;

static PyTypeObject *context_type;

/* GLib aborts the program if it has no descriptors for a context. Sets errno. */
static gboolean
has_descriptors (void)
{
  int fds[2];

  if (pipe2 (fds, O_CLOEXEC) != 0)
    return FALSE;
  close (fds[0]);
  close (fds[1]);
  return TRUE;
}

static PyObject *
context_new (PyTypeObject *type,
             PyObject     *args,
             PyObject     *kwargs G_GNUC_UNUSED)
{
  Context *self;

  if (!PyArg_ParseTuple (args, ":MainContext"))
    return NULL;
  if (!has_descriptors ())
    return PyErr_SetFromErrno (PyExc_OSError);
  self = (Context *) type->tp_alloc (type, 0);
  if (self != NULL)
    self->context = g_main_context_new ();
  return (PyObject *) self;
}

static void
context_dealloc (PyObject *self)
{
  PyTypeObject *type = Py_TYPE (self);

  g_clear_pointer (&((Context *) self)->context, g_main_context_unref);
  type->tp_free (self);
  Py_DECREF (type);
}

static PyObject *
context_wakeup (PyObject *self,
                PyObject *unused G_GNUC_UNUSED)
{
  g_main_context_wakeup (((Context *) self)->context);
  Py_RETURN_NONE;
}

static PyObject *
context_push (PyObject *self,
              PyObject *unused G_GNUC_UNUSED)
{
  g_main_context_push_thread_default (((Context *) self)->context);
  Py_RETURN_NONE;
}

static PyObject *
context_pop (PyObject *self,
             PyObject *unused G_GNUC_UNUSED)
{
  g_main_context_pop_thread_default (((Context *) self)->context);
  Py_RETURN_NONE;
}

static PyObject *
context_iterate (PyObject *self,
                 PyObject *unused G_GNUC_UNUSED)
{
  GMainContext *context = ((Context *) self)->context;

  Py_BEGIN_ALLOW_THREADS
  g_main_context_iteration (context, TRUE);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static PyMethodDef context_methods[] = {
  { "wakeup", context_wakeup, METH_NOARGS, "Has iterate() return, from any thread." },
  { "push", context_push, METH_NOARGS, "Runs that this thread begins are on this context." },
  { "pop", context_pop, METH_NOARGS, NULL },
  { "iterate", context_iterate, METH_NOARGS, "Waits for something to do, and does it." },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot context_slots[] = {
  { Py_tp_new, context_new },
  { Py_tp_dealloc, context_dealloc },
  { Py_tp_methods, context_methods },
  { Py_tp_doc, (gpointer) "A main context of GLib's." },
  { 0, NULL }
};

static PyType_Spec context_spec = {
  .name = "_gmproc.MainContext",
  .basicsize = sizeof (Context),
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = context_slots,
};

int
native_contexts_init (PyObject *module)
{
  context_type = (PyTypeObject *) PyType_FromSpec (&context_spec);
  return context_type != NULL ? PyModule_AddType (module, context_type) : -1;
}
