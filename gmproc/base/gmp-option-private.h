/* gmp-option-private.h: an option of any type: its property and its field
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

enum {
  GMP_OPTION_SENT = 1 << 0, /* workers receive the value, unless it is 0, %FALSE or %NULL, which
                               mean no limit */
  GMP_OPTION_CONSTRUCT_ONLY = 1 << 1,
};

/* The property of GmpRunner, its field in GmpOptions, its default and limits, and whether workers
 * receive it (gmp-limits.c applies those). */
typedef struct {
  const char *name;
  gsize       offset;
  GType       type;
  double      minimum; /* of numbers */
  double      maximum;
  double      number;  /* the default, also of booleans */
  const char *string;  /* the default of strings */
  guint       flags;
} GmpOption;

GParamSpec *gmp_option_make_param_spec (const GmpOption  *self);
void        gmp_option_init_value      (const GmpOption  *self,
                                        GValue           *value);
void        gmp_option_read            (const GmpOption  *self,
                                        gconstpointer     options,
                                        GValue           *value);
void        gmp_option_write           (const GmpOption  *self,
                                        gpointer          options,
                                        const GValue     *value);
GVariant   *gmp_option_to_variant      (const GmpOption  *self,
                                        gconstpointer     options);

G_END_DECLS
