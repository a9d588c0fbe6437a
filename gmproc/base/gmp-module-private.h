/* gmp-module-private.h: the ELF modules of this process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A loaded file with code in it: the program itself, a shared library, a plugin. */
typedef struct {
  char    *path;     /* (nullable): the file that it was loaded from */
  char    *build_id; /* (nullable): hexadecimal, from the note that the linker leaves */
  guintptr base;     /* the difference between addresses in memory and in the file */
} GmpModule;

GmpModule *gmp_module_find_address  (gconstpointer  address);
GmpModule *gmp_module_find_build_id (const char    *build_id);
gboolean   gmp_module_is_code       (gconstpointer  address);
guint64    gmp_module_count_unloads (void);
void       gmp_module_free          (GmpModule *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpModule, gmp_module_free)

G_END_DECLS
