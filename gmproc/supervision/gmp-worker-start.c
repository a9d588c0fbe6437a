/* gmp-worker-start.c: gets a process for a worker, here or on another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-worker-start-private.h"

#include "base/gmp-runtime-private.h"
#include "base/gmp-target-private.h"

void
gmp_worker_start_init (GmpWorkerStart  *self,
                       GmpProcessCache *cache,
                       GmpOptions      *options,
                       guint            inner_threads)
{
  *self = (GmpWorkerStart) {
    .cache = gmp_process_cache_ref (cache),
    .options = gmp_options_ref (options),
    .inner_threads = inner_threads,
  };
}

static void
clear_place (GmpWorkerStart *self)
{
  if (self->has_reserved)
    gmp_agent_proxy_release (self->place);
  self->has_reserved = FALSE;
  g_clear_object (&self->place);
}

/* The worker runs on this node, where a place is reserved. Call it before the run. Takes
 * ownership of @place. */
void
gmp_worker_start_set_place (GmpWorkerStart *self,
                            GmpAgentProxy  *place)
{
  clear_place (self);
  self->place = place;
  self->has_reserved = TRUE;
}

/* Must not be called during a start. */
void
gmp_worker_start_clear (GmpWorkerStart *self)
{
  clear_place (self);
  g_clear_object (&self->cancellable);
  gmp_options_unref (self->options);
  gmp_process_cache_unref (self->cache);
}

/* Takes ownership of @error. */
static void
fail (GmpWorkerStart *self,
      GError         *error)
{
  self->events->started (NULL, error, self->user_data);
}

static GmpProcessSpec *
make_spec (GmpWorkerStart *self,
           gboolean        is_elsewhere,
           GError        **error)
{
  g_autofree char *runtime = gmp_target_get_runtime (self->job->target, error);
  g_auto (GStrv) argv = runtime != NULL ? gmp_runtime_get_command (runtime, error) : NULL;

  if (argv == NULL)
    return NULL;
  return (is_elsewhere ? gmp_process_spec_new_elsewhere : gmp_process_spec_new) (
    runtime, (const char * const *) argv, self->options, self->inner_threads);
}

static void
started_here_cb (GObject      *source G_GNUC_UNUSED,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  GmpWorkerStart *self = user_data;
  GError *error = NULL;
  g_autofree GmpStarted *started = gmp_process_cache_start_finish (self->cache, result, &error);

  if (started == NULL)
    {
      fail (self, error);
      return;
    }
  gmp_worker_process_set_options (started->process, self->options);
  self->events->started (&(GmpWorkerStarted) { started->process, started->control_fd, NULL,
                                               started->is_warm },
                         NULL, self->user_data);
}

static void
begin_here (GmpWorkerStart *self)
{
  GError *error = NULL;
  GmpProcessSpec *spec = make_spec (self, FALSE, &error);

  if (spec == NULL)
    {
      fail (self, error);
      return;
    }
  self->events->begun (FALSE, self->user_data);
  gmp_process_cache_start_async (self->cache, spec, self->is_plain, self->cancellable,
                                 started_here_cb, self);
}

static void
started_elsewhere_cb (GObject      *source,
                      GAsyncResult *result,
                      gpointer      user_data)
{
  GmpWorkerStart *self = user_data;
  GError *error = NULL;
  g_autofree GmpRemoteStarted *started =
      gmp_agent_proxy_start_finish (GMP_AGENT_PROXY (source), result, &error);

  if (started == NULL)
    fail (self, error);
  else
    self->events->started (&(GmpWorkerStarted) { started->process, -1, started->stream,
                                                 started->is_warm },
                           NULL, self->user_data);
}

/* The worker's place was reserved before. */
static void
begin_elsewhere (GmpWorkerStart *self,
                 GmpAgentProxy  *agent)
{
  GError *error = NULL;
  GmpProcessSpec *spec = make_spec (self, TRUE, &error);

  if (spec == NULL)
    {
      gmp_agent_proxy_release (agent);
      fail (self, error);
      return;
    }
  self->events->begun (TRUE, self->user_data);
  gmp_agent_proxy_start_async (agent, spec, self->is_plain, self->cancellable,
                               started_elsewhere_cb, self);
}

static void
reserved_cb (GObject      *source G_GNUC_UNUSED,
             GAsyncResult *result,
             gpointer      user_data)
{
  GmpWorkerStart *self = user_data;
  GError *error = NULL;
  g_autoptr (GmpAgentProxy) agent = gmp_cluster_reserve_finish (NULL, result, &error);

  if (agent != NULL)
    begin_elsewhere (self, agent);
  else
    fail (self, error);
}

/* In a cluster a worker without a place runs on any node. @self and @job must exist until
 * @events has been called with the outcome, which may be during this call. */
void
gmp_worker_start_begin (GmpWorkerStart             *self,
                        const GmpJobSpec           *job,
                        gboolean                    is_plain,
                        GCancellable               *cancellable,
                        const GmpWorkerStartEvents *events,
                        gpointer                    user_data)
{
  GmpCluster *cluster = gmp_cluster_get (self->options->launcher);

  self->job = job;
  self->is_plain = is_plain || !self->options->warm_start;
  g_set_object (&self->cancellable, cancellable);
  self->events = events;
  self->user_data = user_data;
  if (self->place != NULL)
    {
      if (!self->has_reserved)
        gmp_agent_proxy_reserve (self->place);
      self->has_reserved = FALSE;
      begin_elsewhere (self, self->place);
    }
  else if (cluster != NULL)
    gmp_cluster_reserve_async (cluster, self->options->priority, cancellable, reserved_cb, self);
  else
    begin_here (self);
}
