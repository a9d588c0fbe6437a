/* gmp-worker-connection-calls.c: calls to a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "supervision/gmp-worker-connection-core-private.h"

#include "base/gmp-error-private.h"
#include "peer/gmp-payload-private.h"

/* Takes ownership of @body (nullable) and @handles (nullable). Returns the call's serial. */
static guint32
send_call (GmpWorkerConnection *self,
           const char          *interface,
           const char          *name,
           GVariant            *body,
           GUnixFDList         *handles)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_method_call (NULL, GMP_WORKER_PATH,
                                                                     interface, name);

  if (body != NULL)
    g_dbus_message_set_body (message, body);
  g_dbus_message_set_unix_fd_list (message, handles);
  if (!gmp_message_stream_post (self->stream, message))
    gmp_worker_connection_await_room (self);
  return g_dbus_message_get_serial (message);
}

/* Makes a call whose reply is empty or an error. */
static void
call (GmpWorkerConnection *self,
      const char          *name,
      GVariant            *body,
      GUnixFDList         *handles)
{
  guint32 serial = send_call (self, GMP_WORKER_INFO->name, name, body, handles);

  g_hash_table_insert (self->calls, GUINT_TO_POINTER (serial), GUINT_TO_POINTER (self->n_runs));
}

/* The worker's agent has the channel, or creates it. */
static void
connect_elsewhere (GmpWorkerConnection  *self,
                   const GmpPeerChannel *end,
                   GVariant             *description)
{
  const char *name;
  gboolean is_server;
  guint64 arena_size;
  guint n_workers;
  GVariant *remote;
  guint32 serial;

  g_variant_get (description, "(&sbtu@a{sv})", &name, &is_server, &arena_size, &n_workers,
                 &remote);
  serial = send_call (self, GMP_PROCESS_INFO->name, "Connect",
                      g_variant_new ("(sssbtu@a{sv})", end->peer, end->runtime, name, is_server,
                                     arena_size, n_workers, remote), NULL);
  g_variant_unref (remote);
  g_hash_table_insert (self->calls, GUINT_TO_POINTER (serial), GUINT_TO_POINTER (self->n_runs));
}

/* Passes @end to the worker. */
gboolean
gmp_worker_connection_connect (GmpWorkerConnection  *self,
                               const GmpPeerChannel *end,
                               GError              **error)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  GVariant *description;
  GVariant *positions;
  const char *name;
  int fd = gmp_channel_descriptors_steal_served (end->port, &name);

  /* It comes to this process, whose port is open since there is a worker elsewhere. */
  if (fd != -1)
    gmp_channel_descriptors_introduce (end->port,
                                       gmp_cluster_serve (end->cluster, name, fd));
  description = gmp_channel_descriptors_describe (end->port);
  if (description != NULL)
    {
      connect_elsewhere (self, end, description);
      return TRUE;
    }
  positions = gmp_channel_descriptors_to_handles (end->port, handles, error);
  if (positions == NULL)
    return FALSE;
  call (self, "Connect",
        g_variant_new ("(sss@ah)", end->peer, end->runtime,
                       gmp_channel_descriptors_get_kind (end->port), positions),
        handles);
  return TRUE;
}

/* The packed parameters, and the descriptors that belong to them, with a reference to each. */
static GVariant *
take_params (const GmpJob *job,
             GUnixFDList **handles,
             GError      **error)
{
  GVariant *packed = NULL;

  if (job->packing != NULL)
    {
      gmp_packing_get (job->packing, &packed, handles, error);
      return packed;
    }
  *handles = g_unix_fd_list_new ();
  packed = gmp_payload_pack (job->spec.params, *handles, error);
  return packed != NULL ? g_variant_ref_sink (packed) : NULL;
}

/* Takes ownership of @options, floating. The outcome, a value of at most @value_limit bytes, is
 * reported as an event, unless there is an immediate error. */
gboolean
gmp_worker_connection_run (GmpWorkerConnection *self,
                           const GmpJob        *job,
                           GVariant            *options,
                           guint64              value_limit,
                           GError             **error)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (options);
  g_autoptr (GUnixFDList) handles = NULL;
  g_autoptr (GVariant) packed = take_params (job, &handles, error);

  if (packed == NULL)
    return FALSE;
  self->value_limit = value_limit;
  self->run_serial = send_call (self, GMP_WORKER_INFO->name, "Run",
                                g_variant_new ("(sss@(sayah)@a{sv})", job->spec.role, job->spec.id,
                                               job->spec.target, packed, sunk), handles);
  return TRUE;
}

/* Ends the life cycle at its next turn, with finish. */
void
gmp_worker_connection_stop (GmpWorkerConnection *self)
{
  call (self, "Stop", NULL, NULL);
}

void
gmp_worker_connection_cancel (GmpWorkerConnection *self)
{
  call (self, "Cancel", NULL, NULL);
}

/* @peer, at the other end of a channel, has ended: for @reason, or because it had finished. */
void
gmp_worker_connection_send_gone (GmpWorkerConnection *self,
                                 const char          *peer,
                                 const GError        *reason,
                                 gboolean             returns)
{
  g_autofree char *text = gmp_message_stream_limit_text (reason != NULL ? reason->message : "");
  GmpErrorName name = gmp_error_get_name (reason);

  call (self, "Gone", g_variant_new ("(ssisb)", peer, name.domain, name.code, text, returns), NULL);
}
