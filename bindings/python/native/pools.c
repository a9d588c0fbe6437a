/* pools.c: the library's pools, and their calls
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

/* The target of calls that are pickles, which host.c executes. */
#define TARGET "python:" NATIVE_POOL_CALL

static PyTypeObject *pool_type;
static PyTypeObject *call_type;

/* The executor of a pool and its methods, kept as long as the pool. */
typedef struct {
  PyObject *finish;     /* (future, value, failure, is_waiting): True to be called again */
  PyObject *notice_end; /* (): calls have ended without finish() */
  PyObject *report;     /* (worker, value) */
  PyObject *catch;      /* (exception, None) */
  PyObject *pending;    /* the set of futures of calls that are not over */
} Takers;

/* A call that the program may query. */
typedef struct {
  PyObject_HEAD
  GmpPool *pool;
  GmpPoolCall *call;
} Call;

/* Why a call was not executed: an error, and of its worker the last report and how it ended. */
static PyObject *
box_failure (GmpPoolCall *call)
{
  GmpFailure *failure = gmp_pool_call_get_failure (call);
  PyObject *facts = failure != NULL ? native_list_values (failure) : Py_NewRef (Py_None);

  return Py_BuildValue ("(NNN)", native_box_error (gmp_pool_call_get_error (call)),
                        native_box_variant (gmp_pool_call_get_report (call)), facts);
}

/* Passes the outcome of a call to the program: its value and None, or None and its failure. A
 * pickle, which may run code of the program's, stays a Variant in the failure's place: see
 * Future._open(). */
static gboolean
load_outcome (GmpPoolCall *call,
              PyObject   **value,
              PyObject   **failure)
{
  GVariant *variant = gmp_pool_call_get_value (call);

  *value = *failure = NULL;
  if (gmp_pool_call_is_left (call))
    {
      /* Its future has its value. */
      *value = Py_NewRef (Py_None);
      *failure = Py_NewRef (Py_None);
      return TRUE;
    }
  if (gmp_pool_call_get_error (call) != NULL)
    {
      *value = Py_NewRef (Py_None);
      *failure = box_failure (call);
      return *failure != NULL;
    }
  if (variant != NULL && native_is_pickle (variant))
    {
      *value = Py_NewRef (Py_None);
      *failure = native_box_variant (variant);
      return *failure != NULL;
    }
  *value = native_load (variant, native_python ());
  *failure = Py_NewRef (Py_None);
  return *value != NULL;
}

static void
takers_copy (Takers       *self,
             const Takers *other)
{
  *self = (Takers) { Py_NewRef (other->finish), Py_NewRef (other->notice_end),
                     Py_NewRef (other->report), Py_NewRef (other->catch),
                     Py_NewRef (other->pending) };
}

static void
takers_clear (Takers *self)
{
  Py_DECREF (self->finish);
  Py_DECREF (self->notice_end);
  Py_DECREF (self->report);
  Py_DECREF (self->catch);
  Py_DECREF (self->pending);
}

/* The handler of a signal may raise between any two instructions of Python, and so while a call is
 * finished in the main thread. Then that is done again, and what was raised comes out of the method
 * of the pool or call that this thread is in. */
#define MAX_TRIES 8

static _Thread_local guint n_methods; /* the method that this thread is in */
static _Thread_local PyObject *raised; /* (nullable) */

static PyObject *
take_exception (void)
{
  PyObject *type, *exception, *trace;

  PyErr_Fetch (&type, &exception, &trace);
  PyErr_NormalizeException (&type, &exception, &trace);
  if (trace != NULL)
    PyException_SetTraceback (exception, trace);
  Py_XDECREF (type);
  Py_XDECREF (trace);
  return exception;
}

/* Consumes @exception. If several come, the last one is kept, as in Python. */
static void
keep_raised (Takers   *takers,
             PyObject *exception)
{
  if (n_methods > 0)
    {
      Py_XSETREF (raised, exception);
      return;
    }
  Py_XDECREF (PyObject_CallOneArg (takers->catch, exception));
  PyErr_Clear ();
  Py_DECREF (exception);
}

/* Returns @result from a method, or raises the kept exception. */
static PyObject *
leave_method (PyObject *result)
{
  PyObject *exception = raised;

  if (--n_methods > 0 || exception == NULL)
    return result;
  raised = NULL;
  Py_XDECREF (result);
  PyErr_SetObject ((PyObject *) Py_TYPE (exception), exception);
  Py_DECREF (exception);
  return NULL;
}

/* A result that cannot be read is a failure. If that is interrupted, it is done again. */
static void
load_or_fail (Takers      *takers,
              GmpPoolCall *call,
              PyObject   **value,
              PyObject   **failure)
{
  PyObject *interruption = NULL;
  gboolean is_refusal = FALSE;

  for (int i = 1; !load_outcome (call, value, failure); i++)
    {
      Py_XDECREF (*value);
      Py_XDECREF (*failure);
      is_refusal = native_is_refusal ();
      if (is_refusal || i == MAX_TRIES)
        {
          *value = Py_NewRef (Py_None);
          *failure = take_exception ();
          break;
        }
      Py_XSETREF (interruption, take_exception ());
    }
  /* If it is raised at each try, it is the failure. */
  if (interruption != NULL && (is_refusal || !PyExceptionInstance_Check (*failure)))
    keep_raised (takers, interruption);
  else
    Py_XDECREF (interruption);
}

/* Calls a taker until no handler of a signal interrupts it. Returns TRUE if it returns True. */
static gboolean
call_taker (Takers   *takers,
            PyObject *taker,
            PyObject *args)
{
  PyObject *returned = NULL;

  for (int i = 0; i < MAX_TRIES && returned == NULL; i++)
    {
      returned = PyObject_CallObject (taker, args);
      if (returned == NULL)
        keep_raised (takers, take_exception ());
    }
  Py_XDECREF (returned);
  Py_XDECREF (args);
  return returned == Py_True;
}

/* The pool in which this thread waits for a call (nullable). What the program has added to futures
 * is then called in the pool's thread: the caller may have locked what it waits for. */
static _Thread_local GmpPool *waiting_for;

static gboolean
leave (GmpPoolCall *call)
{
  gboolean result;

  Py_BEGIN_ALLOW_THREADS
  result = gmp_pool_leave (waiting_for, call);
  Py_END_ALLOW_THREADS
  return result;
}

/* Consumes the reference to @call. Returns TRUE if takers->notice_end() is to be called. */
static gboolean
finish_one (Takers      *takers,
            GmpPoolCall *call)
{
  PyObject *future = gmp_pool_call_get_user_data (call);
  PyObject *may_leave = waiting_for != NULL ? Py_True : Py_False;
  PyObject *value, *failure;
  gboolean is_settled;
  gboolean is_left = FALSE;

  load_or_fail (takers, call, &value, &failure);
  is_settled = native_settle (future, value, failure) &&
               PySet_Discard (takers->pending, future) != -1;
  if (!is_settled)
    is_left = call_taker (takers, takers->finish,
                          PyTuple_Pack (4, future, value, failure, may_leave));
  Py_DECREF (value);
  Py_XDECREF (failure);
  if (is_left && leave (call))
    return FALSE;
  if (is_left)
    call_taker (takers, takers->finish, PyTuple_Pack (3, future, Py_None, Py_None));
  Py_DECREF (future);
  gmp_pool_call_unref (call);
  return is_settled;
}

/* The interpreter may have ended: threads of a pool that was not closed run until the process
 * ends. */
static gboolean
is_over (void)
{
  return !Py_IsInitialized ();
}

/* PyThreadState_Clear() runs code of the program's, which may come back here. PyGILState_Release()
 * must not be what calls it: the code that comes back would call it a second time. */
static void
forget_thread (gpointer data G_GNUC_UNUSED)
{
  if (is_over ())
    return;
  PyGILState_Ensure ();
  PyThreadState_Clear (PyThreadState_Get ());
  PyThreadState_DeleteCurrent ();
}

static GPrivate known_thread = G_PRIVATE_INIT (forget_thread);

/* Like PyGILState_Ensure(), but in a thread that Python has not started, a threading.local keeps
 * its values from one call to the next, until that thread ends. */
static PyGILState_STATE
enter_python (void)
{
  gboolean is_known = PyGILState_GetThisThreadState () != NULL;
  PyGILState_STATE state = PyGILState_Ensure ();

  if (!is_known)
    {
      PyGILState_Ensure ();
      g_private_set (&known_thread, PyThreadState_Get ());
    }
  return state;
}

static void
finished_cb (GmpPoolCall **calls,
             gsize         n_calls,
             gpointer      user_data)
{
  gboolean is_quiet = FALSE;
  PyGILState_STATE state;
  Takers takers;

  if (is_over ())
    return;
  state = enter_python ();
  /* After the last call the pool may be freed, with what it keeps. */
  takers_copy (&takers, user_data);
  for (gsize i = 0; i < n_calls; i++)
    is_quiet |= finish_one (&takers, calls[i]);
  if (is_quiet)
    call_taker (&takers, takers.notice_end, NULL);
  takers_clear (&takers);
  PyGILState_Release (state);
}

static void
reported_cb (guint     worker,
             GVariant *value,
             gpointer  user_data)
{
  Takers *takers = user_data;
  PyGILState_STATE state;
  PyObject *boxed;

  if (is_over ())
    return;
  state = enter_python ();
  boxed = native_box_variant (value);
  native_call_guarded (takers->report, boxed != NULL ? Py_BuildValue ("(IN)", worker, boxed) : NULL,
                       takers->catch);
  PyGILState_Release (state);
}

static const GmpPoolBinding binding = { finished_cb, reported_cb };

static void
takers_free (gpointer data)
{
  Takers *takers = data;
  PyGILState_STATE state;

  if (is_over ())
    return;
  state = enter_python ();
  takers_clear (takers);
  PyGILState_Release (state);
  g_free (takers);
}

/* Pool. Nothing here waits for the library's lock with the GIL: the thread that has the lock may
 * free the memory of an argument, which is Python's. */

/* Arguments up to this size are copied with the GIL. */
#define MAX_COPIED_WITH_GIL (64 * 1024)

static PyObject *
pool_new (PyTypeObject *type,
          PyObject     *args,
          PyObject     *kwargs)
{
  Takers given;
  Takers *takers;
  GObject *pool;

  if (!PyArg_ParseTuple (args, "OOOOO!:Pool", &given.finish, &given.notice_end, &given.report,
                         &given.catch, &PySet_Type, &given.pending))
    return NULL;
  pool = native_object_make (GMP_TYPE_POOL, kwargs);
  if (pool == NULL)
    return NULL;
  takers = g_new (Takers, 1);
  takers_copy (takers, &given);
  g_object_set_data_full (pool, "gmproc-takers", takers, takers_free);
  gmp_pool_set_binding (GMP_POOL (pool), &binding, takers);
  return native_object_new (type, pool);
}

static PyObject *
pool_list_options (PyObject *type G_GNUC_UNUSED,
                   PyObject *unused G_GNUC_UNUSED)
{
  return native_list_options (GMP_TYPE_POOL);
}

/* The pickle of a call, (function, args, kwargs), as a GVariant: bytes, if it has no buffers.
 * @parts are the pickle's, or None. */
static GVariant *
dump_call (PyObject *work,
           gboolean  has_main,
           PyObject *parts)
{
  PyObject *data, *buffers;
  GVariant *variant = NULL;

  parts = PyTuple_Check (parts) ? Py_NewRef (parts) : native_pickle_parts (work, has_main);
  if (parts == NULL)
    return NULL;
  data = PyTuple_GET_ITEM (parts, 0);
  buffers = PyTuple_GET_ITEM (parts, 1);
  if (PyList_GET_SIZE (buffers) > 0)
    {
      variant = native_wrap (NATIVE_POOL_CALL, data, buffers);
    }
  else
    {
      variant = native_bytes_new (data);
      if (variant != NULL)
        g_variant_ref_sink (variant);
    }
  Py_DECREF (parts);
  return variant;
}

static PyObject *
call_box (GmpPool     *pool,
          GmpPoolCall *call)
{
  Call *self = (Call *) call_type->tp_alloc (call_type, 0);

  if (self == NULL)
    {
      gmp_pool_call_unref (call);
      return NULL;
    }
  self->pool = g_object_ref (pool);
  self->call = call;
  return (PyObject *) self;
}

/* (future, work, has_main, name, run_timeout, retries, priority, parts): calls @work's function in
 * a worker, and passes the outcome to finish(future, ...). Returns a Call. @parts are those of its
 * pickle, or None; without them it returns None, and submits nothing, if pickling would take
 * long. */
static PyObject *
pool_submit (PyObject        *self,
             PyObject *const *args,
             Py_ssize_t       n_args)
{
  GmpPool *pool = native_object_get (self);
  GmpPoolCallOptions options = { NULL, 0, 0, 0 };
  g_autoptr (GVariant) params = NULL;
  GmpPoolCall *call = NULL;
  const char *target;
  GError *error = NULL;

  if (n_args != 7 && n_args != 8)
    return PyErr_Format (PyExc_TypeError, "submit() takes 7 or 8 arguments");
  if (n_args == 7 && native_is_large (args[1]))
    Py_RETURN_NONE;
  options.name = PyUnicode_AsUTF8 (args[3]);
  options.run_timeout = PyFloat_AsDouble (args[4]);
  options.retries = (guint) PyLong_AsUnsignedLong (args[5]);
  options.priority = (int) PyLong_AsLong (args[6]);
  if (PyErr_Occurred () != NULL)
    return NULL;
  params = dump_call (args[1], PyObject_IsTrue (args[2]), n_args == 8 ? args[7] : Py_None);
  if (params == NULL)
    return NULL;
  target = g_intern_static_string (TARGET);
  Py_INCREF (args[0]);
  n_methods++;
  /* A thread that makes many calls keeps the GIL. If each call released it, the thread that reports
   * results would take it each time, and the two would wait for each other in turns. */
  if (g_variant_get_size (params) <= MAX_COPIED_WITH_GIL)
    call = gmp_pool_try_submit (pool, target, params, &options, args[0]);
  if (call == NULL)
    {
      Py_BEGIN_ALLOW_THREADS
      call = gmp_pool_submit (pool, target, params, &options, args[0], &error);
      Py_END_ALLOW_THREADS
    }
  if (call != NULL)
    return leave_method (call_box (pool, call));
  Py_DECREF (args[0]);
  return leave_method (native_raise (error));
}

static PyObject *
pool_set_setup (PyObject *self,
                PyObject *boxed)
{
  GmpPool *pool = native_object_get (self);
  g_autoptr (GVariant) params = NULL;
  gboolean is_set;
  GError *error = NULL;

  if (!native_get_params (boxed, &params))
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  is_set = gmp_pool_set_initializer_target (pool, "python:" NATIVE_POOL_SETUP, params, &error);
  Py_END_ALLOW_THREADS
  if (!is_set)
    return native_raise (error);
  Py_RETURN_NONE;
}

static PyObject *
pool_cancel_waiting (PyObject *self,
                     PyObject *unused G_GNUC_UNUSED)
{
  GmpPool *pool = native_object_get (self);

  n_methods++;
  Py_BEGIN_ALLOW_THREADS
  gmp_pool_cancel_waiting (pool);
  Py_END_ALLOW_THREADS
  return leave_method (Py_NewRef (Py_None));
}

static PyObject *
pool_kill (PyObject *self,
           PyObject *is_hard)
{
  GmpPool *pool = native_object_get (self);
  gboolean hard = PyObject_IsTrue (is_hard) == 1;

  n_methods++;
  Py_BEGIN_ALLOW_THREADS
  gmp_pool_kill (pool, hard);
  Py_END_ALLOW_THREADS
  return leave_method (Py_NewRef (Py_None));
}

static PyObject *
pool_close (PyObject *self,
            PyObject *unused G_GNUC_UNUSED)
{
  GmpPool *pool = native_object_get (self);

  n_methods++;
  Py_BEGIN_ALLOW_THREADS
  gmp_pool_close (pool);
  Py_END_ALLOW_THREADS
  return leave_method (Py_NewRef (Py_None));
}

static PyObject *
pool_list_workers (PyObject *self,
                   PyObject *unused G_GNUC_UNUSED)
{
  GmpPool *pool = native_object_get (self);
  g_autoptr (GVariant) workers = NULL;

  Py_BEGIN_ALLOW_THREADS
  workers = g_variant_ref_sink (gmp_pool_list_workers (pool));
  Py_END_ALLOW_THREADS
  return native_load_natural (workers);
}

static PyMethodDef pool_methods[] = {
  { "list_options", pool_list_options, METH_NOARGS | METH_CLASS, NULL },
  { "submit", (PyCFunction) (gpointer) pool_submit, METH_FASTCALL, NULL },
  { "set_setup", pool_set_setup, METH_O, NULL },
  { "cancel_waiting", pool_cancel_waiting, METH_NOARGS, NULL },
  { "kill", pool_kill, METH_O, NULL },
  { "close", pool_close, METH_NOARGS, NULL },
  { "list_workers", pool_list_workers, METH_NOARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot pool_slots[] = {
  { Py_tp_new, pool_new },
  { Py_tp_methods, pool_methods },
  { Py_tp_doc, (gpointer) "Gmp.Pool." },
  { 0, NULL }
};

static PyType_Spec pool_spec = {
  .name = "_gmproc.Pool",
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = pool_slots,
};

/* Call. */

static void
call_dealloc (PyObject *object)
{
  PyTypeObject *type = Py_TYPE (object);
  Call *self = (Call *) object;

  if (self->call != NULL)
    gmp_pool_call_unref (self->call);
  if (self->pool != NULL)
    {
      Py_BEGIN_ALLOW_THREADS
      g_object_unref (self->pool);
      Py_END_ALLOW_THREADS
    }
  type->tp_free (object);
  Py_DECREF (type);
}

/* Polls for the answer, as long as polling pays. */
static PyObject *
call_look (PyObject *object,
           PyObject *unused G_GNUC_UNUSED)
{
  Call *self = (Call *) object;
  GmpPool *outer = waiting_for;
  gboolean result;

  n_methods++;
  waiting_for = self->pool;
  Py_BEGIN_ALLOW_THREADS
  result = gmp_pool_look_for (self->pool, self->call);
  Py_END_ALLOW_THREADS
  waiting_for = outer;
  return leave_method (PyBool_FromLong (result));
}

/* Returns True if this has ended it, False if it was over. */
static PyObject *
call_cancel (PyObject *object,
             PyObject *unused G_GNUC_UNUSED)
{
  Call *self = (Call *) object;
  gboolean result;

  n_methods++;
  Py_BEGIN_ALLOW_THREADS
  result = gmp_pool_cancel_call (self->pool, self->call);
  Py_END_ALLOW_THREADS
  return leave_method (PyBool_FromLong (result));
}

/* The process that executes it, or None. */
static PyObject *
call_get_pid (PyObject *object,
              PyObject *unused G_GNUC_UNUSED)
{
  Call *self = (Call *) object;
  int pid;

  Py_BEGIN_ALLOW_THREADS
  pid = gmp_pool_get_call_pid (self->pool, self->call);
  Py_END_ALLOW_THREADS
  if (pid == 0)
    Py_RETURN_NONE;
  return PyLong_FromLong (pid);
}

static PyMethodDef call_methods[] = {
  { "look", call_look, METH_NOARGS, NULL },
  { "cancel", call_cancel, METH_NOARGS, NULL },
  { "get_pid", call_get_pid, METH_NOARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot call_slots[] = {
  { Py_tp_new, native_refuse_new },
  { Py_tp_dealloc, call_dealloc },
  { Py_tp_methods, call_methods },
  { Py_tp_doc, (gpointer) "A call of a Pool." },
  { 0, NULL }
};

static PyType_Spec call_spec = {
  .name = "_gmproc.Call",
  .basicsize = sizeof (Call),
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = call_slots,
};

int
native_pools_init (PyObject *module)
{
  pool_type = native_object_type_new (module, &pool_spec, NULL);
  call_type = (PyTypeObject *) PyType_FromSpec (&call_spec);
  return pool_type != NULL && call_type != NULL && PyModule_AddType (module, call_type) == 0 ? 0
                                                                                             : -1;
}
