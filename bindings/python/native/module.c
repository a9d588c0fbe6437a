/* module.c: the extension module _gmproc, of which the package gmproc is made
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <stdlib.h>

NativeHelpers native_helpers;

/* Callbacks come from threads of C, which enter the main interpreter. If that one has loaded the
 * module, another one does not even initialise it, so each import checks this. */
static gboolean
check_interpreter (void)
{
  if (PyInterpreterState_Get () == PyInterpreterState_Main ())
    return TRUE;
  PyErr_SetString (PyExc_ImportError,
                   "gmproc does not work in a subinterpreter. If this one is mod_wsgi's, set "
                   "'WSGIApplicationGroup %{GLOBAL}'");
  return FALSE;
}

static PyObject *
use (PyObject *module G_GNUC_UNUSED,
     PyObject *args,
     PyObject *kwargs)
{
  static char *names[] = { (char *) "pickle", (char *) "dumps",
                           (char *) "unpickle", (char *) "load_large",
                           (char *) "dump_other", (char *) "load_object",
                           (char *) "refuse", (char *) "error",
                           (char *) "fail", (char *) "complete", (char *) "loaded",
                           (char *) "end_call", (char *) "fail_call",
                           (char *) "bad_payload", (char *) "find_numpy",
                           (char *) "describe_dtype",
                           (char *) "make_dtype", (char *) "to_gerror",
                           (char *) "is_of_signal", NULL };
  NativeHelpers *h = &native_helpers;
  PyObject **all[] = { &h->pickle, &h->dumps, &h->unpickle, &h->load_large, &h->dump_other,
                       &h->load_object, &h->refuse, &h->error, &h->fail, &h->complete, &h->loaded,
                       &h->end_call, &h->fail_call, &h->bad_payload, &h->find_numpy,
                       &h->describe_dtype, &h->make_dtype, &h->to_gerror, &h->is_of_signal };

  if (!check_interpreter () ||
      !PyArg_ParseTupleAndKeywords (args, kwargs, "$OOOOOOOOOOOOOOOOOOO:use", names, &h->pickle,
                                    &h->dumps, &h->unpickle, &h->load_large, &h->dump_other,
                                    &h->load_object, &h->refuse, &h->error, &h->fail, &h->complete,
                                    &h->loaded, &h->end_call, &h->fail_call, &h->bad_payload,
                                    &h->find_numpy, &h->describe_dtype, &h->make_dtype,
                                    &h->to_gerror, &h->is_of_signal))
    return NULL;
  /* Kept until the process ends. */
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    Py_INCREF (*all[i]);
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
  if (!native_get_params (boxed, &variant))
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
  /* Serialised here, so that the buffers may change later. */
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
    return PyErr_Format (PyExc_ValueError, "The value is not a pickle");
  return native_unwrap (variant, &data, &buffers) ? Py_BuildValue ("(NN)", data, buffers) : NULL;
}

/* As os.environ.get (), except in a program that has more rights than its caller. */
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

/* The tag of a pickle. */
static PyObject *
get_tag (PyObject *module G_GNUC_UNUSED,
         PyObject *boxed)
{
  g_autoptr (GVariant) variant = NULL;

  return native_get_params (boxed, &variant) ? native_get_tag (variant) : NULL;
}

/* From inside a worker. @send may wait until the application has read earlier messages. */
static PyObject *
send_report (PyObject  *boxed,
             gboolean (*send) (GVariant *, GError **))
{
  g_autoptr (GVariant) value = NULL;
  GError *error = NULL;
  gboolean is_sent;

  if (!native_get_params (boxed, &value))
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  is_sent = send (value, &error);
  Py_END_ALLOW_THREADS
  if (!is_sent)
    return native_raise (error);
  Py_RETURN_NONE;
}

static PyObject *
report (PyObject *module G_GNUC_UNUSED,
        PyObject *boxed)
{
  return send_report (boxed, gmp_worker_report);
}

static PyObject *
report_turn (PyObject *module G_GNUC_UNUSED,
             PyObject *boxed)
{
  return send_report (boxed, gmp_worker_report_turn);
}

/* A result: see values.c. */
static PyObject *
repeat_turn (PyObject *module G_GNUC_UNUSED,
             PyObject *unused G_GNUC_UNUSED)
{
  g_autoptr (GVariant) value = gmp_worker_repeat_turn ();

  return native_box_variant (value);
}

static PyObject *
get_node (PyObject *module G_GNUC_UNUSED,
          PyObject *unused G_GNUC_UNUSED)
{
  return Py_BuildValue ("z", gmp_worker_get_node ());
}

static PyObject *
is_worker (PyObject *module G_GNUC_UNUSED,
           PyObject *unused G_GNUC_UNUSED)
{
  return PyBool_FromLong (gmp_host_is_worker ());
}

/* True if a class of PyGObject is a worker class. */
static PyObject *
is_worker_type (PyObject *module G_GNUC_UNUSED,
                PyObject *kind)
{
  return PyBool_FromLong (g_type_is_a (native_pygobject_get_type (kind), GMP_TYPE_WORKER));
}

/* True if it is a subclass of Gmp.Workers. */
static PyObject *
is_workers_type (PyObject *module G_GNUC_UNUSED,
                 PyObject *kind)
{
  return PyBool_FromLong (g_type_is_a (native_pygobject_get_type (kind), GMP_TYPE_WORKERS));
}

static PyObject *
set_command (PyObject *module G_GNUC_UNUSED,
             PyObject *words)
{
  g_auto (GStrv) argv = native_get_strings (words);

  if (argv == NULL)
    return NULL;
  gmp_runtime_set_command ("python", (const char * const *) argv);
  Py_RETURN_NONE;
}

static PyObject *
add_modules (PyObject *module G_GNUC_UNUSED,
             PyObject *list)
{
  g_auto (GStrv) names = native_get_strings (list);

  if (names == NULL)
    return NULL;
  gmp_runtime_add_modules ("python", (const char * const *) names);
  Py_RETURN_NONE;
}

/* (dicts, key, values): whether each dict has the very same object for a key as before. Each run
 * asks that of the variables of some hundred modules. The lists do not change, and what is taken
 * out of the dicts is only compared. */
static PyObject *
have_same (PyObject *module G_GNUC_UNUSED,
           PyObject *args)
{
  PyObject *dicts, *key, *values;
  gboolean result;

  if (!PyArg_ParseTuple (args, "O!UO!", &PyList_Type, &dicts, &key, &PyList_Type, &values))
    return NULL;
  result = PyList_GET_SIZE (dicts) == PyList_GET_SIZE (values);
  for (Py_ssize_t i = 0; result && i < PyList_GET_SIZE (dicts); i++)
    result = PyDict_GetItemWithError (PyList_GET_ITEM (dicts, i), key) ==
             PyList_GET_ITEM (values, i);
  return PyErr_Occurred () == NULL ? PyBool_FromLong (result) : NULL;
}

/* (dict, keys, values): TRUE if a dict has exactly these objects, in this order. The objects
 * themselves are not read, so this takes a fraction of the time that a list of them takes. */
static PyObject *
have_items (PyObject *module G_GNUC_UNUSED,
            PyObject *args)
{
  PyObject *dict, *keys, *values, *key, *value;
  Py_ssize_t position = 0, i = 0;
  gboolean result;

  if (!PyArg_ParseTuple (args, "O!O!O!", &PyDict_Type, &dict, &PyList_Type, &keys, &PyList_Type,
                         &values))
    return NULL;
  result = PyDict_GET_SIZE (dict) == PyList_GET_SIZE (keys) &&
           PyList_GET_SIZE (keys) == PyList_GET_SIZE (values);
  Py_BEGIN_CRITICAL_SECTION (dict);
  while (result && PyDict_Next (dict, &position, &key, &value))
    {
      result = i < PyList_GET_SIZE (keys) && key == PyList_GET_ITEM (keys, i) &&
               value == PyList_GET_ITEM (values, i);
      i++;
    }
  Py_END_CRITICAL_SECTION ();
  return PyBool_FromLong (result);
}

static PyObject *
get_cold_start_reason (PyObject *module G_GNUC_UNUSED,
                       PyObject *unused G_GNUC_UNUSED)
{
  g_autofree char *reason = gmp_runtime_get_cold_start_reason ("python");

  if (reason == NULL)
    Py_RETURN_NONE;
  return PyUnicode_DecodeFSDefault (reason);
}

/* The name of an error domain, from its number in GLib. */
static PyObject *
get_domain (PyObject *module G_GNUC_UNUSED,
            PyObject *number)
{
  const char *name = g_quark_to_string ((GQuark) PyLong_AsUnsignedLong (number));

  if (PyErr_Occurred () != NULL)
    return NULL;
  return PyUnicode_FromString (name != NULL ? name : "");
}

static PyObject *
list_error_codes (PyObject *module G_GNUC_UNUSED,
                  PyObject *unused G_GNUC_UNUSED)
{
  return native_list_codes ();
}

static PyObject *
is_large (PyObject *module G_GNUC_UNUSED,
          PyObject *value)
{
  return PyBool_FromLong (native_is_large (value));
}

static PyMethodDef methods[] = {
  { "use", (PyCFunction) (gpointer) use, METH_VARARGS | METH_KEYWORDS, NULL },
  { "dump", dump, METH_VARARGS, NULL },
  { "load", load, METH_VARARGS, NULL },
  { "wrap", wrap, METH_VARARGS, NULL },
  { "unwrap", unwrap, METH_O, NULL },
  { "is_large", is_large, METH_O, NULL },
  { "classify", native_classify, METH_O, NULL },
  { "complete", (PyCFunction) (gpointer) native_complete, METH_FASTCALL, NULL },
  { "finalize", native_finalize, METH_VARARGS, NULL },
  { "end_forked", end_forked, METH_NOARGS, NULL },
  { "begin_signals", native_begin_signals, METH_O, NULL },
  { "end_signals", native_end_signals, METH_O, NULL },
  { "new_server", native_new_server, METH_O, NULL },
  { "new_client", native_new_client, METH_O, NULL },
  { "respond", native_respond, METH_VARARGS, NULL },
  { "getenv", read_variable, METH_O, NULL },
  { "get_tag", get_tag, METH_O, NULL },
  { "report", report, METH_O, NULL },
  { "report_turn", report_turn, METH_O, NULL },
  { "repeat_turn", repeat_turn, METH_NOARGS, NULL },
  { "get_node", get_node, METH_NOARGS, NULL },
  { "is_worker", is_worker, METH_NOARGS, NULL },
  { "is_worker_type", is_worker_type, METH_O, NULL },
  { "is_workers_type", is_workers_type, METH_O, NULL },
  { "run_host", native_run_host, METH_O, NULL },
  { "call_each", native_call_each, METH_VARARGS, NULL },
  { "check_fork", native_check_fork, METH_NOARGS, NULL },
  { "report_modules", native_report_modules, METH_O, NULL },
  { "report_slow", native_report_slow, METH_O, NULL },
  { "fill_gaps", native_fill_gaps, METH_NOARGS, NULL },
  { "set_command", set_command, METH_O, NULL },
  { "add_modules", add_modules, METH_O, NULL },
  { "have_same", have_same, METH_VARARGS, NULL },
  { "have_items", have_items, METH_VARARGS, NULL },
  { "get_cold_start_reason", get_cold_start_reason, METH_NOARGS, NULL },
  { "get_domain", get_domain, METH_O, NULL },
  { "list_error_codes", list_error_codes, METH_NOARGS, NULL },
  { "count_clients", native_count_clients, METH_NOARGS, NULL },
  { "watch", native_watch, METH_VARARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static struct PyModuleDef definition = {
  PyModuleDef_HEAD_INIT,
  .m_name = "_gmproc",
  .m_doc = "The C library, and what the package gmproc does for each message.",
  .m_size = -1,
  .m_methods = methods,
};

PyMODINIT_FUNC PyInit__gmproc (void);

PyMODINIT_FUNC
PyInit__gmproc (void)
{
  PyObject *module = check_interpreter () ? PyModule_Create (&definition) : NULL;

#ifdef Py_GIL_DISABLED
  if (module != NULL)
    PyUnstable_Module_SetGIL (module, Py_MOD_GIL_NOT_USED);
#endif
  if (module != NULL &&
      (native_variants_init (module) == -1 || native_buffers_init (module) == -1 ||
       native_shared_memory_init (module) == -1 ||
       native_objects_init (module) == -1 || native_applications_init (module) == -1 ||
       native_futures_init (module) == -1 ||
       native_pools_init (module) == -1 ||
       native_contexts_init (module) == -1 || native_requests_init (module) == -1 ||
       native_workers_init () == -1 || native_values_init () == -1 ||
       PyModule_AddStringConstant (module, "VERSION", gmp_get_version_string ()) == -1 ||
       PyModule_AddStringConstant (module, "DOMAIN", g_quark_to_string (GMP_ERROR)) == -1 ||
       PyModule_AddObject (module, "CANCELLED",
                           Py_BuildValue ("(si)", g_quark_to_string (G_IO_ERROR),
                                          G_IO_ERROR_CANCELLED)) == -1 ||
       PyModule_AddObject (module, "PENDING",
                           Py_BuildValue ("(si)", g_quark_to_string (G_IO_ERROR),
                                          G_IO_ERROR_PENDING)) == -1))
    Py_CLEAR (module);
  return module;
}
