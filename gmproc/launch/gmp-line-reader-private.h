/* gmp-line-reader-private.h: reads a worker's output line by line
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Reads a pipe that a worker writes to, in the thread-default main context, while it is attached;
 * or lines that it is fed, in any thread. */
typedef struct _GmpLineReader GmpLineReader;

typedef void (*GmpLineFunc) (const char *line,
                             gpointer    user_data);

GmpLineReader *gmp_line_reader_new      (int            fd,
                                         int            copy_to,
                                         GmpLineFunc    func,
                                         gpointer       user_data);
GmpLineReader *gmp_line_reader_new_fed  (void);
GmpLineReader *gmp_line_reader_ref      (GmpLineReader *self);
void           gmp_line_reader_set_func (GmpLineReader *self,
                                         GmpLineFunc    func,
                                         gpointer       user_data);
void           gmp_line_reader_feed     (GmpLineReader *self,
                                         const char    *line);
void           gmp_line_reader_free     (GmpLineReader *self);
void           gmp_line_reader_attach   (GmpLineReader *self,
                                         int            priority);
void           gmp_line_reader_detach   (GmpLineReader *self);
void           gmp_line_reader_drain    (GmpLineReader *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpLineReader, gmp_line_reader_free)

G_END_DECLS
