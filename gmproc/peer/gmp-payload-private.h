/* gmp-payload-private.h: a payload in a D-Bus message
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* D-Bus has no maybe types, and a message has at most 128 MiB. A payload is therefore sent as its
 * type string and bytes, and a large one in a sealed memfd beside the message. */

#define GMP_PAYLOAD_TYPE        "(sayah)"
#define GMP_PAYLOAD_INLINE_TYPE "(say)"

GVariant *gmp_payload_pack          (GVariant    *payload,
                                     GUnixFDList *handles,
                                     GError     **error);
GVariant *gmp_payload_pack_message  (GVariant    *payload,
                                     GUnixFDList *handles,
                                     GError     **error);
GVariant *gmp_payload_new_repetition (void);
gboolean  gmp_payload_is_repetition (GVariant    *packed);
gboolean  gmp_payload_is_large      (GVariant    *packed,
                                     GUnixFDList *handles);
gboolean  gmp_payload_is_null       (const char  *type,
                                     GBytes      *bytes);
GBytes   *gmp_payload_get_bytes     (GVariant    *packed,
                                     GUnixFDList *handles,
                                     const char **type,
                                     GError     **error);
gboolean  gmp_payload_unpack        (GVariant    *packed,
                                     GUnixFDList *handles,
                                     guint64      limit,
                                     GVariant   **payload,
                                     GError     **error);
GVariant *gmp_payload_pack_inline   (GVariant *payload,
                                     GError  **error);
gboolean  gmp_payload_unpack_inline (GVariant  *packed,
                                     GVariant **payload,
                                     GError   **error);
gboolean  gmp_payload_unpack_any    (GVariant    *packed,
                                     GUnixFDList *handles,
                                     guint64      limit,
                                     GVariant   **payload,
                                     GError     **error);

G_END_DECLS
