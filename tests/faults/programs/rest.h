/* rest.h: pauses of a long run, in which flat.py measures it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

gboolean faults_is_due     (int         n_rests,
                            int         i,
                            int         n);
void     faults_print_held (guint64     others);
gboolean faults_rest       (const char *folder,
                            const char *id,
                            GError    **error);
