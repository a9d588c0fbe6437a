/* gmp-call-private.h: a type whose instances can be called by id in a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* A subclass of GmpWorkers that overrides process runs in the worker itself. The host creates an
 * instance there and calls it through this, because the host does not know GmpWorkers. */
typedef GVariant *(*GmpCall) (gpointer    instance,
                              const char *id,
                              GVariant   *params,
                              GError    **error);

void    gmp_call_register (GType   type,
                           GmpCall call);
GmpCall gmp_call_lookup   (GType   type);

G_END_DECLS
