/* gmp-client-worker.c: a client of a client-server application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-client-worker.h"

/**
 * GmpClientWorker:
 *
 * A client of a [class@Gmp.ClientServer]. Derive from it and override `process`, `update` and
 * `done`.
 *
 * ```
 * client.start (params)
 * while not client.done ():
 *   response = send (client.process ())
 *   client.update (response)
 *   client.wait ()
 * client.finish ()
 * ```
 *
 * The life cycle is that of gmproc for Python of 2020.
 *
 * Since: 0.1
 */

G_DEFINE_ABSTRACT_TYPE (GmpClientWorker, gmp_client_worker, GMP_TYPE_WORKER)

/**
 * GmpClientWorkerClass::process:
 * @self: a client
 * @error: return location for an error
 *
 * Returns the next request. The default returns %NULL.
 *
 * Returns: (transfer full) (nullable): the request, floating or not; %NULL is a request too
 *
 * Since: 0.1
 */
static GVariant *
gmp_client_worker_real_process (GmpClientWorker *self G_GNUC_UNUSED,
                                GError         **error G_GNUC_UNUSED)
{
  return NULL;
}

/**
 * GmpClientWorkerClass::update:
 * @self: a client
 * @response: (nullable): what the server's `process` returned for this client's request
 * @error: return location for an error
 *
 * Receives the server's response. The default does nothing.
 *
 * Returns: %TRUE on success. The return value is ignored: set @error to fail
 *
 * Since: 0.1
 */
static gboolean
gmp_client_worker_real_update (GmpClientWorker *self G_GNUC_UNUSED,
                               GVariant        *response G_GNUC_UNUSED,
                               GError         **error G_GNUC_UNUSED)
{
  return TRUE;
}

static void
gmp_client_worker_class_init (GmpClientWorkerClass *klass)
{
  klass->process = gmp_client_worker_real_process;
  klass->update = gmp_client_worker_real_update;
}

static void
gmp_client_worker_init (GmpClientWorker *self G_GNUC_UNUSED)
{
}
