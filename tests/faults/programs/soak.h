/* soak.h: the server and the clients of the soak
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

void            soak_ensure_types     (void);
GmpRunner *soak_make_application (GVariant *config);
