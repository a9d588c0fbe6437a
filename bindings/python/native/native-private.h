/* native-private.h: what the sources of the extension module _gmproc share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <gmproc.h>

G_BEGIN_DECLS

/* What stays in Python, because it is rare or long: set once, by use(). */
typedef struct {
  PyObject *pickle;       /* (value, has_main) -> (pickle, buffers) */
  PyObject *unpickle;     /* pickle.loads */
  PyObject *to_natural;   /* (value) -> GLib.Variant | None */
  PyObject *from_natural; /* (GLib.Variant) -> value */
  PyObject *refuse;       /* (runtime): raises for a pickle from elsewhere */
  PyObject *fail;         /* (exception, context) -> GLib.Error */
  PyObject *complete;     /* (coroutine) -> what it returns */
} NativeHelpers;

extern NativeHelpers native_helpers;

/* A buffer or pickle of at most so many bytes is copied where a longer one is referred to: it costs
 * less, and does not keep a block of memory from its next use. */
#define NATIVE_SMALL 4096

/* Functions that return objects return new references, or NULL with an exception set. The GIL is
 * held. */

/* boxes.c: objects of GLib's, as PyGObject wraps them. */
int       native_boxes_init     (void);
gboolean  native_is_variant     (PyObject   *object);
GVariant *native_get_variant    (PyObject   *object);
PyObject *native_box_variant    (GVariant   *variant);
PyObject *native_box_object     (GObject    *object);

/* buffers.c: bytes on their way out and in, without copies. */
int       native_buffers_init   (PyObject   *module);
GVariant *native_bytes_new      (PyObject   *object);
PyObject *native_bytes_to_write (GVariant   *variant);
PyObject *native_bytes_to_read  (GVariant   *variant);
PyObject *native_classify       (PyObject   *module,
                                 PyObject   *buffers);

/* pickles.c: a pickle and its buffers as one GVariant. */
GVariant *native_wrap           (const char *tag,
                                 PyObject   *data,
                                 PyObject   *buffers);
gboolean  native_is_pickle      (GVariant   *variant);
gboolean  native_unwrap         (GVariant   *variant,
                                 PyObject  **data,
                                 PyObject  **buffers);

/* signals.c: Python's signal handlers, and what callbacks raise. */
int       native_signals_init   (PyObject   *module);
PyObject *native_give_exception (PyObject   *catch,
                                 PyObject   *before,
                                 PyObject   *after);
void      native_to_gerror      (PyObject   *made,
                                 GError    **error);
PyObject *native_complete       (PyObject   *module,
                                 PyObject   *function);
PyObject *native_begin_signals  (PyObject   *module,
                                 PyObject   *catch);
PyObject *native_end_signals    (PyObject   *module,
                                 PyObject   *catch);

/* values.c: any value. */
gboolean  native_dump           (PyObject   *value,
                                 PyObject   *runtime,
                                 gboolean    has_main,
                                 GVariant  **variant);
PyObject *native_load           (GVariant   *variant,
                                 PyObject   *runtime);

/* workers.c: the workers that the C library runs. */
int       native_workers_init   (void);
PyObject *native_new_server     (PyObject   *module,
                                 PyObject   *life);
PyObject *native_new_client     (PyObject   *module,
                                 PyObject   *life);
PyObject *native_count_clients  (PyObject   *module,
                                 PyObject   *unused);

G_END_DECLS
