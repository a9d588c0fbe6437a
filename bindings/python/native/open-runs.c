/* open-runs.c: runs that the program drives
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* The methods open, receive and close of ClientServer. */

PyObject *
native_open_run (PyObject *self,
                 PyObject *object)
{
  GmpClientServer *application = native_object_get (self);
  GCancellable *cancellable = native_object_find (object, G_TYPE_CANCELLABLE);
  GError *error = NULL;
  gboolean result;

  if (cancellable == NULL)
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  result = gmp_client_server_open (application, NULL, cancellable, &error);
  Py_END_ALLOW_THREADS
  if (!result)
    return native_raise (error);
  Py_RETURN_NONE;
}

/* If @catch is not None, Python's signal handlers run while this waits, and @catch receives their
 * exceptions. Calls that do not wait do not pay for that. */
static GPtrArray *
receive (GmpClientServer *application,
         guint            n,
         double           timeout,
         PyObject        *catch,
         GError         **error)
{
  GPtrArray *requests;

  Py_BEGIN_ALLOW_THREADS
  requests = gmp_client_server_receive_now (application, n, timeout != 0);
  Py_END_ALLOW_THREADS
  if (requests != NULL)
    return requests;
  if (catch != Py_None)
    {
      PyObject *begun = native_begin_signals (NULL, catch);

      if (begun == NULL)
        return NULL;
      Py_DECREF (begun);
    }
  Py_BEGIN_ALLOW_THREADS
  requests = gmp_client_server_receive (application, n, timeout, NULL, error);
  Py_END_ALLOW_THREADS
  if (catch != Py_None)
    Py_XDECREF (native_end_signals (NULL, catch));
  return requests;
}

static gboolean
add_request (PyObject   *list,
             GmpRequest *request,
             PyObject   *peers)
{
  PyObject *name = PyUnicode_FromString (gmp_request_get_client_id (request));
  PyObject *peer = name != NULL ? PyObject_GetItem (peers, name) : NULL;
  PyObject *object = peer != NULL ? native_request_new (request, peer, TRUE) : NULL;

  if (object != NULL)
    PyList_Append (list, object);
  Py_XDECREF (object);
  Py_XDECREF (peer);
  Py_XDECREF (name);
  return PyErr_Occurred () == NULL;
}

static gboolean
add_failure (PyObject   *list,
             GmpRequest *request)
{
  PyObject *error = native_box_error (gmp_request_get_error (request));
  PyObject *pair = NULL;

  if (error != NULL)
    pair = Py_BuildValue ("(sO)", gmp_request_get_client_id (request), error);
  if (pair != NULL)
    PyList_Append (list, pair);
  Py_XDECREF (pair);
  Py_XDECREF (error);
  return PyErr_Occurred () == NULL;
}

/* How often a message is read whose reading is interrupted. */
#define MAX_TRIES 8

/* The handler of a signal may raise while a message is read, which may be code of the program. Then
 * that is done again, and @first takes the first exception. A client whose message ends the program
 * at each try fails. */
static void
add (PyObject   *list,
     PyObject   *failures,
     GmpRequest *request,
     PyObject   *peers,
     PyObject  **first)
{
  for (guint i = 0; i < MAX_TRIES; i++)
    {
      if (gmp_request_get_error (request) != NULL ? add_failure (failures, request)
                                                  : add_request (list, request, peers))
        return;
      if (first[0] == NULL)
        PyErr_Fetch (&first[0], &first[1], &first[2]);
      else if (i + 1 < MAX_TRIES)
        PyErr_Clear ();
    }
  native_request_refuse (request);
}

/* @peers has a client's id and runtime for each name on the wire. Appends to @arrived the ids, the
 * messages, the requests, and the (name, error) of those that have failed: a signal handler's
 * exception on return would discard a returned value. */
PyObject *
native_receive (PyObject *self,
                PyObject *args)
{
  g_autoptr (GPtrArray) requests = NULL;
  PyObject *peers, *catch, *arrived, *list, *failures;
  PyObject *ids = NULL, *values = NULL, *result = NULL;
  PyObject *first[3] = { NULL, NULL, NULL };
  unsigned int n;
  double timeout;
  GError *error = NULL;
  gboolean is_good;

  if (!PyArg_ParseTuple (args, "IdOOO!:receive", &n, &timeout, &peers, &catch, &PyList_Type,
                         &arrived))
    return NULL;
  requests = receive (native_object_get (self), n, timeout, catch, &error);
  if (requests == NULL)
    return error != NULL ? native_raise (error) : NULL;
  list = PyList_New (0);
  failures = PyList_New (0);
  for (guint i = 0; i < requests->len && list != NULL && failures != NULL; i++)
    add (list, failures, requests->pdata[i], peers, first);
  if (list != NULL && failures != NULL && native_split_requests (list, &ids, &values))
    result = PyTuple_Pack (4, ids, values, list, failures);
  is_good = result != NULL && PyList_Append (arrived, result) == 0;
  Py_XDECREF (result);
  Py_XDECREF (values);
  Py_XDECREF (ids);
  Py_XDECREF (failures);
  Py_XDECREF (list);
  if (first[0] != NULL)
    PyErr_Restore (first[0], first[1], first[2]);
  if (!is_good || first[0] != NULL)
    return NULL;
  Py_RETURN_NONE;
}

PyObject *
native_close_run (PyObject *self,
                  PyObject *object)
{
  GmpClientServer *application = native_object_get (self);
  GCancellable *cancellable = native_object_find (object, G_TYPE_CANCELLABLE);
  GError *error = NULL;
  GVariant *results;

  if (cancellable == NULL)
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  results = gmp_client_server_close (application, cancellable, &error);
  Py_END_ALLOW_THREADS
  if (results == NULL)
    return native_raise (error);
  g_variant_unref (results);
  Py_RETURN_NONE;
}

/* (requests, responses, pending, ids): answers requests, a list, with as many responses, and
 * removes their ids from a dict, in one step for the handlers of signals. */
PyObject *
native_respond (PyObject *module G_GNUC_UNUSED,
                PyObject *args)
{
  PyObject *requests, *responses, *pending, *ids;

  if (!PyArg_ParseTuple (args, "O!OO!O!:respond", &PyList_Type, &requests, &responses,
                         &PyDict_Type, &pending, &PyList_Type, &ids) ||
      !native_respond_all (requests, responses, "send takes"))
    return NULL;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE (ids); i++)
    if (PyDict_DelItem (pending, PyList_GET_ITEM (ids, i)) == -1)
      PyErr_Clear (); /* Its client has failed. */
  Py_RETURN_NONE;
}
