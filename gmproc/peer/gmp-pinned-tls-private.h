/* gmp-pinned-tls-private.h: TLS with a server that has a certain certificate
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

GIOStream *gmp_pinned_tls_new (GIOStream       *base,
                               GTlsCertificate *certificate,
                               GError         **error);
GIOStream *gmp_pinned_tls_new_server (GIOStream       *base,
                                      GTlsCertificate *certificate,
                                      GError         **error);

G_END_DECLS
