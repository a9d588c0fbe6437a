/* gmp-host-job.c: what a host does with each job
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-host-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-exit-private.h"
#include "base/gmp-guard-private.h"
#include "base/gmp-limit-private.h"
#include "host/gmp-call-loop-private.h"
#include "host/gmp-limits-private.h"
#include "worker/gmp-life-cycle-private.h"
#include "worker/gmp-worker-private.h"

#include <errno.h>
#include <stdio.h>

static GVariant *
run_client (GmpClientWorker *client,
            GmpJob          *job,
            GError         **error)
{
  gboolean resends = FALSE;

  if (gmp_inbox_get_n_open (job->inbox) != 1)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "A client has one channel, but %u were connected",
                   gmp_inbox_get_n_open (job->inbox));
      return NULL;
    }
  g_variant_lookup (job->options, "resend-requests", "b", &resends);
  return gmp_life_cycle_run_client (client, job->spec.params, job->inbox, resends, job->stop,
                                    job->cancellable, error);
}

/* Sets the meaning of a closed channel, the size limit of received values, and the time limits. */
static void
set_rules (GmpWorkerSkeleton *control,
           GmpJob            *job)
{
  gboolean is_server = g_str_equal (job->spec.role, "server");
  GmpRestart restart = GMP_RESTART_NEVER;
  double timeout = 0;
  guint64 limit;

  if (g_variant_lookup (job->options, "value-size-limit", "t", &limit))
    gmp_inbox_set_value_limit (job->inbox, limit);
  g_variant_lookup (job->options, "restart", "i", &restart);
  if (is_server)
    gmp_inbox_set_trust (job->inbox, restart == GMP_RESTART_ALWAYS ? GMP_INBOX_TRUSTS_NONE
                                                                   : GMP_INBOX_TRUSTS_FINISHED);
  else if (restart != GMP_RESTART_NEVER)
    gmp_inbox_set_trust (job->inbox, GMP_INBOX_TRUSTS_LIVING);
  if (is_server && g_variant_lookup (job->options, "turn-timeout", "d", &timeout))
    gmp_inbox_set_turn_timeout (job->inbox, timeout);
  if (!is_server && g_variant_lookup (job->options, "request-timeout", "d", &timeout))
    gmp_inbox_set_timeout (job->inbox, timeout, gmp_worker_skeleton_get_application (control));
}

static GVariant *
run_worker (GmpHost           *self,
            GmpWorkerSkeleton *control,
            GmpJob            *job,
            const char        *description,
            GError           **error)
{
  g_autoptr (GmpWorker) worker = NULL;

  GMP_GUARD (worker, GMP_HOST_GET_CLASS (self)->build, self, description, job->spec.id, error);
  if (worker == NULL)
    return NULL;
  set_rules (control, job);
  gmp_worker_skeleton_ready (control);
  if (g_str_equal (job->spec.role, "server") && GMP_IS_SERVER_WORKER (worker))
    return gmp_life_cycle_run_server (GMP_SERVER_WORKER (worker), job->spec.params, job->inbox,
                                      job->stop, job->cancellable, error);
  if (g_str_equal (job->spec.role, "client") && GMP_IS_CLIENT_WORKER (worker))
    return run_client (GMP_CLIENT_WORKER (worker), job, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "%s cannot run as a %s: derive it "
               "from %s", G_OBJECT_TYPE_NAME (worker), job->spec.role,
               g_str_equal (job->spec.role, "client") ? "GmpClientWorker" : "GmpServerWorker");
  return NULL;
}

static gboolean
prepare (GmpHost    *self,
         GmpJob     *job,
         const char *description,
         GError    **error)
{
  gboolean ignored G_GNUC_UNUSED;
  GError *local = NULL;

  GMP_GUARD (ignored, GMP_HOST_GET_CLASS (self)->prepare, self, description, job->spec.id,
             job->spec.params, &local);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}

static GVariant *
run_target (GmpHost           *self,
            GmpWorkerSkeleton *control,
            GmpJob            *job,
            GError           **error)
{
  const char *colon = strchr (job->spec.target, ':');
  GVariant *result;

  if (colon == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "'%s' is not a target", job->spec.target);
      return NULL;
    }
  if (g_str_equal (job->spec.role, "pool"))
    {
      set_rules (control, job);
      gmp_call_loop_run (self, control, job, error);
      return NULL;
    }
  if (!prepare (self, job, colon + 1, error))
    return NULL;
  if (!g_str_equal (job->spec.role, "call"))
    return run_worker (self, control, job, colon + 1, error);
  gmp_worker_skeleton_ready (control);
  GMP_GUARD (result, GMP_HOST_GET_CLASS (self)->call, self, colon + 1, job->spec.id,
             job->spec.params, error);
  return result;
}

/* Runs a job of the application, which it takes over, and answers it. */
void
gmp_host_run_job (GmpHost           *self,
                  GmpWorkerSkeleton *control,
                  GmpJob            *job)
{
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) lost = NULL;
  GError *error = NULL;
  const char *runtime;

  gmp_guard_set_worker (job->spec.id);
  if (g_variant_lookup (job->options, "runtime", "&s", &runtime))
    gmp_worker_set_application_runtime (runtime);
  if (gmp_limits_apply (job->options, &error))
    result = run_target (self, control, job, &error);
  if (result != NULL)
    result = g_variant_take_ref (result);

  /* Flushed before the result is sent, so that the output arrives first. */
  fflush (NULL);
  if (!gmp_worker_skeleton_has_socket (control))
    {
      g_printerr ("gmproc: code of the worker has closed the descriptor %d, which leads to the "
                  "application, so its result cannot be sent\n", GMP_WORKER_FD);
      gmp_exit_now (EXIT_FAILURE);
    }
  /* The application would wait for it. */
  if (!gmp_worker_skeleton_finish_job (control, job, result, error, &lost))
    {
      g_printerr ("gmproc: its result cannot be sent: %s%s\n", lost->message,
                  g_error_matches (lost, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED)
                  ? gmp_limit_describe (EPERM) : "");
      gmp_exit_now (EXIT_FAILURE);
    }
}
