/* objects.c: objects of the library's, with their properties and signals
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "native-private.h"

#include <unistd.h>

typedef struct {
  PyObject_HEAD
  GObject *object;
} Object;

static PyTypeObject *object_type;
static PyTypeObject *cancellable_type;

/* tp_new of types whose objects only this module makes: Python 3.9 has no flag for that. */
PyObject *
native_refuse_new (PyTypeObject *type,
                   PyObject     *args G_GNUC_UNUSED,
                   PyObject     *kwargs G_GNUC_UNUSED)
{
  return PyErr_Format (PyExc_TypeError, "cannot create '%s' instances", type->tp_name);
}

gpointer
native_object_get (PyObject *object)
{
  return ((Object *) object)->object;
}

/* Takes ownership of @object. */
PyObject *
native_object_new (PyTypeObject *kind,
                   gpointer      object)
{
  Object *self = (Object *) kind->tp_alloc (kind, 0);

  if (self != NULL)
    self->object = object;
  else
    g_object_unref (object);
  return (PyObject *) self;
}

PyObject *
native_wrap_object (gpointer object)
{
  return native_object_new (object_type, object);
}

/* The GObject of an object of this module or of PyGObject, if it has the type. It belongs to
 * @object. */
gpointer
native_object_find (PyObject *object,
                    GType     type)
{
  gpointer found = PyObject_TypeCheck (object, object_type) ? native_object_get (object)
                                                            : native_pygobject_get_object (object);

  if (found != NULL && G_TYPE_CHECK_INSTANCE_TYPE (found, type))
    return found;
  PyErr_Format (PyExc_TypeError, "a %s is needed, not a %s", g_type_name (type),
                Py_TYPE (object)->tp_name);
  return NULL;
}

static GParamSpec *
find_property (gpointer    klass,
               const char *name)
{
  GParamSpec *spec = g_object_class_find_property (klass, name);

  if (spec == NULL)
    PyErr_Format (PyExc_AttributeError, "there is no property '%s'", name);
  return spec;
}

static void
clear_value (gpointer value)
{
  g_value_unset (value);
}

/* Makes an object with a dict of properties, which may be NULL. */
GObject *
native_object_make (GType     type,
                    PyObject *properties)
{
  GObjectClass *klass = g_type_class_ref (type);
  g_autoptr (GArray) values = g_array_new (FALSE, TRUE, sizeof (GValue));
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  GObject *object = NULL;
  PyObject *key, *each;
  Py_ssize_t position = 0;

  g_array_set_clear_func (values, clear_value);
  while (properties != NULL && PyErr_Occurred () == NULL &&
         PyDict_Next (properties, &position, &key, &each))
    {
      GParamSpec *spec = find_property (klass, PyUnicode_AsUTF8 (key));

      g_array_set_size (values, values->len + 1);
      g_ptr_array_add (names, (gpointer) PyUnicode_AsUTF8 (key));
      if (spec != NULL)
        native_to_gvalue (spec, each, &g_array_index (values, GValue, values->len - 1));
    }
  if (PyErr_Occurred () == NULL)
    object = g_object_new_with_properties (type, names->len, (const char **) names->pdata,
                                           (const GValue *) (gpointer) values->data);
  g_type_class_unref (klass);
  return object;
}

static void
object_dealloc (PyObject *self)
{
  PyTypeObject *type = Py_TYPE (self);
  GObject *object = g_steal_pointer (&((Object *) self)->object);

  /* It may have to wait for processes, and for a thread that needs the GIL. */
  if (object != NULL)
    {
      PyObject *errors[3];

      PyErr_Fetch (&errors[0], &errors[1], &errors[2]);
      Py_BEGIN_ALLOW_THREADS
      g_object_unref (object);
      Py_END_ALLOW_THREADS
      PyErr_Restore (errors[0], errors[1], errors[2]);
    }
  type->tp_free (self);
  Py_DECREF (type);
}

static PyObject *
object_get_property (PyObject *self,
                     PyObject *name)
{
  GObject *object = native_object_get (self);
  const char *text = PyUnicode_AsUTF8 (name);
  g_auto (GValue) value = G_VALUE_INIT;

  if (text == NULL || find_property (G_OBJECT_GET_CLASS (object), text) == NULL)
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  g_object_get_property (object, text, &value);
  Py_END_ALLOW_THREADS
  return native_from_gvalue (&value);
}

static PyObject *
object_set_property (PyObject *self,
                     PyObject *args)
{
  GObject *object = native_object_get (self);
  g_auto (GValue) value = G_VALUE_INIT;
  const char *name;
  PyObject *given;
  GParamSpec *spec;

  if (!PyArg_ParseTuple (args, "sO:set_property", &name, &given))
    return NULL;
  spec = find_property (G_OBJECT_GET_CLASS (object), name);
  if (spec == NULL || !native_to_gvalue (spec, given, &value))
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  g_object_set_property (object, name, &value);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

/* An empty text is as None. */
static gboolean
is_text_valid (GParamSpec   *spec,
               const GValue *value)
{
  const char *text = G_VALUE_HOLDS_STRING (value) ? g_value_get_string (value) : NULL;
  g_autoptr (GError) error = NULL;

  if (text == NULL || text[0] == '\0' || gmp_runner_check_option (spec->name, text, &error))
    return TRUE;
  PyErr_SetString (PyExc_ValueError, error->message);
  return FALSE;
}

/* (name, value): raises the error that set_property() of a @type, or a run, would raise. */
PyObject *
native_check_property (GType     type,
                       PyObject *args)
{
  GObjectClass *klass = g_type_class_ref (type);
  g_auto (GValue) value = G_VALUE_INIT;
  const char *name;
  PyObject *given;
  GParamSpec *spec = NULL;
  gboolean is_valid;

  if (PyArg_ParseTuple (args, "sO:check_property", &name, &given))
    spec = find_property (klass, name);
  is_valid = spec != NULL && native_to_gvalue (spec, given, &value) && is_text_valid (spec, &value);
  g_type_class_unref (klass);
  if (!is_valid)
    return NULL;
  Py_RETURN_NONE;
}

/* A signal handler. Its exceptions go to @catch. */
typedef struct {
  GClosure closure;
  PyObject *function;
  PyObject *catch;
} Handler;

static void
handler_marshal (GClosure     *closure,
                 GValue       *returned G_GNUC_UNUSED,
                 guint         n_params,
                 const GValue *params,
                 gpointer      hint G_GNUC_UNUSED,
                 gpointer      data G_GNUC_UNUSED)
{
  PyGILState_STATE state = PyGILState_Ensure ();
  Handler *handler = (Handler *) closure;
  PyObject *args = PyTuple_New ((Py_ssize_t) n_params - 1);

  /* The first is the object. */
  for (guint i = 1; args != NULL && i < n_params; i++)
    {
      PyObject *each = native_from_gvalue (&params[i]);

      if (each == NULL)
        Py_CLEAR (args);
      else
        PyTuple_SET_ITEM (args, (Py_ssize_t) i - 1, each);
    }
  native_call_guarded (handler->function, args, handler->catch);
  PyGILState_Release (state);
}

static void
handler_finalize (gpointer  data G_GNUC_UNUSED,
                  GClosure *closure)
{
  PyGILState_STATE state;

  if (!Py_IsInitialized ())
    return;
  state = PyGILState_Ensure ();
  Py_CLEAR (((Handler *) closure)->function);
  Py_CLEAR (((Handler *) closure)->catch);
  PyGILState_Release (state);
}

/* The data of all closures below, by which they are found. */
static char handler_mark;

static PyObject *
object_connect (PyObject *self,
                PyObject *args)
{
  const char *signal;
  PyObject *function, *catch;
  Handler *handler;

  if (!PyArg_ParseTuple (args, "sOO:connect", &signal, &function, &catch))
    return NULL;
  handler = (Handler *) g_closure_new_simple (sizeof *handler, &handler_mark);
  handler->function = Py_NewRef (function);
  handler->catch = Py_NewRef (catch);
  g_closure_set_marshal (&handler->closure, handler_marshal);
  g_closure_add_finalize_notifier (&handler->closure, NULL, handler_finalize);
  g_signal_connect_closure (native_object_get (self), signal, &handler->closure, FALSE);
  Py_RETURN_NONE;
}

/* All that were connected here: an interrupted program need not know which. */
static PyObject *
object_disconnect (PyObject *self,
                   PyObject *unused G_GNUC_UNUSED)
{
  g_signal_handlers_disconnect_by_data (native_object_get (self), &handler_mark);
  Py_RETURN_NONE;
}

static PyMethodDef object_methods[] = {
  { "get_property", object_get_property, METH_O, NULL },
  { "set_property", object_set_property, METH_VARARGS, NULL },
  { "connect", object_connect, METH_VARARGS, NULL },
  { "disconnect", object_disconnect, METH_NOARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot object_slots[] = {
  { Py_tp_new, native_refuse_new },
  { Py_tp_dealloc, object_dealloc },
  { Py_tp_methods, object_methods },
  { Py_tp_doc, (gpointer) "An object of the C library." },
  { 0, NULL }
};

static PyType_Spec object_spec = {
  .name = "_gmproc.Object",
  .basicsize = sizeof (Object),
  .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
  .slots = object_slots,
};

/* A cancellable. */

/* The process that made a cancellable. */
static GQuark
get_process_quark (void)
{
  return g_quark_from_static_string ("gmproc-python-process");
}

static PyObject *
cancellable_new (PyTypeObject *type,
                 PyObject     *args G_GNUC_UNUSED,
                 PyObject     *kwargs G_GNUC_UNUSED)
{
  GCancellable *cancellable = g_cancellable_new ();

  g_object_set_qdata (G_OBJECT (cancellable), get_process_quark (), GINT_TO_POINTER (getpid ()));
  return native_object_new (type, cancellable);
}

static PyObject *
cancellable_cancel (PyObject *self,
                    PyObject *unused G_GNUC_UNUSED)
{
  GCancellable *cancellable = native_object_get (self);

  Py_BEGIN_ALLOW_THREADS
  g_cancellable_cancel (cancellable);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

/* In a forked child the run belongs to the parent, whose main loop this would wake; or something of
 * the child's own, if it has closed the descriptors that it inherited. */
static void
cancel_own_run (GCancellable *cancellable)
{
  gpointer process = g_object_get_qdata (G_OBJECT (cancellable), get_process_quark ());

  if (GPOINTER_TO_INT (process) == getpid ())
    g_cancellable_cancel (cancellable);
}

static PyObject *
cancellable_cancel_run (PyObject *self,
                        PyObject *unused G_GNUC_UNUSED)
{
  GCancellable *cancellable = native_object_get (self);

  Py_BEGIN_ALLOW_THREADS
  cancel_own_run (cancellable);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static PyObject *
cancellable_is_cancelled (PyObject *self,
                          PyObject *unused G_GNUC_UNUSED)
{
  return PyBool_FromLong (g_cancellable_is_cancelled (native_object_get (self)));
}

static void
other_cancelled_cb (GCancellable *other G_GNUC_UNUSED,
                    gpointer      user_data)
{
  cancel_own_run (user_data);
}

/* Cancels this one when another one is cancelled, which may be PyGObject's. Returns a function that
 * ends that. */
static PyObject *
cancellable_follow (PyObject *self,
                    PyObject *object)
{
  GCancellable *other = native_object_find (object, G_TYPE_CANCELLABLE);
  gulong id;

  if (other == NULL)
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  id = g_cancellable_connect (other, G_CALLBACK (other_cancelled_cb),
                              g_object_ref (native_object_get (self)), g_object_unref);
  Py_END_ALLOW_THREADS
  return PyLong_FromUnsignedLong (id);
}

static PyObject *
cancellable_leave (PyObject *self G_GNUC_UNUSED,
                   PyObject *args)
{
  PyObject *object;
  unsigned long id;
  GCancellable *other;

  if (!PyArg_ParseTuple (args, "Ok:leave", &object, &id))
    return NULL;
  other = native_object_find (object, G_TYPE_CANCELLABLE);
  if (other == NULL)
    return NULL;
  Py_BEGIN_ALLOW_THREADS
  g_cancellable_disconnect (other, id);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static PyMethodDef cancellable_methods[] = {
  { "cancel", cancellable_cancel, METH_NOARGS, "Cancels what was begun with it." },
  { "cancel_run", cancellable_cancel_run, METH_NOARGS, NULL },
  { "is_cancelled", cancellable_is_cancelled, METH_NOARGS, NULL },
  { "follow", cancellable_follow, METH_O, NULL },
  { "leave", cancellable_leave, METH_VARARGS, NULL },
  { NULL, NULL, 0, NULL }
};

static PyType_Slot cancellable_slots[] = {
  { Py_tp_new, cancellable_new },
  { Py_tp_methods, cancellable_methods },
  { Py_tp_doc, (gpointer) "What a run is cancelled by, from any thread: a Gio.Cancellable." },
  { 0, NULL }
};

static PyType_Spec cancellable_spec = {
  .name = "gmproc.Cancellable",
  .basicsize = sizeof (Object),
  .flags = Py_TPFLAGS_DEFAULT,
  .slots = cancellable_slots,
};

/* A type of objects, in the module; the base may be NULL for Object. */
PyTypeObject *
native_object_type_new (PyObject     *module,
                        PyType_Spec  *spec,
                        PyTypeObject *base)
{
  PyObject *bases = PyTuple_Pack (1, base != NULL ? base : object_type);
  PyTypeObject *type = NULL;

  spec->basicsize = sizeof (Object);
  if (bases != NULL)
    type = (PyTypeObject *) PyType_FromSpecWithBases (spec, bases);
  Py_XDECREF (bases);
  if (type != NULL && PyModule_AddType (module, type) == -1)
    Py_CLEAR (type);
  return type;
}

int
native_objects_init (PyObject *module)
{
  object_type = (PyTypeObject *) PyType_FromSpec (&object_spec);
  if (object_type == NULL || PyModule_AddType (module, object_type) == -1)
    return -1;
  cancellable_type = native_object_type_new (module, &cancellable_spec, NULL);
  return cancellable_type != NULL ? 0 : -1;
}
