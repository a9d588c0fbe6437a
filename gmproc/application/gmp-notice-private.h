/* gmp-notice-private.h: tells of workers that have died while others go on
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-failure.h"

G_BEGIN_DECLS

typedef struct {
  GPtrArray *untold; /* of GmpFailure */
  GSource *source;   /* (nullable): there is nothing to tell */
} GmpNotice;

void gmp_notice_init (GmpNotice  *self);
void gmp_notice_free (GmpNotice  *self);
void gmp_notice_add  (GmpNotice  *self,
                      gpointer    owner,
                      GmpFailure *failure);
void gmp_notice_end  (GmpNotice  *self);

G_END_DECLS
