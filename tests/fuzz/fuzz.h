/* fuzz.h: common code of the fuzz targets
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* The entry points of libFuzzer, and of replay.c, which runs a target on the files of its
 * corpus. */
int LLVMFuzzerInitialize   (int           *argc,
                            char        ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data,
                            size_t         size);

/* The bytes of an input, taken from its beginning; zeros when none are left. */
typedef struct {
  const guint8 *data;
  gsize size;
} FuzzInput;

gsize   fuzz_take       (FuzzInput *self,
                         gpointer   place,
                         gsize      size);
guint8  fuzz_take_byte  (FuzzInput *self);
guint16 fuzz_take_short (FuzzInput *self);
guint64 fuzz_take_long  (FuzzInput *self);

/* Does everything that a receiver may do with an untrusted value. */
void fuzz_use_value     (GVariant     *value);

/* An error that a hostile peer caused: its text must be printable and sendable. */
void fuzz_check_error   (const GError *error);

/* A memfd with @size bytes of @data, sealed by @seals. The caller closes it. */
int  fuzz_new_memfd     (gconstpointer data,
                         gsize         size,
                         int           seals);

G_END_DECLS
