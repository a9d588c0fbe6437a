/* gmp-search-paths-private.h: search paths for a worker in another folder
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

char **gmp_search_paths_resolve (char      **environment,
                                 const char *folder,
                                 char      **given);

G_END_DECLS
