/* gmp-worker-proxy-events.c: what a worker reports while it runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-worker-proxy-core-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-runtime-private.h"
#include "base/gmp-target-private.h"

/* A line of its output. */
void
gmp_worker_proxy_line (GmpOutputStream stream,
                       const char     *line,
                       gpointer        user_data)
{
  GmpWorkerProxy *self = user_data;

  gmp_hold_enter (&self->hold);
  self->events->output (self->job->spec.id, stream, line, self->owner);
  gmp_hold_leave (&self->hold, self->options->priority);
}

static void
ready_cb (guint    pid,
          gpointer user_data)
{
  GmpWorkerProxy *self = user_data;

  if (self->job->pid == 0 && self->process != NULL &&
      gmp_worker_process_get_node (self->process) == NULL)
    gmp_oom_witness_follow (&self->memory, (int) pid);
  self->job->pid = (int) pid;
  self->is_ready = TRUE;
  gmp_job_started (self->job);
  gmp_job_drop_packing (self->job);
  gmp_debug ("worker %s: pid %u is ready", self->job->spec.id, pid);
}

static void
loaded_cb (const char **names,
           gpointer     user_data)
{
  GmpWorkerProxy *self = user_data;
  g_autofree char *runtime = gmp_target_get_runtime (self->job->spec.target, NULL);

  if (runtime != NULL)
    gmp_runtime_add_modules (runtime, (const char * const *) names);
}

static void
progress_cb (GVariant *value,
             GError   *error,
             gpointer  user_data)
{
  GmpWorkerProxy *self = user_data;

  gmp_hold_enter (&self->hold);
  if (error == NULL)
    self->events->progress (self->job->spec.id, value, self->owner);
  else
    gmp_job_take_error (self->job, g_error_copy (error));
  gmp_hold_leave (&self->hold, self->options->priority);
}

static void
turn_cb (GVariant *value,
         GError   *error,
         gpointer  user_data)
{
  GmpWorkerProxy *self = user_data;

  if (self->is_ending)
    return;
  self->job->has_turns = TRUE;
  gmp_hold_enter (&self->hold);
  if (error != NULL)
    gmp_worker_proxy_fail (self, g_error_copy (error));
  else if (g_str_equal (self->job->spec.role, "call"))
    self->events->turn (self->job->spec.id, value, self->owner);
  else
    gmp_worker_proxy_fail (self, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL,
                                              "it sent the result of a turn, but a %s has no "
                                              "turns with results", self->job->spec.role));
  gmp_hold_leave (&self->hold, self->options->priority);
}

/* Only a server has clients. */
static void
late_cb (const char *client_id,
         gpointer    user_data)
{
  GmpWorkerProxy *self = user_data;

  gmp_hold_enter (&self->hold);
  if (g_str_equal (self->job->spec.role, "server") && self->events->late != NULL)
    self->events->late (client_id, self->owner);
  else
    gmp_worker_proxy_fail (self, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL,
                                              "it reported a client, but a %s has no clients",
                                              self->job->spec.role));
  gmp_hold_leave (&self->hold, self->options->priority);
}

static void
log_cb (const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data)
{
  GmpWorkerProxy *self = user_data;

  gmp_hold_enter (&self->hold);
  self->events->log (self->job->spec.id, domain, level, message, self->owner);
  gmp_hold_leave (&self->hold, self->options->priority);
}

static void
refused_cb (GError  *error,
            gpointer user_data)
{
  gmp_worker_proxy_fail (user_data, error);
}

const GmpWorkerConnectionEvents gmp_worker_proxy_events = {
  ready_cb, loaded_cb, progress_cb, turn_cb, late_cb, log_cb, refused_cb,
  gmp_worker_proxy_ran, gmp_worker_proxy_caught_up,
};
