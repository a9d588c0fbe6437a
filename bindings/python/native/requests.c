/* requests.c: requests that are answered later, and several at once
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

typedef struct {
  PyObject_HEAD
  GmpRequest *request; /* NULL when it has been answered; atomic: the first that takes it answers */
  PyObject *id;        /* as the application gave it */
  PyObject *runtime;   /* of the client */
  PyObject *value;
  gboolean has_main;
} Request;

static PyTypeObject *request_type;

/* A thread that waits for the GIL may hold the lock that an answer takes. */
static void
drop (GmpRequest *request)
{
  Py_BEGIN_ALLOW_THREADS
  g_object_unref (request);
  Py_END_ALLOW_THREADS
}

static void
request_dealloc (PyObject *object)
{
  PyTypeObject *type = Py_TYPE (object);
  Request *self = (Request *) object;
  PyObject *errors[3];

  PyErr_Fetch (&errors[0], &errors[1], &errors[2]);
  if (self->request != NULL)
    drop (g_steal_pointer (&self->request));
  PyErr_Restore (errors[0], errors[1], errors[2]);
  Py_CLEAR (self->id);
  Py_CLEAR (self->runtime);
  Py_CLEAR (self->value);
  type->tp_free (object);
  Py_DECREF (type);
}

/* Consumes the exception why a client's value cannot be read. */
GError *
native_make_refusal (GmpError code)
{
  PyObject *type, *exception, *trace, *text;
  const char *words;
  GError *reason;

  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  text = exception != NULL ? PyObject_Str (exception) : NULL;
  words = text != NULL ? PyUnicode_AsUTF8 (text) : NULL;
  reason = g_error_new (GMP_ERROR, code, "Its request cannot be read: %s",
                        words != NULL ? words : "");
  PyErr_Clear ();
  Py_XDECREF (text);
  Py_XDECREF (trace);
  Py_XDECREF (exception);
  Py_XDECREF (type);
  return reason;
}

/* A client that sends an unreadable value fails alone. Consumes the exception. */
void
native_request_refuse (GmpRequest *request)
{
  g_autoptr (GError) reason = native_make_refusal (GMP_ERROR_BAD_PAYLOAD);

  Py_BEGIN_ALLOW_THREADS
  gmp_request_fail (request, reason, NULL);
  Py_END_ALLOW_THREADS
}

/* @peer is the client's id and runtime. NULL without an exception if its value cannot be read,
 * which fails the client. */
PyObject *
native_request_new (GmpRequest *request,
                    PyObject   *peer,
                    gboolean    has_main)
{
  PyObject *runtime = PyTuple_GET_ITEM (peer, 1);
  PyObject *value = native_load (gmp_request_get_value (request), runtime);
  Request *self;

  if (value == NULL && !native_is_refusal ())
    return NULL;
  if (value == NULL)
    {
      native_request_refuse (request);
      return NULL;
    }
  self = (Request *) request_type->tp_alloc (request_type, 0);
  if (self == NULL)
    {
      Py_DECREF (value);
      return NULL;
    }
  self->request = g_object_ref (request);
  self->id = Py_NewRef (PyTuple_GET_ITEM (peer, 0));
  self->runtime = Py_NewRef (runtime);
  self->value = value;
  self->has_main = has_main;
  return (PyObject *) self;
}

static PyObject *
peek_id (PyObject *self)
{
  return ((Request *) self)->id;
}

static PyObject *
peek_value (PyObject *self)
{
  return ((Request *) self)->value;
}

static GmpRequest *
take (Request *self)
{
  return g_atomic_pointer_exchange (&self->request, NULL);
}

/* With @reason (nullable) there is no response. True, False if the client or the server has ended,
 * or NULL. */
static PyObject *
answer (Request      *self,
        GVariant     *response,
        const GError *reason)
{
  GmpRequest *request = take (self);
  GError *error = NULL;
  gboolean result;

  if (request == NULL)
    return PyErr_Format (PyExc_RuntimeError, "the request of client %R has been answered already",
                         self->id);
  Py_BEGIN_ALLOW_THREADS
  result = reason != NULL ? gmp_request_fail (request, reason, &error)
                          : gmp_request_respond (request, response, &error);
  if (result)
    g_clear_object (&request);
  Py_END_ALLOW_THREADS
  if (result)
    Py_RETURN_TRUE;
  if (g_error_matches (error, GMP_ERROR, GMP_ERROR_DISCONNECTED) ||
      g_error_matches (error, GMP_ERROR, GMP_ERROR_SERVER_DONE))
    {
      g_error_free (error);
      drop (request);
      Py_RETURN_FALSE;
    }
  g_atomic_pointer_set (&self->request, request); /* It can still be answered. */
  return native_raise (error);
}

/* Answers a Request with @value. */
static PyObject *
respond (PyObject *object,
         PyObject *value)
{
  Request *self = (Request *) object;
  g_autoptr (GVariant) response = NULL;

  if (!native_dump (value, self->runtime, self->has_main, &response))
    return NULL;
  return answer (self, response, NULL);
}

/* Turns the exception for a value that cannot be sent into a ValueError, for the user. */
static PyObject *
request_respond (PyObject *object,
                 PyObject *value)
{
  PyObject *result = respond (object, value);
  PyObject *type, *exception, *trace;

  if (result != NULL || !PyErr_ExceptionMatches (native_helpers.bad_payload))
    return result;
  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  PyErr_Format (PyExc_ValueError, "%S", exception);
  Py_XDECREF (trace);
  Py_XDECREF (exception);
  Py_XDECREF (type);
  return NULL;
}

static PyObject *
request_fail (PyObject *object,
              PyObject *exception)
{
  g_autoptr (GError) reason = NULL;
  PyObject *made;

  if (!PyExceptionInstance_Check (exception))
    return PyErr_Format (PyExc_TypeError, "fail takes an exception, not %R", exception);
  made = PyObject_CallOneArg (native_helpers.to_gerror, exception);
  if (made == NULL)
    return NULL;
  native_to_gerror (made, &reason);
  Py_DECREF (made);
  return answer ((Request *) object, NULL, reason);
}

static PyObject *
get_id (PyObject *self,
        gpointer  unused G_GNUC_UNUSED)
{
  return Py_NewRef (peek_id (self));
}

static PyObject *
get_value (PyObject *self,
           gpointer  unused G_GNUC_UNUSED)
{
  return Py_NewRef (peek_value (self));
}

static PyObject *
request_repr (PyObject *self)
{
  return PyUnicode_FromFormat ("<gmproc.Request of client %R>", peek_id (self));
}

static PyMethodDef request_methods[] = {
  { "respond", request_respond, METH_O,
    "Answers the request, in any thread. False if its client has ended, so that nothing gets the\n"
    "response; RuntimeError if it has been answered before." },
  { "fail", request_fail, METH_O,
    "Ends the request, and with it its client, which fails with the exception." },
  { NULL, NULL, 0, NULL }
};

static PyGetSetDef request_attributes[] = {
  { "id", get_id, NULL, "The client's id, as the application gave it.", NULL },
  { "value", get_value, NULL, "What the client's process() returned.", NULL },
  { NULL, NULL, NULL, NULL, NULL }
};

static PyType_Slot request_slots[] = {
  { Py_tp_new, native_refuse_new },
  { Py_tp_dealloc, request_dealloc },
  { Py_tp_repr, request_repr },
  { Py_tp_methods, request_methods },
  { Py_tp_getset, request_attributes },
  { Py_tp_doc, (gpointer) "A client's request, which its server answers now or later." },
  { 0, NULL }
};

static PyType_Spec request_spec = {
  .name = "gmproc.Request",
  .basicsize = sizeof (Request),
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = request_slots,
};

static void
unref_response (gpointer variant)
{
  if (variant != NULL)
    g_variant_unref (variant);
}

/* Without the GIL. An answer whose client or server has ended is dropped. */
static gboolean
send_all (GPtrArray *requests,
          GPtrArray *responses,
          GError   **error)
{
  gboolean result = TRUE;

  for (guint i = 0; i < requests->len && result; i++)
    {
      Request *self = requests->pdata[i];
      g_autoptr (GmpRequest) request = take (self);
      g_autoptr (GError) local = NULL;

      result = request == NULL || gmp_request_respond (request, responses->pdata[i], &local) ||
               g_error_matches (local, GMP_ERROR, GMP_ERROR_DISCONNECTED) ||
               g_error_matches (local, GMP_ERROR, GMP_ERROR_SERVER_DONE);
      if (!result)
        g_propagate_error (error, g_steal_pointer (&local));
    }
  return result;
}

/* The responses as a list; NULL, perhaps with an exception, if they cannot be one. A dict or set
 * has no order that fits, and a number, or an array without a dimension, has no items. */
static PyObject *
list_responses (PyObject *responses)
{
  PyObject *result;

  if (responses == Py_None || PyDict_Check (responses) || PyAnySet_Check (responses))
    return NULL;
  result = PySequence_List (responses);
  if (result == NULL && !PyIter_Check (responses) && PyErr_ExceptionMatches (PyExc_TypeError))
    PyErr_Clear ();
  return result;
}

/* Answers requests, a list, with as many responses, any sequence: all of them, or none if one
 * cannot be sent. A request that is None needs no answer. @rule begins the text of the error for a
 * wrong number. Returns TRUE on success. */
gboolean
native_respond_all (PyObject   *requests,
                    PyObject   *responses,
                    const char *rule)
{
  g_autoptr (GPtrArray) objects = g_ptr_array_new ();
  g_autoptr (GPtrArray) dumped = g_ptr_array_new_with_free_func (unref_response);
  Py_ssize_t n = PyList_GET_SIZE (requests);
  PyObject *list = list_responses (responses);
  GError *error = NULL;
  gboolean result = list != NULL && PyList_GET_SIZE (list) == n;

  if (!result && PyErr_Occurred () == NULL)
    PyErr_Format (PyExc_ValueError, "%s %zd responses, one for each message, not %R", rule, n,
                  responses);
  for (Py_ssize_t i = 0; i < n && result; i++)
    {
      Request *self = (Request *) PyList_GET_ITEM (requests, i);
      GVariant *response;

      if ((PyObject *) self == Py_None)
        continue;
      result = native_dump (PyList_GET_ITEM (list, i), self->runtime, self->has_main, &response);
      g_ptr_array_add (objects, self);
      g_ptr_array_add (dumped, result ? response : NULL);
    }
  Py_XDECREF (list);
  if (!result)
    return FALSE;
  Py_BEGIN_ALLOW_THREADS
  result = send_all (objects, dumped, &error);
  Py_END_ALLOW_THREADS
  if (!result)
    native_raise (error);
  return result;
}

/* The ids and the values of requests, a list, as two lists. */
gboolean
native_split_requests (PyObject  *requests,
                       PyObject **ids,
                       PyObject **values)
{
  Py_ssize_t n = PyList_GET_SIZE (requests);

  *ids = PyList_New (n);
  *values = *ids != NULL ? PyList_New (n) : NULL;
  if (*values == NULL)
    {
      Py_CLEAR (*ids);
      return FALSE;
    }
  for (Py_ssize_t i = 0; i < n; i++)
    {
      PyObject *request = PyList_GET_ITEM (requests, i);

      PyList_SET_ITEM (*ids, i, Py_NewRef (peek_id (request)));
      PyList_SET_ITEM (*values, i, Py_NewRef (peek_value (request)));
    }
  return TRUE;
}

int
native_requests_init (PyObject *module)
{
  request_type = (PyTypeObject *) PyType_FromSpec (&request_spec);
  return request_type != NULL ? PyModule_AddType (module, request_type) : -1;
}
