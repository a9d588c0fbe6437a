/* gmp-port-private.h: one end of a channel before it is opened, on its way to a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"

#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* What kind of channel it is, and its descriptors. The application makes two of them, and passes
 * each to the worker that opens it. */
typedef struct _GmpPort GmpPort;

gboolean    gmp_port_new_pair    (guint64       arena_size,
                                  guint         n_workers,
                                  GmpPort     **client,
                                  GmpPort     **server,
                                  GError      **error);
void        gmp_port_free        (GmpPort      *self);
GmpChannel *gmp_port_open        (GmpPort      *self,
                                  GError      **error);

/* As handles in a D-Bus message. */
const char *gmp_port_get_kind    (GmpPort      *self);
GVariant   *gmp_port_to_handles  (GmpPort      *self,
                                  GUnixFDList  *handles,
                                  GError      **error);
GmpPort    *gmp_port_new_handles (const char   *kind,
                                  GVariant     *positions,
                                  GUnixFDList  *handles,
                                  GError      **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpPort, gmp_port_free)

G_END_DECLS
