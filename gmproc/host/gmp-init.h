/* gmp-init.h: the first call in main ()
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

GMP_PUBLIC void gmp_init (int    *argc,
                          char ***argv);

G_END_DECLS
