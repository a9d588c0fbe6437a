/* gmp-agent-gpus-private.h: the GPUs of a node, divided among its workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _GmpAgentGpus GmpAgentGpus;

GmpAgentGpus *gmp_agent_gpus_new       (const char   *list);
void          gmp_agent_gpus_free      (GmpAgentGpus *self);
char        **gmp_agent_gpus_give      (GmpAgentGpus *self,
                                        guint         worker,
                                        char        **environment);
void          gmp_agent_gpus_take_back (GmpAgentGpus *self,
                                        guint         worker);

G_END_DECLS
