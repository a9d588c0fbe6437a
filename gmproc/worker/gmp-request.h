/* gmp-request.h: a client's request, to be answered now or later
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/**
 * GmpRequestClass:
 * @parent_class: the parent class
 *
 * The class of a final type.
 *
 * Since: 0.1
 */

#define GMP_TYPE_REQUEST (gmp_request_get_type ())
GMP_PUBLIC G_DECLARE_FINAL_TYPE (GmpRequest, gmp_request, GMP, REQUEST, GObject)

GMP_PUBLIC const char   *gmp_request_get_client_id (GmpRequest *self);
GMP_PUBLIC GVariant     *gmp_request_get_value     (GmpRequest *self);
GMP_PUBLIC const GError *gmp_request_get_error     (GmpRequest *self);
GMP_PUBLIC gboolean      gmp_request_respond       (GmpRequest   *self,
                                                    GVariant     *response,
                                                    GError      **error);
GMP_PUBLIC gboolean      gmp_request_fail          (GmpRequest   *self,
                                                    const GError *reason,
                                                    GError      **error);

G_END_DECLS
