/* gmp-job.c: one run of a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-job-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-runtime-private.h"
#include "base/gmp-source-private.h"

GmpJob *
gmp_job_new (const GmpJobSpec *spec)
{
  GmpJob *self = g_new0 (GmpJob, 1);

  gmp_job_spec_copy (&self->spec, spec);
  return self;
}

void
gmp_job_free (GmpJob *self)
{
  gmp_job_end (self);
  g_clear_pointer (&self->value, g_variant_unref);
  g_clear_pointer (&self->options, gmp_options_unref);
  gmp_job_spec_clear (&self->spec);
  g_free (self);
}

/* A value after an error is ignored. */
void
gmp_job_take_value (GmpJob   *self,
                    GVariant *value)
{
  if (self->error != NULL)
    return;
  self->has_value = TRUE;
  self->value = value != NULL ? g_variant_ref (value) : NULL;
}

/* Takes ownership of @error. Only the first cause counts; later errors follow from it. */
void
gmp_job_take_error (GmpJob *self,
                    GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
}

gboolean
gmp_job_has_answer (GmpJob *self)
{
  return self->has_value || self->error != NULL;
}

/* TRUE if the limit on the run is exceeded. */
gboolean
gmp_job_is_over (GmpJob *self)
{
  return self->options->run_timeout > 0 && self->run_limit == NULL;
}

/* It has begun and not ended. */
void
gmp_job_cancel (GmpJob *self)
{
  gmp_source_clear (&self->cancel_source);
  self->was_cancelled = TRUE;
  self->expired (NULL, self->user_data);
}

static gboolean
cancel_cb (gpointer user_data)
{
  gmp_job_cancel (user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
limit_cb (gpointer user_data)
{
  GmpJob *self = user_data;

  gmp_deadline_clear (&self->run_limit);
  self->expired (g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                              "it did not end within %g seconds (run-timeout)",
                              self->options->run_timeout),
                 self->user_data);
  return G_SOURCE_REMOVE;
}

static gboolean
startup_cb (gpointer user_data)
{
  GmpJob *self = user_data;
  gboolean is_program = !self->was_connected && gmp_runtime_is_program (self->spec.target);

  gmp_deadline_clear (&self->startup_limit);
  self->expired (g_error_new (GMP_ERROR, GMP_ERROR_TIMED_OUT,
                              "it was not ready within %g seconds of its start (startup-timeout): "
                              "%s", self->options->startup_timeout,
                              is_program ? "does its main () call gmp_init () first?"
                                         : "its code was still being loaded"),
                 self->user_data);
  return G_SOURCE_REMOVE;
}

/* Calls @expired, in the thread-default main context, when @cancellable (nullable) is cancelled, or
 * it takes too long. */
void
gmp_job_begin (GmpJob       *self,
               GmpOptions   *options,
               GCancellable *cancellable,
               GmpJobExpired expired,
               gpointer      user_data)
{
  double timeout = options->run_timeout;

  self->options = gmp_options_ref (options);
  self->begin_time = g_get_monotonic_time ();
  self->expired = expired;
  self->user_data = user_data;
  self->cancel_source = gmp_source_attach_cancel (cancellable, G_PRIORITY_DEFAULT, cancel_cb,
                                                  self);
  /* A server's time counts when it has no clients left: see gmp-server-session.c. */
  if (timeout > 0 && !g_str_equal (self->spec.role, "server"))
    self->run_limit = gmp_deadline_new (timeout, options->priority, limit_cb, self);
}

/* Packs large parameters, and then calls @packed, in the thread-default main context. Returns FALSE
 * if there is nothing to wait for. */
gboolean
gmp_job_pack (GmpJob     *self,
              GSourceFunc packed,
              gpointer    user_data)
{
  if (self->packing == NULL)
    self->packing = gmp_packing_begin (self->spec.params, self->options->priority, packed,
                                       user_data);
  return self->packing != NULL;
}

void
gmp_job_drop_packing (GmpJob *self)
{
  g_clear_pointer (&self->packing, gmp_packing_free);
}

/* A process is started for it, which must report within the limit that it is ready. */
void
gmp_job_await_start (GmpJob *self)
{
  double timeout = self->options->startup_timeout;

  gmp_deadline_clear (&self->startup_limit);
  /* No limit while debugging. */
  if (gmp_environment_get ("GMPROC_WRAP") == NULL && timeout > 0)
    self->startup_limit = gmp_deadline_new (timeout, self->options->priority, startup_cb, self);
}

/* It is ready, or never will be. */
void
gmp_job_started (GmpJob *self)
{
  gmp_deadline_clear (&self->startup_limit);
}

/* Removes its limits and drops its inputs. Its value stays. */
void
gmp_job_end (GmpJob *self)
{
  gmp_source_clear (&self->cancel_source);
  gmp_deadline_clear (&self->startup_limit);
  gmp_deadline_clear (&self->run_limit);
  gmp_job_drop_packing (self);
  gmp_job_spec_set_params (&self->spec, NULL);
  g_clear_error (&self->error);
}

static GmpExitReport
describe (GmpJob           *self,
          GmpWorkerProcess *process)
{
  GmpExitReport end = {
    .role = self->spec.role,
    .id = self->spec.id,
    .label = gmp_job_spec_get_label (&self->spec),
    .target = self->spec.target,
    .options = self->options,
    .pid = self->pid,
    .was_connected = self->was_connected,
    .run_time = (g_get_monotonic_time () - self->begin_time) / (double) G_USEC_PER_SEC,
    .memory = self->memory,
    .cause = self->error,
  };

  if (process != NULL)
    {
      if (end.pid == 0)
        end.pid = gmp_worker_process_get_pid (process);
      end.node = gmp_worker_process_get_node (process);
      end.has_ended = gmp_worker_process_has_ended (process);
      end.wait_status = gmp_worker_process_get_wait_status (process);
      end.was_signalled = gmp_worker_process_was_signalled (process);
      end.usage = gmp_worker_process_get_usage (process);
      end.tail = gmp_worker_process_get_tail (process);
    }
  return end;
}

/* TRUE if its process ended before it was a worker, because the system had no thread for it. */
gboolean
gmp_job_failed_to_begin (GmpJob           *self,
                         GmpWorkerProcess *process)
{
  GmpExitReport end = describe (self, process);

  return process != NULL && self->error == NULL && gmp_exit_report_had_no_thread (&end);
}

/* The reason of its failure. @process is %NULL if none could be started. */
GmpFailure *
gmp_job_to_failure (GmpJob           *self,
                    GmpWorkerProcess *process)
{
  GmpExitReport end;

  if (self->was_cancelled)
    {
      g_clear_error (&self->error);
      g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "it was cancelled");
    }
  else if (process != NULL && gmp_worker_process_get_loss (process) != NULL)
    gmp_job_take_error (self, g_error_copy (gmp_worker_process_get_loss (process)));
  else if (process != NULL && gmp_worker_process_was_forced (process))
    gmp_job_take_error (self, g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                                   "it closed its connection but kept running, "
                                                   "and was killed"));
  end = describe (self, process);
  return gmp_failure_new (&end);
}

/* It has a value, but the process may have crashed after that. */
void
gmp_job_warn_of_late_death (GmpJob           *self,
                            GmpWorkerProcess *process)
{
  int status = gmp_worker_process_get_wait_status (process);
  g_autofree char *worker = NULL;
  g_autofree char *exit = NULL;
  GmpExitReport end;

  if (status == 0 || status == GMP_PROCESS_STATUS_UNKNOWN)
    return;
  end = describe (self, process);
  end.has_returned = TRUE;
  worker = gmp_exit_report_describe_worker (&end);
  exit = gmp_exit_report_describe_exit (&end);
  g_warning ("%s had returned its result, but then %s", worker, exit);
}
