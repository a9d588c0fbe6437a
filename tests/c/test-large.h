/* test-large.h: large values, and what else a main loop does while they are sent
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gmproc.h>

G_BEGIN_DECLS

/* Serialising a value of this many entries, built one by one, takes about 150 ms. */
#define TEST_LARGE_ENTRIES 150000

/* The turns that a loop has at least meanwhile. */
#define TEST_LARGE_TURNS 10

GVariant *test_large_build (void);

/* What else a loop does, every millisecond. */
typedef struct {
  GSource *source;
  guint n_turns;
  gint64 last;
  gint64 worst; /* processor time between two turns */
} TestOthers;

void test_others_begin (TestOthers *self);
void test_others_end   (TestOthers *self);

G_END_DECLS
