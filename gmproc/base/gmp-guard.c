/* gmp-guard.c: calls of the user's methods and callbacks
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-guard-private.h"

#include "base/gmp-exit-private.h"
#include "base/gmp-module-private.h"

#include <gmodule.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A call that is refused again after a complete collection is refused for another reason. */
#define MAX_REFUSALS 3

/* For the single thread that runs the language. */
static struct {
  gboolean is_used;
  guint n_entered;
  guint n_refused; /* in a row */
} entries;

/* (nullable): the id of the worker that this process is, or was forked from. */
static const char *worker_id;

/* Of that worker's process. */
static guint worker_generation;

/* @id must stay valid until another one is set. */
void
gmp_guard_set_worker (const char *id)
{
  worker_id = id;
  worker_generation = gmp_fork_get_generation ();
}

const char *
gmp_guard_get_worker (void)
{
  return worker_id;
}

void
gmp_guard_mark (void)
{
  entries.is_used = TRUE;
  entries.n_entered++;
}

/* Functions of GJS and its engine, in GJS processes: C code cannot detect or finish a collection in
 * another way. */
static gpointer
find_function (const char *name)
{
  GModule *program = g_module_open (NULL, G_MODULE_BIND_LAZY);
  gpointer function = NULL;

  return program != NULL && g_module_symbol (program, name, &function) ? function : NULL;
}

static gpointer
get_context (void)
{
  gpointer get_current = find_function ("gjs_context_get_current");

  return get_current != NULL ? ((gpointer (*) (void)) get_current) () : NULL;
}

static gboolean
finish_collection (void)
{
  gpointer context = get_context ();
  gpointer collect = find_function ("gjs_context_gc");

  if (context == NULL || collect == NULL)
    return FALSE;
  ((void (*) (gpointer)) collect) (context);
  return TRUE;
}

/* FALSE if GJS is not between two steps of a collection. A complete collection takes a millisecond
 * or more. */
static gboolean
may_be_collecting (void)
{
  gpointer context = get_context ();
  gpointer get_engine = find_function ("gjs_context_get_native_context");
  gpointer is_collecting = find_function ("_ZN2JS25IsIncrementalGCInProgressEP9JSContext");

  return context == NULL || get_engine == NULL || is_collecting == NULL ||
         ((bool (*) (gpointer)) is_collecting) (((gpointer (*) (gpointer)) get_engine) (context));
}

/* Ends a process that user code has forked, as soon as it returns from there. It uses no function
 * of GLib, because another thread may have held GLib's locks during the fork. */
void
gmp_guard_end_forked (void)
{
  if (G_LIKELY (worker_id == NULL || worker_generation == gmp_fork_get_generation ()))
    return;
  fprintf (stderr, "gmproc: a process that was forked in the code of worker %s has come back from "
           "it, and ends here: it should have left by _exit ()\n", worker_id);
  gmp_exit_now (EXIT_FAILURE);
}

/* Collects all garbage of a language whose objects live until then, and whose methods report that
 * they were entered. FALSE for others. */
gboolean
gmp_guard_collect (void)
{
  return entries.is_used && finish_collection ();
}

/* The number of entered methods, for gmp_guard_must_repeat(). */
guint
gmp_guard_count (void)
{
  return entries.n_entered;
}

/* After a call of @method, with what gmp_guard_count() returned before it: TRUE where the language
 * has refused it. */
gboolean
gmp_guard_must_repeat (gpointer method,
                       guint    before)
{
  gmp_guard_end_forked ();
  if (G_LIKELY (!entries.is_used))
    return FALSE;
  if (entries.n_entered != before)
    {
      entries.n_refused = 0;
      return FALSE;
    }
  /* A default method in C does not report that it was entered. Code that a language generated lies
   * in no module. */
  if (gmp_module_is_code (method))
    return FALSE;
  entries.n_refused++;
  return entries.n_refused <= MAX_REFUSALS && finish_collection ();
}

/* Call it before a call whose refusal cannot be detected, such as a callback. */
void
gmp_guard_make_ready (void)
{
  if (entries.is_used && may_be_collecting ())
    finish_collection ();
}

static GQuark
callback_quark (void)
{
  return g_quark_from_static_string ("gmp-guard-callback");
}

static void
ready_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  gpointer callback = g_object_get_qdata (G_OBJECT (result), callback_quark ());

  gmp_guard_make_ready ();
  ((GAsyncReadyCallback) callback) (source, result, user_data);
}

/* As g_task_new(), for a callback of the user's: a call that a language refuses would leave a
 * promise unsettled. */
GTask *
gmp_guard_task_new (gpointer            source_object,
                    GCancellable       *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer            user_data)
{
  GTask *task = g_task_new (source_object, cancellable, callback != NULL ? ready_cb : NULL,
                            user_data);

  g_object_set_qdata (G_OBJECT (task), callback_quark (), (gpointer) callback);
  return task;
}

/* User methods may return a floating variant. */
GVariant *
gmp_guard_take (GVariant *value)
{
  return value != NULL ? g_variant_take_ref (value) : NULL;
}

/* Moves @local to @error. Language bindings return FALSE if the user returned nothing, so FALSE
 * alone is not a failure. */
gboolean
gmp_guard_succeeded (GError  *local,
                     GError **error)
{
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}
