/* gmp-worker-proxy-end.c: the ways to end a worker's run before it has returned
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-worker-proxy-core-private.h"

/* Ends a run early: the worker gets Cancel, then SIGTERM and SIGKILL if it does not react. */
static void
end_early (GmpWorkerProxy *self)
{
  self->is_ending = TRUE;
  if (self->is_packing)
    {
      gmp_packing_hurry (self->job->packing);
      return;
    }
  if (self->connection != NULL)
    gmp_worker_connection_cancel (self->connection);
  if (self->process != NULL)
    gmp_worker_process_end (self->process, self->job->was_connected
                                           ? self->options->stop_grace : 0);
  else
    g_cancellable_cancel (self->connecting);
  gmp_patience_hurry (&self->patience, self->options->priority);
}

static void
end_overdue (GmpWorkerProxy *self)
{
  GError *reason = g_steal_pointer (&self->overdue);

  /* It has become ready meanwhile, and only that was late. */
  if (self->is_ready && !gmp_job_is_over (self->job))
    {
      g_error_free (reason);
      return;
    }
  gmp_job_take_error (self->job, reason);
  end_early (self);
}

/* The messages that had arrived by then have been handled. */
void
gmp_worker_proxy_caught_up (gpointer user_data)
{
  GmpWorkerProxy *self = user_data;

  if (self->overdue != NULL)
    end_overdue (self);
  if (self->is_lost && self->connection != NULL)
    gmp_worker_connection_close (self->connection);
}

/* A limit is exceeded, or the run was cancelled. Messages that the worker sent before have
 * precedence: it may have returned long ago, while the main loop was held up. */
void
gmp_worker_proxy_expired (GError  *reason,
                          gpointer user_data)
{
  GmpWorkerProxy *self = user_data;

  if (reason == NULL)
    {
      end_early (self);
      return;
    }
  if (self->overdue == NULL)
    self->overdue = reason;
  else
    g_error_free (reason);
  if (self->connection != NULL && self->is_calling)
    gmp_worker_connection_catch_up (self->connection);
  else
    end_overdue (self);
}

/* Ends a run early, if there is one, whose outcome is then G_IO_ERROR_CANCELLED. */
void
gmp_worker_proxy_cancel (GmpWorkerProxy *self)
{
  if (self->ended != NULL && !self->job->was_cancelled)
    gmp_job_cancel (self->job);
}

/* Ends the life cycle of the run, or of the next one, at its next turn, with finish. */
void
gmp_worker_proxy_stop (GmpWorkerProxy *self)
{
  self->was_stopped = TRUE;
  if (self->connection != NULL)
    gmp_worker_connection_stop (self->connection);
}

/* Ends the run with @error, as if it were cancelled. Takes ownership of @error. */
void
gmp_worker_proxy_fail (GmpWorkerProxy *self,
                       GError         *error)
{
  gmp_job_take_error (self->job, error);
  end_early (self);
}

void
gmp_worker_proxy_kill (GmpWorkerProxy *self)
{
  if (self->process != NULL)
    gmp_worker_process_kill (self->process);
}
