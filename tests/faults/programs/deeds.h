/* deeds.h: the misbehaviour of the workers of program.c
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

/* The misbehaviour of a worker, and its moment. */
typedef struct {
  char *fault;
  char *moment;
} Fault;

/* Never returns where GMPROC_HANG names @place. */
void     hang_at    (const char *place);

void     print_line (const char *format,
                     ...) G_GNUC_PRINTF (1, 2);
gboolean commit     (const char *fault,
                     GError    **error);
void     fault_set  (Fault      *self,
                    GVariant   *params);
gboolean fault_at  (Fault      *self,
                    const char *moment,
                    GError    **error);
