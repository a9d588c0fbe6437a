/* signals.c: Python's signal handlers while C waits, and exceptions from them and from callbacks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A handler may raise an exception between any two Python instructions: before a callback's own
 * try, and in code that handles the previous exception. Exceptions are therefore caught here, where
 * there are no instructions, and necessary calls are repeated when they were interrupted. */
#define MAX_CALLS 8

/* Passes the exception to @catch, between two other arguments that may be missing, and returns the
 * result of @catch. */
PyObject *
native_give_exception (PyObject *catch,
                       PyObject *before,
                       PyObject *after)
{
  PyObject *type, *exception, *trace;
  PyObject *returned = NULL;

  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  if (trace != NULL)
    PyException_SetTraceback (exception, trace);
  for (int i = 0; i < MAX_CALLS && returned == NULL; i++)
    {
      PyErr_Clear ();
      returned = before != NULL
                 ? PyObject_CallFunctionObjArgs (catch, before, exception, after, NULL)
                 : PyObject_CallFunctionObjArgs (catch, exception, after, NULL);
    }
  Py_XDECREF (trace);
  Py_XDECREF (exception);
  Py_XDECREF (type);
  return returned;
}

/* TRUE if the current exception, which stays set, is why a value cannot be read; not if the handler
 * of a signal has raised it meanwhile, or if it ends the program. */
gboolean
native_is_refusal (void)
{
  PyObject *type, *exception, *trace, *answer;
  gboolean result;

  if (!PyErr_ExceptionMatches (PyExc_Exception))
    return FALSE;
  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  if (trace != NULL)
    PyException_SetTraceback (exception, trace);
  answer = PyObject_CallOneArg (native_helpers.is_of_signal, exception);
  result = answer == Py_False;
  Py_XDECREF (answer);
  PyErr_Restore (type, exception, trace);
  return result;
}

/* Clears the current exception, unless it is one that native_is_refusal() lets pass. Returns TRUE
 * if none is left. */
gboolean
native_clear_refusal (void)
{
  if (PyErr_Occurred () == NULL)
    return TRUE;
  if (!native_is_refusal ())
    return FALSE;
  PyErr_Clear ();
  return TRUE;
}

/* A period in which signals are watched, possibly inside another one. All are in the main thread,
 * because no other thread runs handlers. */
typedef struct Watch Watch;

struct Watch
{
  Watch *outer;
  PyObject *catch; /* receives the exceptions of handlers */
  int fds[2];      /* a pipe that Python writes to */
  int wakeup_fd;   /* the previous descriptor; -1: none */
};

static _Thread_local Watch *current_watch;

/* Returns the previous descriptor; also -1 with an exception. */
static int
set_wakeup_fd (int fd)
{
  PyObject *module = PyImport_ImportModule ("_signal");
  PyObject *before = NULL;
  int result = -1;

  if (module != NULL)
    before = PyObject_CallMethod (module, "set_wakeup_fd", "i", fd);
  if (before != NULL)
    result = (int) PyLong_AsLong (before);
  Py_XDECREF (before);
  Py_XDECREF (module);
  return result;
}

/* Code of the program has run, which may have set another descriptor, or taken this one away, as
 * the end of a loop of asyncio does. The watch goes on, and passes signals on to what was set. This
 * takes a microsecond, so methods that serve requests do without it. */
static void
keep_watching (void)
{
  int fd;

  if (current_watch == NULL)
    return;
  fd = set_wakeup_fd (current_watch->fds[1]);
  if (fd != current_watch->fds[1])
    current_watch->wakeup_fd = fd;
  PyErr_Clear ();
}

/* Calls a user function from C. Its exception, or that of a signal handler that runs meanwhile,
 * goes to @catch, because nothing else could catch it. Takes ownership of @args, a tuple or NULL
 * with an exception. */
void
native_call_guarded (PyObject *function,
                     PyObject *args,
                     PyObject *catch)
{
  PyObject *returned = args != NULL ? PyObject_Call (function, args, NULL) : NULL;

  if (returned != NULL && PyErr_CheckSignals () == -1)
    Py_CLEAR (returned);
  if (returned == NULL)
    returned = native_give_exception (catch, NULL, NULL);
  PyErr_Clear ();
  Py_XDECREF (returned);
  Py_XDECREF (args);
  keep_watching ();
}

/* Calls a function, with an argument or without (NULL), until nothing interrupts it. Returns FALSE
 * with the first interruption, an exception, if there was one. */
gboolean
native_call_to_its_end (PyObject *function,
                        PyObject *argument)
{
  PyObject *first[3] = { NULL, NULL, NULL };
  PyObject *returned = NULL;

  for (int i = 0; i < MAX_CALLS && returned == NULL; i++)
    {
      returned = PyObject_CallFunctionObjArgs (function, argument, NULL);
      if (returned == NULL && first[0] == NULL)
        PyErr_Fetch (&first[0], &first[1], &first[2]);
      PyErr_Clear ();
    }
  Py_XDECREF (returned);
  if (first[0] == NULL)
    return TRUE;
  PyErr_Restore (first[0], first[1], first[2]);
  return FALSE;
}

/* (function, catch, ...): calls a function until nothing interrupts it, and then passes the first
 * interruption to @catch, or raises it. What follows is a callback's, and ignored. */
PyObject *
native_complete (PyObject        *module G_GNUC_UNUSED,
                 PyObject *const *args,
                 Py_ssize_t       n_args)
{
  if (n_args == 0)
    return PyErr_Format (PyExc_TypeError, "complete() takes a function");
  if (native_call_to_its_end (args[0], NULL))
    Py_RETURN_NONE;
  return n_args > 1 ? native_give_exception (args[1], NULL, NULL) : NULL;
}

/* In the main thread, between two instructions. */
static int
raise_cb (void *exception)
{
  PyErr_SetObject ((PyObject *) Py_TYPE (exception), exception);
  Py_DECREF ((PyObject *) exception);
  return -1;
}

/* (function, object): calls the function of a finalizer until nothing interrupts it. Python prints
 * what a finalizer raises, so what the handler of a signal has raised there is raised after it. */
PyObject *
native_finalize (PyObject *module G_GNUC_UNUSED,
                 PyObject *args)
{
  PyObject *function, *object, *type, *exception, *trace;

  if (!PyArg_ParseTuple (args, "OO:finalize", &function, &object))
    return NULL;
  if (native_call_to_its_end (function, object))
    Py_RETURN_NONE;
  if (native_is_refusal ())
    return NULL;
  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  if (trace != NULL)
    PyException_SetTraceback (exception, trace);
  if (Py_AddPendingCall (raise_cb, Py_NewRef (exception)) == 0)
    {
      Py_DECREF (exception);
      Py_XDECREF (trace);
      Py_DECREF (type);
      Py_RETURN_NONE;
    }
  Py_DECREF (exception);
  PyErr_Restore (type, exception, trace);
  return NULL;
}

/* The previous descriptor is notified when nothing else waits for it. */
static void
drain (Watch *watch)
{
  guint8 signals[64];
  gssize size;

  while ((size = read (watch->fds[0], signals, sizeof signals)) > 0)
    if (watch->wakeup_fd != -1 && write (watch->wakeup_fd, signals, (gsize) size) == -1)
      continue; /* It is full, so its reader is awake. */
}

static gboolean
handle_cb (gpointer user_data,
           GError **error)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  gboolean result;

  drain (user_data);
  result = PyErr_CheckSignals () == 0;
  if (!result)
    {
      PyObject *made = native_give_exception (((Watch *) user_data)->catch, NULL, NULL);

      native_to_gerror (made, error);
      Py_XDECREF (made);
    }
  keep_watching ();
  PyGILState_Release (state);
  return result;
}

static void
use_watch (Watch *watch)
{
  current_watch = watch;
  gmp_signals_watch (watch != NULL ? watch->fds[0] : 0, watch != NULL ? handle_cb : NULL, watch);
}

static void
watch_free (Watch *watch)
{
  close (watch->fds[0]);
  close (watch->fds[1]);
  Py_DECREF (watch->catch);
  g_free (watch);
}

static void
end_watch (Watch *watch)
{
  int wakeup_fd;

  use_watch (watch->outer);
  wakeup_fd = set_wakeup_fd (watch->wakeup_fd);
  /* Another descriptor was set meanwhile, and must stay. */
  if (wakeup_fd != watch->fds[1])
    set_wakeup_fd (wakeup_fd);
  drain (watch);
  watch_free (watch);
  /* The previous descriptor may have been closed meanwhile. */
  PyErr_Clear ();
}

/* Nobody is told of a signal that arrived before the watch, and no handler has run if this was
 * called by C. */
static gboolean
handle_earlier (Watch *watch)
{
  PyObject *type, *exception, *trace;

  if (PyErr_CheckSignals () == 0)
    return TRUE;
  PyErr_Fetch (&type, &exception, &trace);
  end_watch (watch);
  PyErr_Restore (type, exception, trace);
  return FALSE;
}

/* Only in the main thread. The argument takes exceptions of handlers, and returns a GError. */
PyObject *
native_begin_signals (PyObject *module G_GNUC_UNUSED,
                      PyObject *catch)
{
  Watch *watch = g_new0 (Watch, 1);

  if (pipe2 (watch->fds, O_CLOEXEC | O_NONBLOCK) == -1)
    {
      g_free (watch);
      return PyErr_SetFromErrno (PyExc_OSError);
    }
  watch->catch = Py_NewRef (catch);
  watch->outer = current_watch;
  watch->wakeup_fd = set_wakeup_fd (watch->fds[1]);
  if (PyErr_Occurred () != NULL)
    {
      watch_free (watch);
      return NULL;
    }
  use_watch (watch);
  if (!handle_earlier (watch))
    return NULL;
  Py_RETURN_NONE;
}

/* Ends the watch that passes exceptions to the argument, if there is one. */
PyObject *
native_end_signals (PyObject *module G_GNUC_UNUSED,
                    PyObject *catch)
{
  if (current_watch != NULL && current_watch->catch == catch)
    end_watch (current_watch);
  Py_RETURN_NONE;
}
