/* gmp-record-private.h: how a value stands in a ring
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-ring-private.h"

G_BEGIN_DECLS

/* A record in the ring: this, the type string without its end, and the body, each filled up to
 * GMP_RECORD_ALIGN. */
typedef struct {
  guint8 kind;
  guint8 tag;        /* of the payload that begins here: see GmpChannel */
  guint16 type_size; /* in bytes */
  guint32 size;      /* of the body, in bytes */
} GmpRecord;

enum {
  GMP_RECORD_NULL = 1, /* no value: no type and no body */
  GMP_RECORD_VALUE,    /* the body is a value's bytes */
  GMP_RECORD_BLOCK,    /* the body is a GmpBlock, which has the bytes */
  GMP_RECORD_BEGIN,    /* the body is a guint64: how many bytes come in the pieces that follow */
  GMP_RECORD_PIECE     /* the body is some of them; no type */
};

/* A value up to this size is copied into the ring and out of it. A larger one takes a block if
 * there is one, and otherwise arrives in pieces of this size. */
#define GMP_RECORD_VALUE_MAX ((gsize) 16 * 1024)

#define GMP_RECORD_ALIGN ((guint64) 8)

/* In 64 bits on every machine: the sizes in a record are not trusted, and their sum must not
 * wrap. */
static inline guint64
gmp_record_fill_up (guint64 size)
{
  return (size + GMP_RECORD_ALIGN - 1) & ~(GMP_RECORD_ALIGN - 1);
}

static inline guint64
gmp_record_size (guint64 type_size,
                 guint64 size)
{
  return sizeof (GmpRecord) + gmp_record_fill_up (type_size) + gmp_record_fill_up (size);
}

G_END_DECLS
