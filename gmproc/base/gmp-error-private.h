/* gmp-error-private.h: how an error is named in a message
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-error.h"

G_BEGIN_DECLS

/* The longest name of a domain that is sent, in bytes, with the zero at its end. Three times as
 * much fits into the name of a D-Bus error, where each byte may take three characters. */
#define GMP_ERROR_DOMAIN_MAX 64

typedef struct {
  const char *domain;
  int code;
} GmpErrorName;

GmpErrorName gmp_error_get_name (const GError *error);

G_END_DECLS
