/* gmp-net-frame-private.h: a value as it comes by a connection to another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The head of each value: its type string follows, then its bytes. The nodes of a program have the
 * same byte order, because they have the same build of it. A value without a type is NULL. */
typedef struct {
  guint64 size;
  guint32 type_size; /* without a NUL */
  guint8  tag;       /* of a GmpChannel's value */
  guint8  is_close;  /* the last of the channel: "(sis)", the reason's domain, code and text */
  guint16 unused;    /* 0 */
} GmpNetHead;

/* A received value, complete or not. */
typedef struct {
  GmpNetHead head;
  gsize      n_head;  /* the received bytes of it, and of the following parts */
  char      *type;    /* (nullable) */
  gsize      n_type;
  guint8    *bytes;   /* (nullable) */
  gsize      capacity; /* of these, if they are large; see gmp_large_memory_take() */
  gsize      n_bytes;
} GmpNetFrame;

GByteArray *gmp_net_frame_begin    (guint8        tag,
                                    gboolean      is_close,
                                    GVariant     *value);
gboolean    gmp_net_frame_get_room (GmpNetFrame  *self,
                                    guint64       value_limit,
                                    guint8      **place,
                                    gsize        *size,
                                    GError      **error);
void        gmp_net_frame_take     (GmpNetFrame  *self,
                                    gsize         size);
GBytes     *gmp_net_frame_finish   (GmpNetFrame  *self,
                                    char        **type,
                                    GError      **error);
void        gmp_net_frame_clear    (GmpNetFrame  *self);

G_END_DECLS
