/* workers.c: the workers that the C library runs in a worker's process; they call the user's
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* The virtual methods are called without the GIL, and take it while they run. Steps that run once
 * in a life are left to @life, an object of _adapters.py. */
typedef struct {
  PyObject *life;
  PyObject *user;  /* the user's server or client; NULL before start */
  PyObject *peers; /* a dict: of (id, runtime), by the names on the wire */
} Life;

typedef struct {
  GmpServerWorker parent_instance;
  Life life;
} GmprocServer, GmprocRequestServer, GmprocBatchServer;

typedef struct {
  GmpClientWorker parent_instance;
  Life life;
} GmprocClient;

typedef GmpServerWorkerClass GmprocServerClass, GmprocRequestServerClass, GmprocBatchServerClass;
typedef GmpClientWorkerClass GmprocClientClass;

static GType gmproc_server_get_type (void);
static GType gmproc_request_server_get_type (void);
static GType gmproc_batch_server_get_type (void);
static GType gmproc_client_get_type (void);

/* The class shows the library how a server takes requests. */
G_DEFINE_TYPE (GmprocServer, gmproc_server, GMP_TYPE_SERVER_WORKER)
G_DEFINE_FINAL_TYPE (GmprocRequestServer, gmproc_request_server, gmproc_server_get_type ())
G_DEFINE_FINAL_TYPE (GmprocBatchServer, gmproc_batch_server, gmproc_server_get_type ())
G_DEFINE_FINAL_TYPE (GmprocClient, gmproc_client, GMP_TYPE_CLIENT_WORKER)

static GmpServerWorker *current_server; /* of this process; under the lock */
static NativeLock lock;

/* The Python names of methods. */
static struct {
  PyObject *start, *done, *process, *update, *wait, *finish;
  PyObject *request, *process_batch, *batch_size, *batch_timeout;
} names;

int
native_workers_init (void)
{
  names.start = PyUnicode_InternFromString ("start");
  names.done = PyUnicode_InternFromString ("done");
  names.process = PyUnicode_InternFromString ("process");
  names.update = PyUnicode_InternFromString ("update");
  names.wait = PyUnicode_InternFromString ("wait");
  names.finish = PyUnicode_InternFromString ("finish");
  names.request = PyUnicode_InternFromString ("request");
  names.process_batch = PyUnicode_InternFromString ("process_batch");
  names.batch_size = PyUnicode_InternFromString ("batch_size");
  names.batch_timeout = PyUnicode_InternFromString ("batch_timeout");
  return PyErr_Occurred () == NULL ? 0 : -1;
}

static Life *
life_of (gpointer worker)
{
  if (GMP_IS_SERVER_WORKER (worker))
    return &((GmprocServer *) worker)->life;
  return &((GmprocClient *) worker)->life;
}

/* The (id, runtime) of the other end. */
static PyObject *
meet (gpointer    worker,
      const char *name)
{
  Life *life = life_of (worker);
  PyObject *key = PyUnicode_FromString (name);
  PyObject *peer = key != NULL ? PyDict_GetItemWithError (life->peers, key) : NULL;

  Py_XINCREF (peer);
  if (key != NULL && peer == NULL && PyErr_Occurred () == NULL)
    {
      const char *runtime = gmp_worker_get_peer_runtime (worker, name);
      PyObject *id = PyObject_CallMethod (life->life, "get_id", "O", key);

      peer = id != NULL ? Py_BuildValue ("(Nz)", id, runtime) : NULL;
      /* Without a runtime it has already ended. */
      if (peer != NULL && runtime != NULL && PyDict_SetItem (life->peers, key, peer) == -1)
        Py_CLEAR (peer);
    }
  Py_XDECREF (key);
  return peer;
}

/* @peer is the result of meet(), or NULL. */
static PyObject *
load_from (PyObject   *peer,
           const char *name,
           GVariant   *value,
           GError    **error)
{
  PyObject *loaded = peer != NULL ? native_load (value, PyTuple_GET_ITEM (peer, 1)) : NULL;

  if (loaded == NULL)
    native_take_exception (error, "The message from '%s' cannot be read", name);
  return loaded;
}

/* Takes ownership of @value, which is NULL after an exception. */
static GVariant *
dump_for (PyObject   *peer,
          const char *name,
          PyObject   *value,
          GError    **error)
{
  GVariant *dumped = NULL;

  if (peer == NULL || value == NULL)
    native_take_exception (error, NULL, NULL);
  else if (!native_dump (value, PyTuple_GET_ITEM (peer, 1), TRUE, &dumped))
    native_take_exception (error, "The message to '%s' cannot be sent", name);
  Py_XDECREF (value);
  return dumped;
}

/* The result of a method that may be a coroutine. Takes ownership of @value. */
static PyObject *
complete (PyObject *value)
{
  PyObject *completed;

  gmp_host_end_forked ();
  if (G_LIKELY (value == NULL || !PyCoro_CheckExact (value)))
    return value;
  completed = PyObject_CallOneArg (native_helpers.complete, value);
  Py_DECREF (value);
  return completed;
}

/* Calls a method whose return value is ignored. */
static gboolean
call (PyObject *object,
      PyObject *method,
      PyObject *argument,
      GError  **error)
{
  PyObject *returned = argument != NULL ? PyObject_CallMethodOneArg (object, method, argument)
                                        : PyObject_CallMethodNoArgs (object, method);

  returned = complete (returned);
  if (returned == NULL)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (returned);
  return returned != NULL;
}

/* The user may change the two attributes at any time. */
gboolean
native_set_batch_rule (gpointer  server,
                       PyObject *user)
{
  PyObject *size = PyObject_GetAttr (user, names.batch_size);
  PyObject *timeout = size != NULL ? PyObject_GetAttr (user, names.batch_timeout) : NULL;
  Py_ssize_t n = timeout != NULL ? PyNumber_AsSsize_t (size, NULL) : -1;
  double seconds = PyErr_Occurred () == NULL ? PyFloat_AsDouble (timeout) : -1;

  if (PyErr_Occurred () == NULL && (n < 0 || n > G_MAXINT))
    PyErr_Format (PyExc_ValueError, "batch_size is %R: it should be 0 or more", size);
  if (PyErr_Occurred () == NULL && !(seconds >= 0 && seconds <= G_MAXDOUBLE))
    PyErr_Format (PyExc_ValueError, "batch_timeout is %R: it should be 0 or more seconds, 0 for "
                  "no limit", timeout);
  if (PyErr_Occurred () == NULL)
    g_object_set (server, "batch-size", (guint) n, "batch-timeout", seconds, NULL);
  Py_XDECREF (timeout);
  Py_XDECREF (size);
  return PyErr_Occurred () == NULL;
}

static void
set_server (GmpServerWorker *server)
{
  native_lock (&lock);
  current_server = server;
  native_unlock (&lock);
}

static gboolean
worker_start (GmpWorker *worker,
              GVariant  *params,
              GError   **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  Life *life = life_of (worker);
  PyObject *boxed = native_box_variant (params);

  if (GMP_IS_SERVER_WORKER (worker))
    set_server (GMP_SERVER_WORKER (worker));
  if (boxed == NULL)
    native_take_exception (error, NULL, NULL);
  else if (call (life->life, names.start, boxed, error) &&
           ((life->user = PyObject_GetAttrString (life->life, "user")) == NULL ||
            (G_OBJECT_TYPE (worker) == gmproc_batch_server_get_type () &&
             !native_set_batch_rule (worker, life->user))))
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (boxed);
  PyGILState_Release (state);
  return life->user != NULL;
}

static gboolean
worker_done (GmpWorker *worker,
             GError   **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *returned = complete (PyObject_CallMethodNoArgs (life_of (worker)->user, names.done));
  int is_done = returned != NULL ? PyObject_IsTrue (returned) : -1;

  if (is_done == -1)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return is_done == TRUE;
}

static gboolean
worker_wait (GmpWorker *worker,
             GError   **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  gboolean result = call (life_of (worker)->user, names.wait, NULL, error);

  PyGILState_Release (state);
  return result;
}

static GVariant *
worker_finish (GmpWorker *worker,
               GError   **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *returned = PyObject_CallMethodNoArgs (life_of (worker)->life, names.finish);
  GVariant *result = NULL;

  if (returned != NULL && returned != Py_None)
    result = native_get_variant (returned);
  if (PyErr_Occurred () != NULL)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return result;
}

static GVariant *
server_process (GmpServerWorker *worker,
                const char      *client_id,
                GVariant        *request,
                GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *peer = meet (worker, client_id);
  PyObject *message = peer != NULL ? native_load (request, PyTuple_GET_ITEM (peer, 1)) : NULL;
  GVariant *response = NULL;

  if (peer == NULL || (message == NULL && !native_is_refusal ()))
    native_take_exception (error, NULL, NULL);
  else if (message == NULL)
    g_propagate_error (error, native_make_refusal (GMP_ERROR_PROTOCOL));
  if (message != NULL)
    {
      PyObject *returned = PyObject_CallMethodObjArgs (life_of (worker)->user, names.process,
                                                       PyTuple_GET_ITEM (peer, 0), message, NULL);

      response = dump_for (peer, client_id, complete (returned), error);
      Py_DECREF (message);
    }
  Py_XDECREF (peer);
  PyGILState_Release (state);
  return response;
}

static gboolean
server_request (GmpServerWorker *worker,
                GmpRequest      *request,
                GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *peer = meet (worker, gmp_request_get_client_id (request));
  PyObject *object = peer != NULL ? native_request_new (request, peer, TRUE) : NULL;
  gboolean result = PyErr_Occurred () == NULL;

  if (!result)
    native_take_exception (error, NULL, NULL);
  else if (object != NULL)
    result = call (life_of (worker)->user, names.request, object, error);
  Py_XDECREF (object);
  Py_XDECREF (peer);
  PyGILState_Release (state);
  return result;
}

/* The requests as Python objects, without those that cannot be read. */
static PyObject *
list_requests (GmpServerWorker *worker,
               GPtrArray       *requests)
{
  PyObject *list = PyList_New (0);

  for (guint i = 0; list != NULL && i < requests->len; i++)
    {
      PyObject *peer = meet (worker, gmp_request_get_client_id (requests->pdata[i]));
      PyObject *object = peer != NULL ? native_request_new (requests->pdata[i], peer, TRUE) : NULL;

      if ((object != NULL && PyList_Append (list, object) == -1) || PyErr_Occurred () != NULL)
        Py_CLEAR (list);
      Py_XDECREF (object);
      Py_XDECREF (peer);
    }
  return list;
}

static gboolean
server_process_batch (GmpServerWorker *worker,
                      GPtrArray       *requests,
                      GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *user = life_of (worker)->user;
  PyObject *list = list_requests (worker, requests);
  PyObject *ids = NULL, *values = NULL, *responses = NULL;
  gboolean result = list != NULL;

  if (result && PyList_GET_SIZE (list) > 0)
    {
      if (native_split_requests (list, &ids, &values))
        responses = complete (PyObject_CallMethodObjArgs (user, names.process_batch, ids, values,
                                                          NULL));
      result = responses != NULL &&
               native_respond_all (list, responses, NATIVE_BATCH_RULE) &&
               native_set_batch_rule (worker, user);
    }
  if (!result)
    native_take_exception (error, "A response cannot be sent", NULL);
  Py_XDECREF (responses);
  Py_XDECREF (values);
  Py_XDECREF (ids);
  Py_XDECREF (list);
  PyGILState_Release (state);
  return result;
}

static gboolean
server_client_failed (GmpServerWorker *worker,
                      const char      *client_id,
                      const GError    *reason,
                      GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  Life *life = life_of (worker);
  PyObject *returned = PyObject_CallMethod (life->life, "client_failed", "ssis", client_id,
                                            g_quark_to_string (reason->domain), reason->code,
                                            reason->message);
  /* The method may have changed how many are waited for. */
  gboolean result = returned != NULL &&
                    (G_OBJECT_TYPE (worker) != gmproc_batch_server_get_type () ||
                     native_set_batch_rule (worker, life->user));

  if (!result)
    native_take_exception (error, NULL, NULL);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return result;
}

static GVariant *
client_process (GmpClientWorker *worker,
                GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *returned = complete (PyObject_CallMethodNoArgs (life_of (worker)->user,
                                                            names.process));
  PyObject *peer = returned != NULL ? meet (worker, "server") : NULL;
  GVariant *request = dump_for (peer, "server", returned, error);

  Py_XDECREF (peer);
  PyGILState_Release (state);
  return request;
}

static gboolean
client_update (GmpClientWorker *worker,
               GVariant        *response,
               GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *peer = meet (worker, "server");
  PyObject *message = load_from (peer, "server", response, error);
  gboolean result = message != NULL &&
                    call (life_of (worker)->user, names.update, message, error);

  Py_XDECREF (message);
  Py_XDECREF (peer);
  PyGILState_Release (state);
  return result;
}

static void
finalize (GObject *object)
{
  gpointer parent_class = GMP_IS_SERVER_WORKER (object) ? gmproc_server_parent_class
                                                        : gmproc_client_parent_class;

  if (Py_IsInitialized ())
    {
      PyGILState_STATE state = PyGILState_Ensure ();
      Life *life = life_of (object);

      if ((gpointer) current_server == object)
        set_server (NULL);
      Py_CLEAR (life->peers);
      Py_CLEAR (life->user);
      Py_CLEAR (life->life);
      PyGILState_Release (state);
    }
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
override_worker (GmpWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = finalize;
  klass->start = worker_start;
  klass->done = worker_done;
  klass->wait = worker_wait;
  klass->finish = worker_finish;
}

static void
gmproc_server_class_init (GmprocServerClass *klass)
{
  override_worker (GMP_WORKER_CLASS (klass));
  klass->process = server_process;
  klass->client_failed = server_client_failed;
}

static void
gmproc_server_init (GmprocServer *self G_GNUC_UNUSED)
{
}

static void
gmproc_request_server_class_init (GmprocRequestServerClass *klass)
{
  klass->request = server_request;
}

static void
gmproc_request_server_init (GmprocRequestServer *self G_GNUC_UNUSED)
{
}

static void
gmproc_batch_server_class_init (GmprocBatchServerClass *klass)
{
  klass->process_batch = server_process_batch;
}

static void
gmproc_batch_server_init (GmprocBatchServer *self G_GNUC_UNUSED)
{
}

static void
gmproc_client_class_init (GmprocClientClass *klass)
{
  override_worker (GMP_WORKER_CLASS (klass));
  klass->process = client_process;
  klass->update = client_update;
}

static void
gmproc_client_init (GmprocClient *self G_GNUC_UNUSED)
{
}

static PyObject *
new_worker (GType     type,
            PyObject *life_object)
{
  g_autoptr (GObject) worker = NULL;
  PyObject *peers = PyDict_New ();

  if (peers == NULL)
    return NULL;
  worker = g_object_new (type, NULL);
  *life_of (worker) = (Life) { Py_NewRef (life_object), NULL, peers };
  return native_wrap_object (g_steal_pointer (&worker));
}

PyObject *
native_new_server (PyObject *module G_GNUC_UNUSED,
                   PyObject *life)
{
  PyObject *mode = PyObject_GetAttrString (life, "mode");
  GType type = gmproc_server_get_type ();

  if (mode == NULL)
    return NULL;
  if (PyUnicode_CompareWithASCIIString (mode, "request") == 0)
    type = gmproc_request_server_get_type ();
  else if (PyUnicode_CompareWithASCIIString (mode, "process_batch") == 0)
    type = gmproc_batch_server_get_type ();
  Py_DECREF (mode);
  return new_worker (type, life);
}

PyObject *
native_new_client (PyObject *module G_GNUC_UNUSED,
                   PyObject *life)
{
  return new_worker (gmproc_client_get_type (), life);
}

/* Of the server in this process; -1 without one. */
PyObject *
native_count_clients (PyObject *module G_GNUC_UNUSED,
                      PyObject *unused G_GNUC_UNUSED)
{
  long n = -1;

  native_lock (&lock);
  if (current_server != NULL)
    n = (long) gmp_server_worker_get_n_clients (current_server);
  native_unlock (&lock);
  return PyLong_FromLong (n);
}
