/* applications.c: the library's Workers and ClientServer, and their runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

static PyTypeObject *workers_type;
static PyTypeObject *client_server_type;
static PyTypeObject *local_server_type;

/* A Python function that C calls, and the function that receives its exceptions. */
typedef struct {
  PyObject *callback;
  PyObject *catch;
} Callback;

static Callback *
callback_new (PyObject *callback,
              PyObject *catch)
{
  Callback *self = g_new (Callback, 1);

  self->callback = Py_NewRef (callback);
  self->catch = Py_NewRef (catch);
  return self;
}

static void
callback_free (gpointer data)
{
  Callback *self = data;
  PyGILState_STATE state = PyGILState_Ensure ();

  Py_DECREF (self->callback);
  Py_DECREF (self->catch);
  PyGILState_Release (state);
  g_free (self);
}

/* A run has ended, with @error (nullable). Takes ownership of both. What interrupts a callback of
 * the main loop is printed, as in PyGObject, and SystemExit ends the process. */
static void
call_ended (PyObject *callback,
            GError   *error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *boxed = native_box_error (error);

  if (boxed == NULL || !native_call_to_its_end (callback, boxed))
    PyErr_PrintEx (FALSE); /* sys.last_value would keep the run */
  g_clear_error (&error);
  Py_XDECREF (boxed);
  Py_DECREF (callback);
  PyGILState_Release (state);
}

/* The outcome of a blocking run; its signals contain the results too. */
static PyObject *
conclude (GVariant *results,
          GError   *error)
{
  if (results == NULL)
    return native_raise (error);
  g_variant_unref (results);
  Py_RETURN_NONE;
}

/* As in C, an object belongs to one thread at a time. Only adding workers, and setting their
 * parameters, is safe in several threads, as a GIL makes it. */

static PyObject *
get_failures (PyObject *self,
              PyObject *unused G_GNUC_UNUSED)
{
  g_autoptr (GPtrArray) failures = gmp_runner_get_failures (native_object_get (self));
  PyObject *list = PyList_New (0);

  for (guint i = 0; list != NULL && i < failures->len; i++)
    {
      PyObject *values = native_list_values (failures->pdata[i]);

      if (values == NULL || PyList_Append (list, values) == -1)
        Py_CLEAR (list);
      Py_XDECREF (values);
    }
  return list;
}

static PyObject *
count_slots (PyObject *self,
             PyObject *unused G_GNUC_UNUSED)
{
  return PyLong_FromUnsignedLong (gmp_runner_count_slots (native_object_get (self)));
}

static PyObject *
was_interrupted (PyObject *self,
                 PyObject *unused G_GNUC_UNUSED)
{
  return PyBool_FromLong (gmp_runner_was_interrupted (native_object_get (self)));
}

static GType
get_gtype (PyObject *type)
{
  return (PyTypeObject *) type == workers_type ? GMP_TYPE_WORKERS : GMP_TYPE_CLIENT_SERVER;
}

static PyObject *
list_options (PyObject *type,
              PyObject *unused G_GNUC_UNUSED)
{
  return native_list_options (get_gtype (type));
}

static PyObject *
check_property (PyObject *type,
                PyObject *args)
{
  return native_check_property (get_gtype (type), args);
}

/* Workers. */

static PyObject *
workers_new (PyTypeObject *type,
             PyObject     *args,
             PyObject     *kwargs)
{
  GObject *workers;

  if (!PyArg_ParseTuple (args, ":Workers"))
    return NULL;
  workers = native_object_make (GMP_TYPE_WORKERS, kwargs);
  return workers != NULL ? native_object_new (type, workers) : NULL;
}

static PyObject *
workers_add_target (PyObject *self,
                    PyObject *args)
{
  int id;
  const char *target;
  GError *error = NULL;
  gboolean result;

  if (!PyArg_ParseTuple (args, "is:add_target", &id, &target))
    return NULL;
  Py_BEGIN_CRITICAL_SECTION (self);
  result = gmp_workers_add_target (native_object_get (self), id, target, NULL, &error);
  Py_END_CRITICAL_SECTION ();
  if (!result)
    return native_raise (error);
  Py_RETURN_NONE;
}

static PyObject *
workers_set_label (PyObject *self,
                   PyObject *args)
{
  int id;
  const char *label;

  if (!PyArg_ParseTuple (args, "is:set_label", &id, &label))
    return NULL;
  Py_BEGIN_CRITICAL_SECTION (self);
  gmp_workers_set_label (native_object_get (self), id, label);
  Py_END_CRITICAL_SECTION ();
  Py_RETURN_NONE;
}

static PyObject *
workers_set_params (PyObject *self,
                    PyObject *args)
{
  g_autoptr (GVariant) params = NULL;
  GError *error = NULL;
  PyObject *boxed;
  gboolean result;
  int id;

  if (!PyArg_ParseTuple (args, "iO:set_params", &id, &boxed) ||
      !native_get_params (boxed, &params))
    return NULL;
  Py_BEGIN_CRITICAL_SECTION (self);
  result = gmp_workers_set_params (native_object_get (self), id, params, &error);
  Py_END_CRITICAL_SECTION ();
  if (!result)
    return native_raise (error);
  Py_RETURN_NONE;
}

static PyObject *
workers_run_again (PyObject *self,
                   PyObject *args)
{
  GmpWorkers *workers = native_object_get (self);
  GError *error = NULL;
  gboolean result;
  int id;

  if (!PyArg_ParseTuple (args, "i:run_again", &id))
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  result = gmp_workers_run_again (workers, id, &error);
  Py_END_ALLOW_THREADS
  if (!result)
    return native_raise (error);
  Py_RETURN_NONE;
}

static PyObject *
workers_fail (PyObject *self,
              PyObject *args)
{
  GmpWorkers *workers = native_object_get (self);
  g_autoptr (GError) reason = NULL;
  PyObject *object;
  gboolean result;
  int id;

  if (!PyArg_ParseTuple (args, "iO:fail", &id, &object))
    return NULL;
  native_to_gerror (object, &reason);
  Py_BEGIN_ALLOW_THREADS
  result = gmp_workers_fail (workers, id, reason, NULL);
  Py_END_ALLOW_THREADS
  return PyBool_FromLong (result);
}

static PyObject *
workers_get_node (PyObject *self,
                  PyObject *args)
{
  int id;

  if (!PyArg_ParseTuple (args, "i:get_node", &id))
    return NULL;
  return Py_BuildValue ("z", gmp_workers_get_node (native_object_get (self), id));
}

/* NULL with an exception if it is not a list of int. It is the package's own, and does not
 * change. */
static int *
get_ids (PyObject *list,
         gsize    *n_ids)
{
  Py_ssize_t n = PyList_GET_SIZE (list);
  g_autofree int *ids = g_new0 (int, n + 1);

  for (Py_ssize_t i = 0; i < n; i++)
    ids[i] = (int) PyLong_AsLong (PyList_GET_ITEM (list, i));
  *n_ids = (gsize) n;
  return PyErr_Occurred () == NULL ? g_steal_pointer (&ids) : NULL;
}

static PyObject *
workers_run (PyObject *self,
             PyObject *args)
{
  GmpWorkers *workers = native_object_get (self);
  PyObject *list, *object;
  g_autofree int *ids = NULL;
  gsize n_ids;
  GCancellable *cancellable;
  GError *error = NULL;
  GVariant *results;

  if (!PyArg_ParseTuple (args, "O!O:run", &PyList_Type, &list, &object))
    return NULL;
  ids = get_ids (list, &n_ids);
  cancellable = native_object_find (object, G_TYPE_CANCELLABLE);
  if (ids == NULL || cancellable == NULL)
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  results = gmp_workers_run (workers, ids, n_ids, cancellable, &error);
  Py_END_ALLOW_THREADS
  return conclude (results, error);
}

static void
workers_ran_cb (GObject      *workers,
                GAsyncResult *result,
                gpointer      user_data)
{
  GError *error = NULL;
  g_autoptr (GVariant) results = gmp_workers_run_finish (GMP_WORKERS (workers), result, &error);

  call_ended (user_data, error);
}

static PyObject *
workers_run_async (PyObject *self,
                   PyObject *args)
{
  GmpWorkers *workers = native_object_get (self);
  PyObject *list, *object, *callback;
  g_autofree int *ids = NULL;
  gsize n_ids;
  GCancellable *cancellable;

  if (!PyArg_ParseTuple (args, "O!OO:run_async", &PyList_Type, &list, &object, &callback))
    return NULL;
  ids = get_ids (list, &n_ids);
  cancellable = native_object_find (object, G_TYPE_CANCELLABLE);
  if (ids == NULL || cancellable == NULL)
    return NULL;
  Py_INCREF (callback);
  Py_BEGIN_ALLOW_THREADS
  gmp_workers_run_async (workers, ids, n_ids, cancellable, workers_ran_cb, callback);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static void
feed_cb (gpointer user_data)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *callback = Py_NewRef (((Callback *) user_data)->callback);
  PyObject *catch = Py_NewRef (((Callback *) user_data)->catch);

  /* This may release the run and its callback. */
  native_call_guarded (callback, PyTuple_New (0), catch);
  Py_DECREF (callback);
  Py_DECREF (catch);
  PyGILState_Release (state);
}

static PyObject *
workers_hold (PyObject *self,
              PyObject *args)
{
  GmpWorkers *workers = native_object_get (self);
  PyObject *feed, *catch;
  Callback *callback;
  unsigned n_workers;

  if (!PyArg_ParseTuple (args, "IOO:hold", &n_workers, &feed, &catch))
    return NULL;
  callback = callback_new (feed, catch);
  gmp_workers_hold (workers, n_workers, feed_cb, callback, callback_free);
  Py_RETURN_NONE;
}

static PyObject *
workers_wake (PyObject *self,
              PyObject *unused G_GNUC_UNUSED)
{
  gmp_workers_wake (native_object_get (self));
  Py_RETURN_NONE;
}

static PyObject *
workers_release (PyObject *self,
                 PyObject *unused G_GNUC_UNUSED)
{
  gmp_workers_release (native_object_get (self));
  Py_RETURN_NONE;
}

static PyMethodDef workers_methods[] = {
  { "list_options", list_options, METH_NOARGS | METH_CLASS, NULL },
  { "check_property", check_property, METH_VARARGS | METH_CLASS, NULL },
  { "add_target", workers_add_target, METH_VARARGS, NULL },
  { "set_label", workers_set_label, METH_VARARGS, NULL },
  { "set_params", workers_set_params, METH_VARARGS, NULL },
  { "run", workers_run, METH_VARARGS, NULL },
  { "run_async", workers_run_async, METH_VARARGS, NULL },
  { "run_again", workers_run_again, METH_VARARGS, NULL },
  { "hold", workers_hold, METH_VARARGS, NULL },
  { "wake", workers_wake, METH_NOARGS, NULL },
  { "release", workers_release, METH_NOARGS, NULL },
  { "fail", workers_fail, METH_VARARGS, NULL },
  { "get_node", workers_get_node, METH_VARARGS, NULL },
  { "count_slots", count_slots, METH_NOARGS, NULL },
  { "get_failures", get_failures, METH_NOARGS, NULL },
  { "was_interrupted", was_interrupted, METH_NOARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot workers_slots[] = {
  { Py_tp_new, workers_new },
  { Py_tp_methods, workers_methods },
  { Py_tp_doc, (gpointer) "Gmp.Workers." },
  { 0, NULL }
};

static PyType_Spec workers_spec = {
  .name = "_gmproc.Workers",
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = workers_slots,
};

/* ClientServer. */

static PyObject *
client_server_new (PyTypeObject *type,
                   PyObject     *args,
                   PyObject     *kwargs)
{
  GObject *application;

  if (!PyArg_ParseTuple (args, ":ClientServer"))
    return NULL;
  application = native_object_make (GMP_TYPE_CLIENT_SERVER, kwargs);
  return application != NULL ? native_object_new (type, application) : NULL;
}

static PyObject *
client_server_new_worker_target (PyObject *self,
                                 PyObject *args)
{
  g_autoptr (GVariant) params = NULL;
  const char *id, *target;
  GError *error = NULL;
  GmpClientServer *application = native_object_get (self);
  gboolean result;
  PyObject *boxed;

  if (!PyArg_ParseTuple (args, "ssO:new_worker_target", &id, &target, &boxed) ||
      !native_get_params (boxed, &params))
    return NULL;
  /* Starts the client if a run is open. */
  Py_BEGIN_ALLOW_THREADS
  result = gmp_client_server_new_worker_target (application, id, target, params, &error);
  Py_END_ALLOW_THREADS
  if (!result)
    return native_raise (error);
  Py_RETURN_NONE;
}

static PyObject *
client_server_run (PyObject *self,
                   PyObject *args)
{
  GmpClientServer *application = native_object_get (self);
  g_autoptr (GVariant) params = NULL;
  PyObject *boxed, *object;
  GCancellable *cancellable;
  GError *error = NULL;
  GVariant *results;

  if (!PyArg_ParseTuple (args, "OO:run", &boxed, &object) || !native_get_params (boxed, &params))
    return NULL;
  cancellable = native_object_find (object, G_TYPE_CANCELLABLE);
  if (cancellable == NULL)
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  results = gmp_client_server_run (application, params, cancellable, &error);
  Py_END_ALLOW_THREADS
  return conclude (results, error);
}

static void
client_server_ran_cb (GObject      *application,
                      GAsyncResult *result,
                      gpointer      user_data)
{
  GError *error = NULL;
  g_autoptr (GVariant) results = gmp_client_server_run_finish (GMP_CLIENT_SERVER (application),
                                                               result, &error);

  call_ended (user_data, error);
}

static PyObject *
client_server_run_async (PyObject *self,
                         PyObject *args)
{
  GmpClientServer *application = native_object_get (self);
  g_autoptr (GVariant) params = NULL;
  PyObject *boxed, *object, *callback;
  GCancellable *cancellable;

  if (!PyArg_ParseTuple (args, "OOO:run_async", &boxed, &object, &callback) ||
      !native_get_params (boxed, &params))
    return NULL;
  cancellable = native_object_find (object, G_TYPE_CANCELLABLE);
  if (cancellable == NULL)
    return NULL;
  Py_INCREF (callback);
  Py_BEGIN_ALLOW_THREADS
  gmp_client_server_run_async (application, params, cancellable, client_server_ran_cb,
                               callback);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static PyObject *
client_server_stop (PyObject *self,
                    PyObject *unused G_GNUC_UNUSED)
{
  GmpClientServer *application = native_object_get (self);

  Py_BEGIN_ALLOW_THREADS
  gmp_client_server_stop (application);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static PyObject *
client_server_get_node (PyObject *self,
                        PyObject *args)
{
  const char *id;

  if (!PyArg_ParseTuple (args, "s:get_node", &id))
    return NULL;
  return Py_BuildValue ("z", gmp_client_server_get_node (native_object_get (self), id));
}

static PyObject *
client_server_get_n_clients (PyObject *self,
                             PyObject *unused G_GNUC_UNUSED)
{
  return PyLong_FromUnsignedLong (gmp_client_server_get_n_clients (native_object_get (self)));
}

static PyObject *
client_server_get_server_result (PyObject *self,
                                 PyObject *unused G_GNUC_UNUSED)
{
  g_autoptr (GVariant) result = gmp_client_server_get_server_result (native_object_get (self));

  return native_box_variant (result);
}

static PyMethodDef client_server_methods[] = {
  { "list_options", list_options, METH_NOARGS | METH_CLASS, NULL },
  { "check_property", check_property, METH_VARARGS | METH_CLASS, NULL },
  { "new_worker_target", client_server_new_worker_target, METH_VARARGS, NULL },
  { "run", client_server_run, METH_VARARGS, NULL },
  { "run_async", client_server_run_async, METH_VARARGS, NULL },
  { "open", native_open_run, METH_O, NULL },
  { "receive", native_receive, METH_VARARGS, NULL },
  { "close", native_close_run, METH_O, NULL },
  { "stop", client_server_stop, METH_NOARGS, NULL },
  { "get_n_clients", client_server_get_n_clients, METH_NOARGS, NULL },
  { "get_node", client_server_get_node, METH_VARARGS, NULL },
  { "get_server_result", client_server_get_server_result, METH_NOARGS, NULL },
  { "get_failures", get_failures, METH_NOARGS, NULL },
  { "was_interrupted", was_interrupted, METH_NOARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot client_server_slots[] = {
  { Py_tp_new, client_server_new },
  { Py_tp_methods, client_server_methods },
  { Py_tp_doc, (gpointer) "Gmp.ClientServer." },
  { 0, NULL }
};

static PyType_Spec client_server_spec = {
  .name = "_gmproc.ClientServer",
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .slots = client_server_slots,
};

/* LocalServer. */

static PyObject *
local_server_new (PyTypeObject *type,
                  PyObject     *args,
                  PyObject     *kwargs)
{
  PyObject *handler;
  GObject *application;

  if (!PyArg_ParseTuple (args, "O:LocalServer", &handler))
    return NULL;
  application = native_local_server_make (handler, kwargs);
  return application != NULL ? native_object_new (type, application) : NULL;
}

static PyObject *
local_server_forget (PyObject *self,
                     PyObject *unused G_GNUC_UNUSED)
{
  native_local_server_forget (native_object_get (self));
  Py_RETURN_NONE;
}

static PyMethodDef local_server_methods[] = {
  { "forget", local_server_forget, METH_NOARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot local_server_slots[] = {
  { Py_tp_new, local_server_new },
  { Py_tp_methods, local_server_methods },
  { Py_tp_doc, (gpointer) "A ClientServer whose clients are served by methods of an object." },
  { 0, NULL }
};

static PyType_Spec local_server_spec = {
  .name = "_gmproc.LocalServer",
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = local_server_slots,
};

int
native_applications_init (PyObject *module)
{
  workers_type = native_object_type_new (module, &workers_spec, NULL);
  client_server_type = native_object_type_new (module, &client_server_spec, NULL);
  if (client_server_type != NULL)
    local_server_type = native_object_type_new (module, &local_server_spec, client_server_type);
  return workers_type != NULL && local_server_type != NULL ? 0 : -1;
}
