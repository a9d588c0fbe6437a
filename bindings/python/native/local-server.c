/* local-server.c: an application that serves its clients itself, in Python
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* Its virtual methods call those of @handler, an object of _client_server.py, whose dict peers has
 * the names of clients on the wire. An exception of a method goes to its catch(), and ends the
 * run. */
typedef struct {
  GmpClientServer parent_instance;
  PyObject *handler; /* NULL when the run has ended */
  PyObject *peers;   /* of (id, runtime) */
  gboolean has_main, has_wait, has_done; /* TRUE if the user's class overrides it */
} GmprocLocalServer, GmprocLocalRequestServer, GmprocLocalBatchServer;

typedef GmpClientServerClass GmprocLocalServerClass, GmprocLocalRequestServerClass,
                             GmprocLocalBatchServerClass;

static GType gmproc_local_server_get_type (void);
static GType gmproc_local_request_server_get_type (void);
static GType gmproc_local_batch_server_get_type (void);

/* The class shows the library how requests are taken. */
G_DEFINE_TYPE (GmprocLocalServer, gmproc_local_server, GMP_TYPE_CLIENT_SERVER)
G_DEFINE_FINAL_TYPE (GmprocLocalRequestServer, gmproc_local_request_server,
                     gmproc_local_server_get_type ())
G_DEFINE_FINAL_TYPE (GmprocLocalBatchServer, gmproc_local_batch_server,
                     gmproc_local_server_get_type ())

/* Moves the exception to the handler's catch(). */
static void
take_exception (GmprocLocalServer *self,
                GError           **error)
{
  PyObject *errors[3];
  PyObject *catch, *made = NULL;

  PyErr_Fetch (&errors[0], &errors[1], &errors[2]);
  catch = PyObject_GetAttrString (self->handler, "catch");
  PyErr_Restore (errors[0], errors[1], errors[2]);
  if (catch != NULL)
    made = native_give_exception (catch, NULL, NULL);
  native_to_gerror (made, error);
  Py_XDECREF (made);
  Py_XDECREF (catch);
}

/* The method @name of the handler, with up to two arguments. NULL with @error set if it raised an
 * exception. */
static PyObject *
call (gpointer    server,
      const char *name,
      PyObject   *first,
      PyObject   *second,
      GError    **error)
{
  GmprocLocalServer *self = server;
  PyObject *key = PyUnicode_InternFromString (name);
  PyObject *returned = NULL;

  if (key != NULL)
    returned = PyObject_CallMethodObjArgs (self->handler, key, first, second, NULL);
  Py_XDECREF (key);
  /* A later exception of a signal handler would be raised where nothing can catch it. */
  if (returned != NULL && PyErr_CheckSignals () == -1)
    Py_CLEAR (returned);
  if (returned == NULL)
    take_exception (self, error);
  return returned;
}

/* Takes the GIL, unless the run has ended. */
static gboolean
enter (gpointer          server,
       PyGILState_STATE *state,
       GError          **error)
{
  *state = PyGILState_Ensure ();
  if (((GmprocLocalServer *) server)->handler != NULL)
    return TRUE;
  PyGILState_Release (*state);
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED, "The run has ended");
  return FALSE;
}

/* For methods whose return value is ignored. */
static gboolean
call_only (gpointer    self,
           const char *name,
           GError    **error)
{
  PyGILState_STATE state;
  PyObject *returned;

  if (!enter (self, &state, error))
    return FALSE;
  returned = call (self, name, NULL, NULL, error);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return returned != NULL;
}

static gboolean
start (GmpClientServer *self,
       GVariant        *params G_GNUC_UNUSED,
       GError         **error)
{
  PyGILState_STATE state;
  gboolean result = call_only (self, "start", error);

  if (!result || G_OBJECT_TYPE (self) != gmproc_local_batch_server_get_type ())
    return result;
  state = PyGILState_Ensure ();
  result = native_set_batch_rule (self, ((GmprocLocalServer *) self)->handler);
  if (!result)
    take_exception ((GmprocLocalServer *) self, error);
  PyGILState_Release (state);
  return result;
}

/* The (id, runtime) of a client: borrowed. */
static PyObject *
find_peer (GmpClientServer *self,
           const char      *name)
{
  PyObject *peer = PyDict_GetItemString (((GmprocLocalServer *) self)->peers, name);

  if (peer == NULL)
    PyErr_Format (PyExc_KeyError, "there is no client '%s'", name);
  return peer;
}

static GVariant *
process (GmpClientServer *self,
         const char      *client_id,
         GVariant        *request,
         GError         **error)
{
  PyGILState_STATE state;
  PyObject *peer, *message = NULL, *returned = NULL;
  GVariant *response = NULL;

  if (!enter (self, &state, error))
    return NULL;
  peer = find_peer (self, client_id);
  if (peer != NULL)
    message = native_load (request, PyTuple_GET_ITEM (peer, 1));
  if (peer != NULL && message == NULL && native_is_refusal ())
    g_propagate_error (error, native_make_refusal (GMP_ERROR_PROTOCOL));
  else if (message == NULL)
    take_exception ((GmprocLocalServer *) self, error);
  else
    returned = call (self, "process", PyTuple_GET_ITEM (peer, 0), message, error);
  if (returned != NULL && !native_dump (returned, PyTuple_GET_ITEM (peer, 1),
                                        ((GmprocLocalServer *) self)->has_main, &response))
    take_exception ((GmprocLocalServer *) self, error);
  Py_XDECREF (returned);
  Py_XDECREF (message);
  PyGILState_Release (state);
  return response;
}

/* The Python object of a request; NULL without an exception if it cannot be read. */
static PyObject *
wrap (GmpClientServer *self,
      GmpRequest      *request)
{
  PyObject *peer = find_peer (self, gmp_request_get_client_id (request));

  return peer != NULL ? native_request_new (request, peer, ((GmprocLocalServer *) self)->has_main)
                      : NULL;
}

static gboolean
take_request (GmpClientServer *self,
              GmpRequest      *request,
              GError         **error)
{
  PyGILState_STATE state;
  PyObject *object;

  if (!enter (self, &state, error))
    return FALSE;
  object = wrap (self, request);
  if (object != NULL)
    Py_XDECREF (call (self, "request", object, NULL, error));
  else if (PyErr_Occurred () != NULL)
    take_exception ((GmprocLocalServer *) self, error);
  Py_XDECREF (object);
  PyGILState_Release (state);
  return TRUE;
}

static PyObject *
wrap_all (GmpClientServer *self,
          GPtrArray       *requests)
{
  PyObject *list = PyList_New (0);

  for (guint i = 0; list != NULL && i < requests->len; i++)
    {
      PyObject *object = wrap (self, requests->pdata[i]);

      if ((object != NULL && PyList_Append (list, object) == -1) || PyErr_Occurred () != NULL)
        Py_CLEAR (list);
      Py_XDECREF (object);
    }
  return list;
}

static gboolean
process_batch (GmpClientServer *self,
               GPtrArray       *requests,
               GError         **error)
{
  PyGILState_STATE state;
  PyObject *list, *ids = NULL, *values = NULL, *returned = NULL;

  if (!enter (self, &state, error))
    return FALSE;
  list = wrap_all (self, requests);
  if (list != NULL && PyList_GET_SIZE (list) > 0 && native_split_requests (list, &ids, &values))
    returned = call (self, "process_batch", ids, values, error);
  if (returned != NULL && native_respond_all (list, returned, NATIVE_BATCH_RULE))
    native_set_batch_rule (self, ((GmprocLocalServer *) self)->handler);
  if (PyErr_Occurred () != NULL)
    take_exception ((GmprocLocalServer *) self, error);
  Py_XDECREF (returned);
  Py_XDECREF (values);
  Py_XDECREF (ids);
  Py_XDECREF (list);
  PyGILState_Release (state);
  return TRUE;
}

static gboolean
wait (GmpClientServer *self,
      GError         **error)
{
  return !((GmprocLocalServer *) self)->has_wait || call_only (self, "wait", error);
}

static gboolean
done (GmpClientServer *self,
      GError         **error)
{
  PyGILState_STATE state;
  PyObject *returned;
  gboolean result;

  if (!((GmprocLocalServer *) self)->has_done)
    return gmp_client_server_get_n_clients (self) == 0;
  if (!enter (self, &state, error))
    return FALSE;
  returned = call (self, "done", NULL, NULL, error);
  result = returned == Py_True;
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return result;
}

static gboolean
client_failed (GmpClientServer *self,
               const char      *client_id,
               const GError    *reason,
               GError         **error)
{
  PyGILState_STATE state;
  PyObject *name, *boxed, *returned;

  if (!enter (self, &state, error))
    return FALSE;
  name = PyUnicode_FromString (client_id);
  boxed = name != NULL ? native_box_error (reason) : NULL;
  returned = boxed != NULL ? call (self, "client_failed", name, boxed, error) : NULL;
  /* The method may have changed how many are waited for. */
  if (returned != NULL && G_OBJECT_TYPE (self) == gmproc_local_batch_server_get_type ())
    native_set_batch_rule (self, ((GmprocLocalServer *) self)->handler);
  if (PyErr_Occurred () != NULL)
    take_exception ((GmprocLocalServer *) self, error);
  Py_XDECREF (returned);
  Py_XDECREF (boxed);
  Py_XDECREF (name);
  PyGILState_Release (state);
  return TRUE;
}

static GVariant *
finish (GmpClientServer *self,
        GError         **error)
{
  call_only (self, "finish", error);
  return NULL;
}

static void
finalize (GObject *object)
{
  if (Py_IsInitialized ())
    {
      PyGILState_STATE state = PyGILState_Ensure ();

      native_local_server_forget (object);
      PyGILState_Release (state);
    }
  G_OBJECT_CLASS (gmproc_local_server_parent_class)->finalize (object);
}

static void
gmproc_local_server_class_init (GmprocLocalServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = finalize;
  klass->start = start;
  klass->process = process;
  klass->wait = wait;
  klass->done = done;
  klass->client_failed = client_failed;
  klass->finish = finish;
}

static void
gmproc_local_server_init (GmprocLocalServer *self G_GNUC_UNUSED)
{
}

static void
gmproc_local_request_server_class_init (GmprocLocalRequestServerClass *klass)
{
  klass->request = take_request;
}

static void
gmproc_local_request_server_init (GmprocLocalRequestServer *self G_GNUC_UNUSED)
{
}

static void
gmproc_local_batch_server_class_init (GmprocLocalBatchServerClass *klass)
{
  klass->process_batch = process_batch;
}

static void
gmproc_local_batch_server_init (GmprocLocalBatchServer *self G_GNUC_UNUSED)
{
}

static gboolean
get_flag (PyObject   *handler,
          const char *name)
{
  PyObject *value = PyObject_GetAttrString (handler, name);
  gboolean result = value == Py_True;

  Py_XDECREF (value);
  return result;
}

static GType
choose_type (PyObject *handler)
{
  PyObject *mode = PyObject_GetAttrString (handler, "mode");
  GType type = gmproc_local_server_get_type ();

  if (mode == NULL)
    return type;
  if (PyUnicode_CompareWithASCIIString (mode, "request") == 0)
    type = gmproc_local_request_server_get_type ();
  else if (PyUnicode_CompareWithASCIIString (mode, "process_batch") == 0)
    type = gmproc_local_batch_server_get_type ();
  Py_DECREF (mode);
  return type;
}

GObject *
native_local_server_make (PyObject *handler,
                          PyObject *properties)
{
  PyObject *peers = PyObject_GetAttrString (handler, "peers");
  GObject *object = peers != NULL ? native_object_make (choose_type (handler), properties) : NULL;
  GmprocLocalServer *self = (GmprocLocalServer *) object;

  if (object == NULL)
    {
      Py_XDECREF (peers);
      return NULL;
    }
  gmp_client_server_set_changes_values (GMP_CLIENT_SERVER (object));
  self->handler = Py_NewRef (handler);
  self->peers = peers;
  self->has_main = get_flag (handler, "has_main");
  self->has_wait = get_flag (handler, "has_wait");
  self->has_done = get_flag (handler, "has_done");
  return object;
}

/* From here on no method is called. */
void
native_local_server_forget (gpointer server)
{
  Py_CLEAR (((GmprocLocalServer *) server)->handler);
  Py_CLEAR (((GmprocLocalServer *) server)->peers);
}
