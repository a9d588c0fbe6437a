/* test-pair.h: both ends of a channel in shared memory, in one process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-shared-channel-private.h"

G_BEGIN_DECLS

#define MIB ((gsize) 1024 * 1024)

/* The test writes to the client's side of the memory behind its back. */
typedef struct {
  GmpChannel *client;
  GmpChannel *server;
  GmpMemory *memory; /* the client's mapping */
  int fd;            /* of the memory */
} TestPair;

void      test_pair_init       (TestPair *self,
                                gsize     arena_size);
void      test_pair_clear      (TestPair *self);
void      test_pair_send       (TestPair *self,
                                GVariant *value);
GVariant *test_pair_receive    (TestPair *self);
void      test_pair_check_same (TestPair *self,
                                GVariant *value);
GVariant *test_new_bytes       (gsize     size,
                                guint8    first);

G_END_DECLS
