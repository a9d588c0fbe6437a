/* gmp-certificate-private.h: a certificate for one run of a program
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *gmp_certificate_make (GError **error);

G_END_DECLS
