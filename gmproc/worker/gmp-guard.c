/* gmp-guard.c: calls of the user's methods
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-guard-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-exit-private.h"
#include "base/gmp-module-private.h"

#include <gmodule.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A call that is refused once more after a whole collection is refused for another reason. */
#define MAX_REFUSALS 3

/* Of the one thread that the language runs in. */
static struct {
  gboolean is_used;
  guint n_entered;
  guint n_refused; /* in a row */
} entries;

/* (nullable): of the worker that this process is, or was forked in. */
static const char *worker_id;

/* Of that worker's process. */
static guint worker_generation;

/* @id has to stay until there is another. */
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

/* In processes of GJS, functions of its own and of its engine: there is no other way to know of a
 * collection, or to end it, from C. */
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

/* FALSE if GJS is between no two steps of a collection. A whole one takes a millisecond or more. */
static gboolean
may_be_collecting (void)
{
  gpointer context = get_context ();
  gpointer get_engine = find_function ("gjs_context_get_native_context");
  gpointer is_collecting = find_function ("_ZN2JS25IsIncrementalGCInProgressEP9JSContext");

  return context == NULL || get_engine == NULL || is_collecting == NULL ||
         ((bool (*) (gpointer)) is_collecting) (((gpointer (*) (gpointer)) get_engine) (context));
}

/* For what user code may have forked, as soon as it is back from there. Not with GLib's functions,
 * whose locks another thread may have held at the fork. */
void
gmp_guard_end_forked (void)
{
  if (G_LIKELY (worker_id == NULL || worker_generation == gmp_fork_get_generation ()))
    return;
  fprintf (stderr, "gmproc: a process that was forked in the code of worker %s has come back from "
           "it, and ends here: it should have left by _exit ()\n", worker_id);
  gmp_exit_now (EXIT_FAILURE);
}

/* How often methods were entered: for gmp_guard_is_made_again(). */
guint
gmp_guard_count (void)
{
  return entries.n_entered;
}

/* After a call of @method, with what gmp_guard_count() returned before it: TRUE where the language
 * has refused it. */
gboolean
gmp_guard_is_made_again (gpointer method,
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
  /* A default in C is entered without a word; what a language has made is in no module. */
  if (gmp_module_is_code (method))
    return FALSE;
  entries.n_refused++;
  return entries.n_refused <= MAX_REFUSALS && finish_collection ();
}

/* Before a call of which nobody can tell whether it was refused, such as that of a callback. */
void
gmp_guard_make_ready (void)
{
  if (entries.is_used && may_be_collecting ())
    finish_collection ();
}
