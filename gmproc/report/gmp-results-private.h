/* gmp-results-private.h: the result or error of each worker of a run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-error.h"
#include "report/gmp-failure.h"

G_BEGIN_DECLS

/* Ids are strings here; GmpWorkers converts its numbers. The server's is "server". */
typedef struct _GmpResults GmpResults;

typedef void (*GmpResultsFunc) (const char *id,
                                GVariant   *value,
                                gpointer    user_data);

GmpResults   *gmp_results_new       (void);
void          gmp_results_free      (GmpResults *self);
void          gmp_results_clear     (GmpResults *self);
gboolean      gmp_results_expect    (GmpResults *self,
                                     const char *id);
gboolean      gmp_results_reopen    (GmpResults *self,
                                     const char *id);
void          gmp_results_succeeded (GmpResults *self,
                                     const char *id,
                                     GVariant   *value);
void          gmp_results_failed    (GmpResults *self,
                                     GmpFailure *failure);
gboolean      gmp_results_has_value (GmpResults *self,
                                     const char *id);
GVariant     *gmp_results_get_value (GmpResults *self,
                                     const char *id);
const GError *gmp_results_get_error (GmpResults *self,
                                     const char *id);
gboolean      gmp_results_has_error (GmpResults *self,
                                     GmpError    code);
GPtrArray    *gmp_results_copy_failures (GmpResults *self);
GError       *gmp_results_to_error  (GmpResults   *self,
                                     GCancellable *cancellable);
void          gmp_results_foreach   (GmpResults     *self,
                                     GmpResultsFunc  func,
                                     gpointer        user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpResults, gmp_results_free)

G_END_DECLS
