/* local-server.c: an application that serves its clients itself, in Python
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* Its virtual methods are those of @handler, an object of _client_server.py: with Variants and the
 * names of clients on the wire. What one raises goes to its catch(), and ends the run. */
typedef struct {
  GmpClientServer parent_instance;
  PyObject *handler; /* NULL when the run has ended */
} GmprocLocalServer;

typedef GmpClientServerClass GmprocLocalServerClass;

static GType gmproc_local_server_get_type (void);

G_DEFINE_FINAL_TYPE (GmprocLocalServer, gmproc_local_server, GMP_TYPE_CLIENT_SERVER)

/* Returns what a method does; NULL with @error set where it raised. Takes @args over, a tuple or
 * NULL with an exception. */
static PyObject *
call (gpointer    self,
      const char *name,
      PyObject   *args,
      GError    **error)
{
  PyObject *handler = ((GmprocLocalServer *) self)->handler;
  PyObject *method = NULL, *catch, *made = NULL, *returned = NULL;

  if (handler == NULL)
    {
      Py_XDECREF (args);
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED, "The run has ended");
      return NULL;
    }
  Py_INCREF (handler);
  if (args != NULL)
    method = PyObject_GetAttrString (handler, name);
  if (method != NULL)
    returned = PyObject_Call (method, args, NULL);
  /* What a handler of a signal raises later would be raised where nobody can take it. */
  if (returned != NULL && PyErr_CheckSignals () == -1)
    Py_CLEAR (returned);
  if (returned == NULL)
    {
      PyObject *errors[3];

      PyErr_Fetch (&errors[0], &errors[1], &errors[2]);
      catch = PyObject_GetAttrString (handler, "catch");
      PyErr_Restore (errors[0], errors[1], errors[2]);
      if (catch != NULL)
        made = native_give_exception (catch, NULL, NULL);
      native_to_gerror (made, error);
      Py_XDECREF (made);
      Py_XDECREF (catch);
    }
  Py_XDECREF (method);
  Py_XDECREF (args);
  Py_DECREF (handler);
  return returned;
}

/* For methods that return nothing of interest. */
static gboolean
call_only (gpointer    self,
           const char *name,
           PyObject   *args,
           GError    **error)
{
  PyObject *returned = call (self, name, args, error);

  Py_XDECREF (returned);
  return returned != NULL;
}

static gboolean
start (GmpClientServer *self,
       GVariant        *params G_GNUC_UNUSED,
       GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  gboolean result = call_only (self, "start", PyTuple_New (0), error);

  PyGILState_Release (state);
  return result;
}

static GVariant *
process (GmpClientServer *self,
         const char      *client_id,
         GVariant        *request,
         GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *boxed = native_box_variant (request);
  PyObject *args = boxed != NULL ? Py_BuildValue ("(sN)", client_id, boxed) : NULL;
  PyObject *returned = call (self, "process", args, error);
  GVariant *response = NULL;

  if (returned != NULL && !native_get_params (returned, &response))
    native_to_gerror (NULL, error);
  Py_XDECREF (returned);
  PyGILState_Release (state);
  return response;
}

static gboolean
wait (GmpClientServer *self,
      GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  gboolean result = call_only (self, "wait", PyTuple_New (0), error);

  PyGILState_Release (state);
  return result;
}

static gboolean
done (GmpClientServer *self,
      GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *returned = call (self, "done", PyTuple_New (0), error);
  gboolean result = returned == Py_True;

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
  PyGILState_STATE state = PyGILState_Ensure ();
  PyObject *boxed = native_box_error (reason);
  PyObject *args = boxed != NULL ? Py_BuildValue ("(sN)", client_id, boxed) : NULL;
  gboolean result = call_only (self, "client_failed", args, error);

  PyGILState_Release (state);
  return result;
}

static GVariant *
finish (GmpClientServer *self,
        GError         **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();

  call_only (self, "finish", PyTuple_New (0), error);
  PyGILState_Release (state);
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

GObject *
native_local_server_make (PyObject *handler,
                          PyObject *properties)
{
  GObject *object = native_object_make (gmproc_local_server_get_type (), properties);

  if (object != NULL)
    ((GmprocLocalServer *) object)->handler = Py_NewRef (handler);
  return object;
}

/* No method is called any more. */
void
native_local_server_forget (gpointer server)
{
  Py_CLEAR (((GmprocLocalServer *) server)->handler);
}
