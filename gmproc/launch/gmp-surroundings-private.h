/* gmp-surroundings-private.h: the inherited state of a process, which does not follow changes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* The working directory, the environment and the standard output of this process at the last
 * look. */
typedef struct {
  char *folder;       /* (nullable): it no longer exists */
  GPtrArray *entries; /* of the environment */
  GPtrArray *lasting; /* of these, those that are not fleeting */
  dev_t device;       /* of standard output */
  ino_t inode;
} GmpSurroundings;

void     gmp_surroundings_init       (GmpSurroundings *self);
gboolean gmp_surroundings_look       (GmpSurroundings *self);
void     gmp_surroundings_clear      (GmpSurroundings *self);
char    *gmp_surroundings_describe   (void);
char    *gmp_surroundings_get_folder (void);

G_END_DECLS
