/* gmp-pinned-tls.c: TLS with a server that has a certain certificate, and such a server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-pinned-tls-private.h"

static gboolean
accept_cb (GTlsConnection      *connection G_GNUC_UNUSED,
           GTlsCertificate     *certificate,
           GTlsCertificateFlags errors G_GNUC_UNUSED,
           gpointer             pinned)
{
  return g_tls_certificate_is_same (certificate, pinned);
}

static void
unref_closure (gpointer  certificate,
               GClosure *closure G_GNUC_UNUSED)
{
  g_object_unref (certificate);
}

/* Without a database of its own, each connection would read all certificates of the system first,
 * which takes longer than the rest of a handshake. */

/* The client's side, whose handshake has not begun. The server is identified by @certificate,
 * whatever name and dates are in it. */
GIOStream *
gmp_pinned_tls_new (GIOStream       *base,
                    GTlsCertificate *certificate,
                    GError         **error)
{
  GTlsBackend *backend = g_tls_backend_get_default ();
  GIOStream *tls = g_initable_new (g_tls_backend_get_client_connection_type (backend), NULL, error,
                                   "base-io-stream", base, "database", NULL, NULL);

  /* No weak reference: GLib may abort where both are finalized at the same time, in two threads. */
  if (tls != NULL)
    g_signal_connect_data (tls, "accept-certificate", G_CALLBACK (accept_cb),
                           g_object_ref (certificate), unref_closure, 0);
  return tls;
}

/* The server's side. Clients show no certificate. */
GIOStream *
gmp_pinned_tls_new_server (GIOStream       *base,
                           GTlsCertificate *certificate,
                           GError         **error)
{
  GTlsBackend *backend = g_tls_backend_get_default ();

  return g_initable_new (g_tls_backend_get_server_connection_type (backend), NULL, error,
                         "base-io-stream", base, "certificate", certificate, "database", NULL,
                         NULL);
}
