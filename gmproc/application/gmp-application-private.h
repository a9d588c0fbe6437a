/* gmp-application-private.h: what the run of an application has to do with its object
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-application.h"
#include "base/gmp-options-private.h"
#include "report/gmp-failure-log-private.h"

G_BEGIN_DECLS

GmpOptions    *gmp_application_copy_options    (GmpApplication *self);
gboolean       gmp_application_claim           (GmpApplication *self,
                                                GError        **error);
void           gmp_application_release         (GmpApplication *self);
gboolean       gmp_application_is_claimed      (GmpApplication *self);
GmpFailureLog *gmp_application_get_failure_log (GmpApplication *self);

G_END_DECLS
