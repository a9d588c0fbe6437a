/* gmp-addresses-private.h: how this machine can be reached
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

char **gmp_addresses_list (void);

G_END_DECLS
