/* gmp-workers-methods.c: the virtual methods of GmpWorkers, and a worker's turns
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-workers-private.h"

#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"
#include "worker/gmp-call-private.h"
#include "worker/gmp-worker.h"

/**
 * GmpWorkersClass::start:
 * @self: an instance of the same class, made in the worker's process
 * @id: the worker's id
 * @params: (nullable): its parameters
 * @error: return location for an error
 *
 * Called once in the worker's process, before the first turn, for an id that was added without a
 * function. The default does nothing.
 *
 * In the worker, @self does not have the properties that the application set. What one method
 * stores in @self, the other methods find there.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_workers_real_start (GmpWorkers *self G_GNUC_UNUSED,
                        int         id G_GNUC_UNUSED,
                        GVariant   *params G_GNUC_UNUSED,
                        GError    **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpWorkersClass::process:
 * @self: an instance of the same class, made in the worker's process
 * @id: the worker's id
 * @params: (nullable): its parameters
 * @error: return location for an error
 *
 * Runs one turn, in the worker's process, for an id that was added without a function. The
 * parameters are the same in each turn.
 *
 * Returns: (transfer full) (nullable): the turn's result, floating or not
 *
 * Since: 0.1
 */
static GVariant *
gmp_workers_real_process (GmpWorkers *self,
                          int         id G_GNUC_UNUSED,
                          GVariant   *params G_GNUC_UNUSED,
                          GError    **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "%s does not override process",
               G_OBJECT_TYPE_NAME (self));
  return NULL;
}

/**
 * GmpWorkersClass::update:
 * @self: the workers
 * @id: a worker's id
 * @result: (nullable): a turn's result
 * @error: return location for an error
 *
 * Receives the result of each turn in the application, as it arrives. A function is a worker with
 * one turn.
 *
 * If it sets an error, this id fails and its worker is ended. The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_workers_real_update (GmpWorkers *self G_GNUC_UNUSED,
                         int         id G_GNUC_UNUSED,
                         GVariant   *result G_GNUC_UNUSED,
                         GError    **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpWorkersClass::wait:
 * @self: an instance of the same class, made in the worker's process
 * @id: the worker's id
 * @error: return location for an error
 *
 * Called between two turns, in the worker's process. Override it to pause. The default does
 * nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_workers_real_wait (GmpWorkers *self G_GNUC_UNUSED,
                       int         id G_GNUC_UNUSED,
                       GError    **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpWorkersClass::done:
 * @self: an instance of the same class, made in the worker's process
 * @id: the worker's id
 * @error: return location for an error
 *
 * Called after each turn, in the worker's process. By default a worker is done after one turn.
 *
 * Returns: %TRUE to continue with `finish`, %FALSE for another turn
 *
 * Since: 0.1
 */
static gboolean
gmp_workers_real_done (GmpWorkers *self G_GNUC_UNUSED,
                       int         id G_GNUC_UNUSED,
                       GError    **error G_GNUC_UNUSED)
{
  return TRUE;
}

/**
 * GmpWorkersClass::finish:
 * @self: an instance of the same class, made in the worker's process
 * @id: the worker's id
 * @error: return location for an error
 *
 * Called once, after the last turn, in the worker's process. The default returns %NULL.
 *
 * Returns: (transfer full) (nullable): the worker's result, floating or not; %NULL to use the last
 *   turn's result
 *
 * Since: 0.1
 */
static GVariant *
gmp_workers_real_finish (GmpWorkers *self G_GNUC_UNUSED,
                         int         id G_GNUC_UNUSED,
                         GError    **error G_GNUC_UNUSED)
{
  return NULL;
}

/* TRUE if a subclass overrides it. */
gboolean
gmp_workers_has_process (GmpWorkers *self)
{
  return GMP_WORKERS_GET_CLASS (self)->process != gmp_workers_real_process;
}

/* Returns TRUE if this turn was the last. Results are reported if there are several turns; a single
 * result reaches the application like a function's result. */
static gboolean
take_turn (GmpWorkers *self,
           int         id,
           GVariant   *params,
           gboolean   *is_reported,
           GVariant  **result,
           GError    **error)
{
  GmpWorkersClass *klass = GMP_WORKERS_GET_CLASS (self);
  gboolean ignored G_GNUC_UNUSED;
  gboolean is_done = TRUE;
  GError *local = NULL;

  g_clear_pointer (result, g_variant_unref);
  GMP_GUARD (*result, klass->process, self, id, params, &local);
  *result = gmp_guard_take (*result);
  if (local == NULL)
    GMP_GUARD (is_done, klass->done, self, id, &local);
  if (!is_done)
    *is_reported = TRUE;
  if (local == NULL && *is_reported)
    {
      gmp_worker_report_turn (*result, &local);
      g_clear_pointer (result, g_variant_unref);
      *result = gmp_worker_repeat_turn ();
    }
  if (local == NULL && !is_done)
    GMP_GUARD (ignored, klass->wait, self, id, &local);
  if (local != NULL)
    g_propagate_error (error, local);
  return is_done;
}

/* Runs a worker from start to finish in its process. The application sends its id. */
static GVariant *
live (gpointer    instance,
      const char *name,
      GVariant   *params,
      GError    **error)
{
  GmpWorkersClass *klass = GMP_WORKERS_GET_CLASS (instance);
  gboolean is_reported = klass->finish != gmp_workers_real_finish;
  gboolean ignored G_GNUC_UNUSED;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) end = NULL;
  GError *local = NULL;
  gint64 number;
  int id;

  if (!g_ascii_string_to_signed (name, 10, G_MININT, G_MAXINT, &number, error))
    return NULL;
  id = (int) number;
  GMP_GUARD (ignored, klass->start, instance, id, params, &local);
  while (local == NULL && !take_turn (instance, id, params, &is_reported, &result, &local))
    continue;
  if (local == NULL)
    GMP_GUARD (end, klass->finish, instance, id, &local);
  end = gmp_guard_take (end);
  if (local == NULL)
    return end != NULL ? g_steal_pointer (&end) : g_steal_pointer (&result);
  g_propagate_error (error, local);
  return NULL;
}

/* Called from class_init. */
void
gmp_workers_install_methods (GmpWorkersClass *klass)
{
  klass->start = gmp_workers_real_start;
  klass->process = gmp_workers_real_process;
  klass->update = gmp_workers_real_update;
  klass->wait = gmp_workers_real_wait;
  klass->done = gmp_workers_real_done;
  klass->finish = gmp_workers_real_finish;
  gmp_call_register (GMP_TYPE_WORKERS, live);
}
