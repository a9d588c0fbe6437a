/* test-pool.h: functions for the tests of pools
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "gmp-test.h"

G_BEGIN_DECLS

/* Calls. */

GVariant *test_square    (GVariant *params,
                          GError  **error);
GVariant *test_get_pid   (GVariant *params,
                          GError  **error);
GVariant *test_refuse    (GVariant *params,
                          GError  **error);
GVariant *test_die       (GVariant *params,
                          GError  **error);
GVariant *test_sleep     (GVariant *params,
                          GError  **error);
GVariant *test_read_fifo (GVariant *params,
                          GError  **error);

/* Pools. */

GmpPool  *test_pool_new         (guint         max_workers);
gint32    test_pool_call_int    (GmpPool      *pool,
                                 GmpMethod     method,
                                 GVariant     *params);
void      test_pool_check_error (GmpPool      *pool,
                                 GmpMethod     method,
                                 GVariant     *params,
                                 GQuark        domain,
                                 int           code,
                                 const char   *pattern);
GVariant *test_pool_finish      (GmpPool      *pool,
                                 GAsyncResult *result,
                                 GError      **error);

/* A fifo in the case's folder, that test_read_fifo() waits for. */

char *test_make_fifo  (const char *name);
void  test_write_fifo (const char *path);

G_END_DECLS
