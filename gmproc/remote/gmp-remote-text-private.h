/* gmp-remote-text-private.h: the text that an environment and its game send each other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

char     *gmp_remote_text_format_value   (GVariant           *value,
                                          GError            **error);
GString  *gmp_remote_text_format_command (const char         *name,
                                          const char * const *args,
                                          GError            **error);
GVariant *gmp_remote_text_parse_state    (const char         *data,
                                          gsize               size,
                                          GError            **error);

G_END_DECLS
