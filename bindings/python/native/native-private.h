/* native-private.h: declarations that the sources of the extension module _gmproc share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <gmproc-binding.h>

#if PY_VERSION_HEX < 0x030a0000
#define Py_NewRef(object) (Py_INCREF (object), (PyObject *) (object))
/* The collector goes on, which costs time alone. */
#define PyGC_Disable() FALSE
#define PyGC_Enable()  ((void) 0)
#endif

/* Python without a GIL, from 3.13 on: other threads change lists and dicts of the program at any
 * time. Between these two the object stays as it is, except where the thread waits for another
 * object. What is taken out of it needs a reference of its own at once. */
#ifndef Py_BEGIN_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION()         }
#endif

/* A lock for state of this module, which the GIL protects where there is one. No code of Python
 * runs while it is held, and no thread waits for another one: a fork waits until it is free. */
#ifdef Py_GIL_DISABLED
typedef PyMutex NativeLock;
#define native_lock(lock)   PyMutex_Lock (lock)
#define native_unlock(lock) PyMutex_Unlock (lock)
#define native_hold(object) Py_INCREF (object)
#define native_drop(object) Py_DECREF (object)
#else
typedef struct { char unused; } NativeLock;
#define native_lock(lock)   ((void) (lock))
#define native_unlock(lock) ((void) (lock))
#define native_hold(object) ((void) (object)) /* where no code of Python runs until native_drop() */
#define native_drop(object) ((void) (object))
#endif

G_BEGIN_DECLS

/* Functions that are written in Python, because they are rare or long: set once, by use(). */
typedef struct {
  PyObject *pickle;      /* (value, has_main) -> (pickle, buffers) */
  PyObject *dumps;       /* pickle.dumps */
  PyObject *unpickle;    /* pickle.loads */
  PyObject *load_large;  /* the same, while other threads run */
  PyObject *dump_other;  /* (value, contains_itself) -> Variant */
  PyObject *load_object; /* (name, parts): an object of JavaScript */
  PyObject *refuse;      /* (runtime): raises for a pickle from elsewhere */
  PyObject *error;       /* (message, domain, code) -> GError */
  PyObject *fail;        /* (exception, context) -> GError */
  PyObject *complete;    /* (coroutine) -> its result */
  PyObject *loaded;      /* (): modules were loaded that the next call needs */
  PyObject *end_call;    /* (value) -> the result of a coroutine */
  PyObject *fail_call;   /* (exception, was_read) -> Variant with the tag NATIVE_POOL_FAILED */
  PyObject *bad_payload; /* an exception class */
  PyObject *to_gerror;   /* (exception) -> GError */
  PyObject *is_of_signal;   /* (exception) -> whether a signal handler has raised it */
  PyObject *find_numpy;     /* (may_import) -> a capsule of numpy's functions, or None */
  PyObject *describe_dtype; /* (dtype) -> (text, size of an item, whether it has fields) or None */
  PyObject *make_dtype;     /* (text) -> (dtype, the same three); raises bad_payload */
} NativeHelpers;

extern NativeHelpers native_helpers;

/* The targets of a pool of gmproc.Executor, without the runtime: the first call of a worker, and a
 * call, whose result is tagged as a failure if it raised an exception. */
#define NATIVE_POOL_SETUP  "gmproc.host:setup"
#define NATIVE_POOL_CALL   "gmproc.host:call"
#define NATIVE_POOL_FAILED "gmproc.failed"

/* A buffer or pickle up to this size is copied; a longer one is referred to. Copying small ones
 * costs less, and does not keep a block of memory in use. */
#define NATIVE_SMALL 4096

/* Other threads run while a value of this size or more is read. */
#define NATIVE_LARGE ((gsize) 1024 * 1024)

/* Functions that return objects return new references, or NULL with an exception set. They are
 * called with the GIL, or, in a Python without one, in a thread that is attached to the
 * interpreter. A lock whose owner may wait for Python is never waited for in that state. Variants
 * that are returned are not floating. */

/* pygobject.c: the objects of PyGObject, if a program uses it too. */
GType     native_pygobject_get_type    (PyObject   *kind);
GObject  *native_pygobject_get_object  (PyObject   *object);
GVariant *native_pygobject_get_variant (PyObject   *object);

/* errors.c: errors of the library as exceptions, and the other way round. */
PyObject *native_box_error      (const GError *error);
PyObject *native_raise          (GError     *error);
void      native_to_gerror      (PyObject   *made,
                                 GError    **error);
void      native_take_exception (GError    **error,
                                 const char *context,
                                 const char *peer);
PyObject *native_list_codes     (void);

/* variants.c: the type Variant. */
int       native_variants_init  (PyObject   *module);
gboolean  native_is_variant     (PyObject   *object);
GVariant *native_get_variant    (PyObject   *object);
gboolean  native_get_params     (PyObject   *object,
                                 GVariant  **variant);
PyObject *native_box_variant    (GVariant   *variant);
void      native_empty_variant  (PyObject   *boxed);

/* variant-build.c: a value of a type that is given. */
GVariant *native_build_variant  (const GVariantType *type,
                                 PyObject   *value);

/* natural.c: values that every language reads. */
GVariant *native_dump_natural   (PyObject   *value);
PyObject *native_load_natural   (GVariant   *variant);

/* gvalues.c: the values of properties and signals. */
char    **native_get_strings    (PyObject   *object);
PyObject *native_from_gvalue    (const GValue *value);
gboolean  native_to_gvalue      (GParamSpec *spec,
                                 PyObject   *object,
                                 GValue     *value);
PyObject *native_list_options   (GType       type);
PyObject *native_list_values    (gpointer    object);

/* objects.c: objects of the library, with properties and signals. */
int       native_objects_init   (PyObject   *module);
PyTypeObject *native_object_type_new (PyObject    *module,
                                      PyType_Spec *spec,
                                      PyTypeObject *base);
PyObject *native_refuse_new     (PyTypeObject *type,
                                 PyObject   *args,
                                 PyObject   *kwargs);
PyObject *native_check_property (GType       type,
                                 PyObject   *args);
PyObject *native_object_new     (PyTypeObject *kind,
                                 gpointer    object);
gpointer  native_object_get     (PyObject   *object);
GObject  *native_object_make    (GType       type,
                                 PyObject   *properties);
gpointer  native_object_find    (PyObject   *object,
                                 GType       type);
PyObject *native_wrap_object    (gpointer    object);

/* applications.c: Workers, ClientServer and their runs. */
int       native_applications_init (PyObject *module);

/* local-server.c: an application that is the server itself. */
GObject  *native_local_server_make (PyObject *handler,
                                    PyObject *properties);
void      native_local_server_forget (gpointer server);

/* host.c: runs a worker's process. */
PyObject *native_run_host       (PyObject   *module,
                                 PyObject   *host);
PyObject *native_call_each      (PyObject   *module,
                                 PyObject   *args);
PyObject *native_check_fork     (PyObject   *module,
                                 PyObject   *unused);
PyObject *native_report_modules (PyObject   *module,
                                 PyObject   *names);
PyObject *native_report_slow    (PyObject   *module,
                                 PyObject   *names);
PyObject *native_fill_gaps      (PyObject   *module,
                                 PyObject   *unused);

/* contexts.c: main contexts. */
int       native_contexts_init  (PyObject   *module);

/* buffers.c: sends and receives bytes without copies. */
int       native_buffers_init   (PyObject   *module);
GVariant *native_bytes_new      (PyObject   *object);
PyObject *native_bytes_to_write (GVariant   *variant);
PyObject *native_bytes_to_read  (GVariant   *variant);
PyObject *native_view_new       (GVariant   *variant,
                                 gpointer    data);
PyObject *native_classify       (PyObject   *module,
                                 PyObject   *buffers);

/* pickles.c: a pickle and its buffers as one GVariant. */
GVariant *native_wrap           (const char *tag,
                                 PyObject   *data,
                                 PyObject   *buffers);
gboolean  native_is_pickle      (GVariant   *variant);
PyObject *native_get_tag        (GVariant   *variant);
gboolean  native_unwrap         (GVariant   *variant,
                                 PyObject  **data,
                                 PyObject  **buffers);
GVariant *native_buffers_new    (PyObject   *buffers,
                                 gsize       position);
gboolean  native_is_large       (PyObject   *value);

/* numpy.c: arrays and scalars of numpy. */
typedef struct {
  PyObject *dtype;
  PyObject *names; /* of its fields; NULL without fields */
  PyObject *bytes; /* the text that describes it; NULL if it needs a pickle */
  Py_ssize_t item_size;
  guint n_users;   /* arrays, and the table of known ones */
} NativeDtype;

typedef struct {
  PyObject *array; /* that is sent: owned */
  NativeDtype *dtype; /* a reference */
  gboolean is_scalar;
  gboolean is_fortran;
  int n_dims;
  const Py_ssize_t *dims;
  gpointer data;
  gsize n_bytes;
} NativeArray;

gboolean  native_array_open     (PyObject    *value,
                                 NativeArray *self);
void      native_array_close    (NativeArray *self);
NativeDtype *native_dtype_find  (const char *text,
                                 gsize       size);
PyObject *native_array_new      (const NativeArray *self,
                                 PyObject   *base);
PyObject *native_scalar_new     (const NativeArray *self);

/* packed.c: arrays, plain values, and containers of both. */
void      native_packed_init    (void);
GVariant *native_pack           (PyObject   *value);

/* unpack.c: reads them. */
gboolean  native_is_packed      (GVariant   *variant);
PyObject *native_unpack         (GVariant   *variant);

/* shared-memory.c: the type SharedMemory. */
int       native_shared_memory_init (PyObject *module);

/* signals.c: Python's signal handlers, and exceptions of callbacks. */
PyObject *native_give_exception (PyObject   *catch,
                                 PyObject   *before,
                                 PyObject   *after);
gboolean  native_is_refusal     (void);
gboolean  native_clear_refusal  (void);
gboolean  native_call_to_its_end (PyObject  *function,
                                  PyObject  *argument);
void      native_call_guarded   (PyObject   *function,
                                 PyObject   *args,
                                 PyObject   *catch);
PyObject *native_complete       (PyObject        *module,
                                 PyObject *const *args,
                                 Py_ssize_t       n_args);
PyObject *native_finalize       (PyObject   *module,
                                 PyObject   *args);
PyObject *native_begin_signals  (PyObject   *module,
                                 PyObject   *catch);
PyObject *native_end_signals    (PyObject   *module,
                                 PyObject   *catch);

/* futures.c: futures that are settled in one step. */
int       native_futures_init   (PyObject   *module);
gboolean  native_settle         (PyObject   *future,
                                 PyObject   *value,
                                 PyObject   *failure);
PyObject *native_watch          (PyObject   *module,
                                 PyObject   *args);

/* pools.c: pools and their calls. */
int       native_pools_init     (PyObject   *module);

/* values.c: any value. */
int       native_values_init    (void);
PyObject *native_python         (void);
PyObject *native_pickle_parts   (PyObject   *value,
                                 gboolean    has_main);
PyObject *native_load_work      (GVariant   *variant);
gboolean  native_dump           (PyObject   *value,
                                 PyObject   *runtime,
                                 gboolean    has_main,
                                 GVariant  **variant);
PyObject *native_load           (GVariant   *variant,
                                 PyObject   *runtime);

/* requests.c: the type Request. */
#define NATIVE_BATCH_RULE "process_batch should return"
int       native_requests_init  (PyObject   *module);
GError   *native_make_refusal   (GmpError    code);
PyObject *native_request_new    (GmpRequest *request,
                                 PyObject   *peer,
                                 gboolean    has_main);
void      native_request_refuse (GmpRequest *request);
gboolean  native_respond_all    (PyObject   *requests,
                                 PyObject   *responses,
                                 const char *rule);
gboolean  native_split_requests (PyObject   *requests,
                                 PyObject  **ids,
                                 PyObject  **values);

/* open-runs.c: runs that the program drives. */
PyObject *native_open_run       (PyObject   *application,
                                 PyObject   *cancellable);
PyObject *native_receive        (PyObject   *application,
                                 PyObject   *args);
PyObject *native_close_run      (PyObject   *application,
                                 PyObject   *cancellable);
PyObject *native_respond        (PyObject   *module,
                                 PyObject   *args);

/* workers.c: the workers that the C library runs. */
int       native_workers_init   (void);
PyObject *native_new_server     (PyObject   *module,
                                 PyObject   *life);
gboolean  native_set_batch_rule (gpointer    server,
                                 PyObject   *user);
PyObject *native_new_client     (PyObject   *module,
                                 PyObject   *life);
PyObject *native_count_clients  (PyObject   *module,
                                 PyObject   *unused);

G_END_DECLS
