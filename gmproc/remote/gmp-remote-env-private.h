/* gmp-remote-env-private.h: the parts of an environment
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "remote/gmp-remote-env.h"
#include "remote/gmp-remote-exchange-private.h"

G_BEGIN_DECLS

struct _GmpRemoteEnv
{
  GObject parent_instance;

  char *host;
  guint input_port;
  GmpRemoteGame game;
  GmpRemoteExchange *current; /* (nullable): waits for its state */
  GSource *waiting;           /* (nullable): its source in a main loop */
};

gboolean gmp_remote_env_needs_lookup   (GmpRemoteEnv *self);
gboolean gmp_remote_env_take_addresses (GmpRemoteEnv *self,
                                        GList        *addresses,
                                        GError      **error);
gboolean gmp_remote_env_open_socket    (GmpRemoteEnv *self,
                                        GError      **error);

G_END_DECLS
