/* gmp-environment-private.h: the variables GMPROC_*
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* All variables of gmproc are read here. They name programs that are run, so a program with more
 * rights than its caller ignores them. */
const char *gmp_environment_get       (const char  *name);
gboolean    gmp_environment_is_secure (void);
char      **gmp_environment_clean     (char       **environment);
gboolean    gmp_environment_can_pass  (const char  *program,
                                       GError     **error);

G_END_DECLS
