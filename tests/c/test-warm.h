/* test-warm.h: functions for the tests of fork servers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "gmp-test.h"

G_BEGIN_DECLS

/* %FALSE, after printing the plan, if nothing is forked here. */
gboolean test_warm_init (int    *argc,
                         char ***argv);

/* The worker's side. */

GVariant *test_warm_get_pids        (GVariant *params,
                                     GError  **error);
GVariant *test_warm_report_and_meet (GVariant *params,
                                     GError  **error);

/* The application's side: a worker with the id 1. */

GmpWorkers *test_warm_new (GmpMethod   method,
                           GVariant   *params);
GVariant   *test_warm_run (GmpWorkers *workers);
int         test_warm_up  (GmpWorkers *workers);

G_END_DECLS
