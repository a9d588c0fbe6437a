/* gmp-file-parts-private.h: contents of descriptors that come in pieces
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* The largest number of descriptors of a message. */
#define GMP_FILE_PARTS_MAX 8

/* A connection that passes no descriptors sends their contents ahead of the message that they
 * belong to (org.gmproc.Stream1.Part). */
typedef struct {
  int files[GMP_FILE_PARTS_MAX]; /* of the message that comes next; -1: none */
} GmpFileParts;

void         gmp_file_parts_init  (GmpFileParts *self);
void         gmp_file_parts_clear (GmpFileParts *self);
gboolean     gmp_file_parts_add   (GmpFileParts *self,
                                   guint         place,
                                   GVariant     *bytes,
                                   GError      **error);
GUnixFDList *gmp_file_parts_take  (GmpFileParts *self);

G_END_DECLS
