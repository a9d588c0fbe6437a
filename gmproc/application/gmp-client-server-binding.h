/* gmp-client-server-binding.h: requests of an open run that have arrived, for bindings
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-client-server.h"

G_BEGIN_DECLS

GMP_PUBLIC void       gmp_client_server_set_changes_values (GmpClientServer *self);
GMP_PUBLIC GPtrArray *gmp_client_server_receive_now (GmpClientServer *self,
                                                     guint            n,
                                                     gboolean         may_look);

G_END_DECLS
