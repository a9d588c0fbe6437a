/* gmp-outcome-private.h: what became of each worker of a run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Ids are strings here; GmpWorkers writes its numbers as such. */
typedef struct _GmpOutcome GmpOutcome;

GmpOutcome   *gmp_outcome_new       (void);
void          gmp_outcome_free      (GmpOutcome   *self);
gboolean      gmp_outcome_expect    (GmpOutcome   *self,
                                     const char   *id);
gboolean      gmp_outcome_reopen    (GmpOutcome   *self,
                                     const char   *id);
void          gmp_outcome_succeeded (GmpOutcome   *self,
                                     const char   *id,
                                     GVariant     *value);
void          gmp_outcome_failed    (GmpOutcome   *self,
                                     const char   *id,
                                     const GError *error);
gboolean      gmp_outcome_has_value (GmpOutcome   *self,
                                     const char   *id);
const GError *gmp_outcome_get_error (GmpOutcome   *self,
                                     const char   *id);
GError       *gmp_outcome_to_error  (GmpOutcome   *self);
GVariant     *gmp_outcome_to_ints   (GmpOutcome   *self);
GVariant     *gmp_outcome_to_dict   (GmpOutcome   *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpOutcome, gmp_outcome_free)

G_END_DECLS
