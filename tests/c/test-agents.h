/* test-agents.h: two nodes, which are agents on this machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

G_BEGIN_DECLS

/* The variable with the name of a worker's node: alpha or beta. Each has two slots. */
#define TEST_AGENTS_NODE "TEST_CLUSTER_NODE"

void    test_agents_init       (const char *environment);
void    test_agents_add        (const char *path,
                                void      (*func) (void));
void    test_agents_limit      (void);
GArray *test_agents_find       (void);
int     test_agents_find_above (int         pid);
void    test_agents_await_end  (int         pid);
void    test_agents_end        (void);
void    test_agents_take_log   (void);
void    test_agents_await_log  (const char *words);

G_END_DECLS
