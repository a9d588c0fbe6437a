/* gmp-engine-private.h: the commands that start agents on other machines
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A command that runs one agent or more. */
typedef struct {
  char **argv;
  char  *name;     /* for messages: the node's, or what the command starts */
  int    node;     /* the agent's number; -1: agents know theirs */
  guint  n_agents; /* that it runs */
  char **nodes;    /* (nullable): the names of these, if it can be divided */
} GmpEngineCommand;

const char *gmp_engine_choose       (const char *launcher);
gboolean    gmp_engine_check        (const char *launcher,
                                     GError    **error);
guint       gmp_engine_count_slots  (const char *launcher);
GPtrArray  *gmp_engine_get_commands (const char *wanted,
                                     const char *agent,
                                     GError    **error);
GPtrArray  *gmp_engine_divide       (const GmpEngineCommand *command,
                                     const char *agent);

G_END_DECLS
