/* host.c: runs a worker's process with an object of host.py
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <time.h>

/* There is one in a process, and it lives as long as that. */
typedef struct {
  GmpHost parent_instance;
} GmprocHost;

typedef GmpHostClass GmprocHostClass;

static GType gmproc_host_get_type (void);

G_DEFINE_FINAL_TYPE (GmprocHost, gmproc_host, GMP_TYPE_HOST)

/* A page, what an allocator puts between two blocks, and how much is allocated in blocks of one
 * size, in bytes. */
#define GAP_PAGE   4096
#define GAP_HEADER 32
#define GAP_LIMIT  (256 * 1024)

/* Set once, by run_host(). */
static GmpHost *current;
static PyObject *in_python; /* the object of host.py */
static struct {
  PyObject *sys;            /* the module */
  PyObject *streams[2];     /* the names of its streams for output */
  PyObject *flush;          /* the name of a method */
} output;

/* Calls a method of host.py; NULL with @error set if it raised an exception. Takes ownership of
 * @args, a tuple or NULL with an exception. */
static PyObject *
call_method (const char *name,
             PyObject   *args,
             GError    **error)
{
  PyObject *method = args != NULL ? PyObject_GetAttrString (in_python, name) : NULL;
  PyObject *returned = method != NULL ? PyObject_Call (method, args, NULL) : NULL;

  if (returned != NULL && PyErr_CheckSignals () == -1)
    Py_CLEAR (returned);
  if (returned == NULL)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (method);
  Py_XDECREF (args);
  return returned;
}

/* Streams of sys, flushed so that the output of a call arrives before its result. The program may
 * replace them at any time, in any thread. FALSE with an exception if the handler of a signal has
 * raised it. */
static gboolean
flush_output (void)
{
  gboolean result = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (output.streams) && result; i++)
    {
      PyObject *stream = PyObject_GetAttr (output.sys, output.streams[i]);

      if (stream != NULL && stream != Py_None)
        Py_XDECREF (PyObject_CallMethodNoArgs (stream, output.flush));
      Py_XDECREF (stream);
      result = native_clear_refusal ();
    }
  return result;
}

static gboolean
find_output (void)
{
  output.sys = PyImport_ImportModule ("sys");
  output.streams[0] = PyUnicode_InternFromString ("stdout");
  output.streams[1] = PyUnicode_InternFromString ("stderr");
  output.flush = PyUnicode_InternFromString ("flush");
  return PyErr_Occurred () == NULL;
}

/* The value that replaces a result for the application. Clears the exception, which comes from
 * reading the call if @was_read is FALSE; where the package cannot describe it, it stays, and NULL
 * is returned. */
static GVariant *
describe_exception (gboolean was_read)
{
  PyObject *type, *exception, *trace, *boxed;
  GVariant *result = NULL;

  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  if (trace != NULL)
    PyException_SetTraceback (exception, trace);
  boxed = PyObject_CallFunctionObjArgs (native_helpers.fail_call, exception,
                                        was_read ? Py_True : Py_False, NULL);
  if (boxed == NULL || !native_get_params (boxed, &result))
    {
      Py_XDECREF (boxed);
      PyErr_Clear ();
      PyErr_Restore (type, exception, trace);
      return NULL;
    }
  Py_DECREF (boxed);
  Py_XDECREF (trace);
  Py_XDECREF (exception);
  Py_XDECREF (type);
  return result;
}

/* The result of (function, args, kwargs); NULL with an exception. */
static PyObject *
run_work (PyObject *work)
{
  PyObject *kwargs = PyTuple_GET_ITEM (work, 2);
  PyObject *returned;

  returned = PyObject_Call (PyTuple_GET_ITEM (work, 0), PyTuple_GET_ITEM (work, 1),
                            PyDict_Check (kwargs) ? kwargs : NULL);
  gmp_host_end_forked ();
  if (returned != NULL && PyCoro_CheckExact (returned))
    {
      PyObject *coroutine = returned;

      returned = PyObject_CallOneArg (native_helpers.end_call, coroutine);
      Py_DECREF (coroutine);
    }
  if (returned != NULL && PyErr_CheckSignals () == -1)
    Py_CLEAR (returned);
  return returned;
}

/* The (function, args, kwargs) of a call; NULL with an exception. */
static PyObject *
load_work (GVariant *params)
{
  PyObject *modules = PyImport_GetModuleDict ();
  Py_ssize_t n_modules = PyDict_Size (modules);
  PyObject *work = native_load_work (params);

  if (work != NULL && PyDict_Size (modules) > n_modules)
    {
      PyObject *returned = PyObject_CallNoArgs (native_helpers.loaded);

      if (returned == NULL)
        Py_CLEAR (work);
      Py_XDECREF (returned);
    }
  return work;
}

/* Executes a call of an Executor. This runs for each call. */
static GVariant *
call_work (GVariant *params,
           GError  **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *work = load_work (params);
  PyObject *returned = work != NULL ? run_work (work) : NULL;
  GVariant *result = NULL;

  if (returned != NULL)
    native_dump (returned, native_python (), TRUE, &result);
  if (PyErr_Occurred () != NULL)
    result = describe_exception (work != NULL);
  if (PyErr_Occurred () == NULL && !flush_output ())
    {
      g_clear_pointer (&result, g_variant_unref);
      result = describe_exception (TRUE);
    }
  if (PyErr_Occurred () != NULL)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (returned);
  Py_XDECREF (work);
  PyGILState_Release (state);
  return result;
}

/* TRUE if a target is that of an Executor's calls, which only Python applications send. */
static gboolean
is_work (const char *description)
{
  return strcmp (description, NATIVE_POOL_CALL) == 0 &&
         g_strcmp0 (gmp_worker_get_application_runtime (), "python") == 0;
}

/* An object of PyGObject whose methods the library calls, or a result. */
static GVariant *
call (GmpHost    *self,
      const char *description,
      const char *id,
      GVariant   *params,
      GError    **error)
{
  PyGILState_STATE state;
  PyObject *returned;
  GObject *object;
  GVariant *result = NULL;

  if (is_work (description))
    return call_work (params, error);
  state = PyGILState_Ensure ();
  returned = call_method ("call", Py_BuildValue ("(ss)", description, id), error);
  object = returned != NULL ? native_pygobject_get_object (returned) : NULL;

  if (object != NULL)
    {
      Py_BEGIN_ALLOW_THREADS
      result = gmp_host_call_instance (self, object, id, params, error);
      Py_END_ALLOW_THREADS
    }
  else if (returned != NULL && !native_get_params (returned, &result))
    {
      native_take_exception (error, NULL, NULL);
    }
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return result;
}

static GmpWorker *
build (GmpHost    *self G_GNUC_UNUSED,
       const char *description,
       const char *id,
       GError    **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *returned = call_method ("build", Py_BuildValue ("(ss)", description, id), error);
  GmpWorker *worker = returned != NULL ? native_object_find (returned, GMP_TYPE_WORKER) : NULL;

  if (worker != NULL)
    g_object_ref (worker);
  else if (returned != NULL)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return worker;
}

static gboolean
load (GmpHost  *self G_GNUC_UNUSED,
      GVariant *what,
      GError  **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *boxed = native_box_variant (what);
  PyObject *returned = call_method ("load", boxed != NULL ? Py_BuildValue ("(N)", boxed) : NULL,
                                    error);
  gboolean result = returned != NULL;

  Py_XDECREF (returned);
  PyGILState_Release (state);
  return result;
}

static int
host_fork (GmpHost *self G_GNUC_UNUSED,
           GError **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *returned = call_method ("fork", PyTuple_New (0), error);
  int pid = returned != NULL ? (int) PyLong_AsLong (returned) : -1;

  if (PyErr_Occurred () != NULL)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return pid;
}

static gboolean
prepare (GmpHost    *self G_GNUC_UNUSED,
         const char *description,
         const char *id,
         GVariant   *params,
         GError    **error)
{
  PyGILState_STATE state;
  PyObject *boxed, *args, *returned;
  gboolean result;

  if (is_work (description))
    return TRUE;
  state = PyGILState_Ensure ();
  boxed = native_box_variant (params);
  args = boxed != NULL ? Py_BuildValue ("(ssO)", description, id, boxed) : NULL;
  returned = call_method ("prepare", args, error);
  result = returned != NULL;

  /* The frame of a stored exception may keep it alive, and it may be large. */
  if (boxed != NULL)
    native_empty_variant (boxed);
  Py_XDECREF (boxed);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return result;
}

static void
gmproc_host_class_init (GmprocHostClass *klass)
{
  klass->call = call;
  klass->build = build;
  klass->load = load;
  klass->fork = host_fork;
  klass->prepare = prepare;
}

static void
gmproc_host_init (GmprocHost *self G_GNUC_UNUSED)
{
}

/* Runs this process as a worker, by the methods of an object; returns the exit status. */
PyObject *
native_run_host (PyObject *module G_GNUC_UNUSED,
                 PyObject *host)
{
  int status;

  if (current != NULL)
    return PyErr_Format (PyExc_RuntimeError, "This process has a host already");
  if (!find_output ())
    return NULL;
  current = g_object_new (gmproc_host_get_type (), NULL);
  in_python = Py_NewRef (host);
  Py_BEGIN_ALLOW_THREADS
  status = gmp_host_run (current);
  Py_END_ALLOW_THREADS
  return PyLong_FromLong (status);
}

/* Raises a GError with the reason why this process cannot be forked. */
PyObject *
native_check_fork (PyObject *module G_GNUC_UNUSED,
                   PyObject *unused G_GNUC_UNUSED)
{
  GError *error = NULL;

  if (current != NULL && !gmp_host_check_fork (current, &error))
    return native_raise (error);
  Py_RETURN_NONE;
}

PyObject *
native_report_modules (PyObject *module G_GNUC_UNUSED,
                       PyObject *names)
{
  g_auto (GStrv) strings = native_get_strings (names);

  if (strings == NULL)
    return NULL;
  if (current != NULL)
    gmp_host_report_modules (current, (const char * const *) strings);
  Py_RETURN_NONE;
}

PyObject *
native_report_slow (PyObject *module G_GNUC_UNUSED,
                    PyObject *names)
{
  g_auto (GStrv) strings = native_get_strings (names);

  if (strings == NULL)
    return NULL;
  if (current != NULL)
    gmp_host_report_slow (current, (const char * const *) strings);
  Py_RETURN_NONE;
}

/* Blocks of a size are allocated until as many as fill a page lie next to each other. */
static void
fill_gaps_of (gsize  size,
              void  *(*allocate) (gsize size))
{
  gsize in_a_row = 0;
  guintptr last = 0;

  for (gsize total = 0; in_a_row < GAP_PAGE && total < GAP_LIMIT; total += size)
    {
      guintptr block = (guintptr) allocate (size);

      in_a_row = block > last && block - last <= size + GAP_HEADER ? in_a_row + size : 0;
      last = block;
    }
}

/* For a process that is about to be forked: allocates what has been freed between other objects,
 * and keeps it. Memory that forks allocate then lies together on a few new pages. Otherwise it
 * would be scattered over many shared pages, and each fork would have to copy them. */
PyObject *
native_fill_gaps (PyObject *module G_GNUC_UNUSED,
                  PyObject *unused G_GNUC_UNUSED)
{
  for (gsize size = 16; size <= 512; size += 16)
    fill_gaps_of (size, PyObject_Malloc);
  for (gsize size = 24; size <= 1024; size += 16)
    fill_gaps_of (size, PyMem_RawMalloc);
  Py_RETURN_NONE;
}

static gboolean
append_value (PyObject *values,
              PyObject *value)
{
  if (PyErr_CheckSignals () == -1 || PyList_Append (values, value) == -1)
    Py_CLEAR (value);
  Py_XDECREF (value);
  return value != NULL;
}

/* In seconds, some milliseconds late: in a virtual machine an exact clock can take as long as a
 * call of a Python function. */
static double
get_coarse_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* (function, items, values, longest): appends to a list what a function returns for each of some
 * items. None is begun when that has taken as many seconds; 0 for any time. */
PyObject *
native_call_each (PyObject *module G_GNUC_UNUSED,
                  PyObject *args)
{
  PyObject *function, *items, *values;
  double longest;
  double end;

  if (!PyArg_ParseTuple (args, "OO!O!d", &function, &PyList_Type, &items, &PyList_Type, &values,
                         &longest))
    return NULL;
  end = longest > 0 ? get_coarse_time () + longest : G_MAXDOUBLE;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE (items); i++)
    {
      PyObject *item = Py_NewRef (PyList_GET_ITEM (items, i));
      PyObject *value = PyObject_CallOneArg (function, item);

      Py_DECREF (item);
      gmp_host_end_forked ();
      if (value != NULL && PyCoro_CheckExact (value))
        {
          PyObject *coroutine = value;

          value = PyObject_CallOneArg (native_helpers.complete, coroutine);
          Py_DECREF (coroutine);
        }
      if (value == NULL || !append_value (values, value))
        return NULL;
      if (get_coarse_time () >= end)
        break;
    }
  Py_RETURN_NONE;
}
