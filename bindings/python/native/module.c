/* module.c: the extension module _gmproc, of which the package gmproc is made
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <stdlib.h>

NativeHelpers native_helpers;

static PyObject *
use (PyObject *module G_GNUC_UNUSED,
     PyObject *args,
     PyObject *kwargs)
{
  static char *names[] = { (char *) "pickle", (char *) "unpickle", (char *) "to_natural",
                           (char *) "from_natural", (char *) "refuse", (char *) "fail",
                           (char *) "complete", NULL };
  NativeHelpers *h = &native_helpers;

  if (!PyArg_ParseTupleAndKeywords (args, kwargs, "$OOOOOOO:use", names, &h->pickle, &h->unpickle,
                                    &h->to_natural, &h->from_natural, &h->refuse, &h->fail,
                                    &h->complete))
    return NULL;
  /* For as long as the process lives. */
  Py_INCREF (h->pickle);
  Py_INCREF (h->unpickle);
  Py_INCREF (h->to_natural);
  Py_INCREF (h->from_natural);
  Py_INCREF (h->refuse);
  Py_INCREF (h->fail);
  Py_INCREF (h->complete);
  Py_RETURN_NONE;
}

static PyObject *
dump (PyObject *module G_GNUC_UNUSED,
      PyObject *args)
{
  g_autoptr (GVariant) variant = NULL;
  PyObject *value, *runtime;
  int has_main;

  if (!PyArg_ParseTuple (args, "OOp:dump", &value, &runtime, &has_main) ||
      !native_dump (value, runtime, has_main, &variant))
    return NULL;
  return native_box_variant (variant);
}

static PyObject *
load (PyObject *module G_GNUC_UNUSED,
      PyObject *args)
{
  g_autoptr (GVariant) variant = NULL;
  PyObject *boxed, *runtime;

  if (!PyArg_ParseTuple (args, "OO:load", &boxed, &runtime))
    return NULL;
  if (boxed != Py_None && (variant = native_get_variant (boxed)) == NULL)
    return NULL;
  return native_load (variant, runtime);
}

static PyObject *
wrap (PyObject *module G_GNUC_UNUSED,
      PyObject *args)
{
  g_autoptr (GVariant) variant = NULL;
  const char *tag;
  PyObject *data, *buffers;

  if (!PyArg_ParseTuple (args, "sOO!:wrap", &tag, &data, &PyList_Type, &buffers))
    return NULL;
  variant = native_wrap (tag, data, buffers);
  if (variant == NULL)
    return NULL;
  /* Serialised here, so that what happens to the buffers later does not matter. */
  g_variant_get_data (variant);
  return native_box_variant (variant);
}

static PyObject *
unwrap (PyObject *module G_GNUC_UNUSED,
        PyObject *boxed)
{
  g_autoptr (GVariant) variant = native_get_variant (boxed);
  PyObject *data, *buffers;

  if (variant == NULL)
    return NULL;
  if (!native_is_pickle (variant))
    return PyErr_Format (PyExc_ValueError, "This is no pickle");
  return native_unwrap (variant, &data, &buffers) ? Py_BuildValue ("(NN)", data, buffers) : NULL;
}

/* As os.environ.get (), but for a program that has more rights than its caller. */
static PyObject *
read_variable (PyObject *module G_GNUC_UNUSED,
               PyObject *name)
{
  const char *text = PyUnicode_AsUTF8 (name);
  const char *value = text != NULL ? secure_getenv (text) : NULL;

  if (text == NULL)
    return NULL;
  if (value == NULL)
    Py_RETURN_NONE;
  return PyUnicode_DecodeFSDefault (value);
}

static PyObject *
end_forked (PyObject *module G_GNUC_UNUSED,
            PyObject *unused G_GNUC_UNUSED)
{
  gmp_host_end_forked ();
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
  { "use", (PyCFunction) (gpointer) use, METH_VARARGS | METH_KEYWORDS, NULL },
  { "dump", dump, METH_VARARGS, NULL },
  { "load", load, METH_VARARGS, NULL },
  { "wrap", wrap, METH_VARARGS, NULL },
  { "unwrap", unwrap, METH_O, NULL },
  { "classify", native_classify, METH_O, NULL },
  { "complete", native_complete, METH_O, NULL },
  { "end_forked", end_forked, METH_NOARGS, NULL },
  { "begin_signals", native_begin_signals, METH_O, NULL },
  { "end_signals", native_end_signals, METH_O, NULL },
  { "new_server", native_new_server, METH_O, NULL },
  { "new_client", native_new_client, METH_O, NULL },
  { "getenv", read_variable, METH_O, NULL },
  { "count_clients", native_count_clients, METH_NOARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT,
  .m_name = "_gmproc",
  .m_doc = "What the package gmproc does in C, because it does it for each message.",
  .m_size = -1,
  .m_methods = methods,
};

PyMODINIT_FUNC PyInit__gmproc (void);

PyMODINIT_FUNC
PyInit__gmproc (void)
{
  PyObject *module = PyModule_Create (&definition);

  if (module != NULL &&
      (native_boxes_init () == -1 || native_buffers_init (module) == -1 ||
       native_signals_init (module) == -1 || native_workers_init () == -1))
    Py_CLEAR (module);
  return module;
}
