/* gmp-spin-private.h: how long to look for a message before sleeping
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sleeping and being woken costs some 10 us; a message that comes sooner is better looked for. How
 * soon they come is learned from those that came. */
typedef struct {
  gboolean is_crowded; /* more workers than processors: looking on would keep others from running */
  guint limit;         /* how many turns are worth it now */
  guint turns;         /* in this wait */
  guint pauses;        /* looks before others are let run */
  gboolean others_ran; /* in the last turn */
  guint doubt;         /* how many short sleeps have to be seen after looking in vain */
  guint n_short;       /* how many of these are still to come */
} GmpSpin;

void     gmp_spin_init  (GmpSpin *self,
                         guint    n_workers);
void     gmp_spin_begin (GmpSpin *self,
                         gboolean has_woken);
gboolean gmp_spin_turn  (GmpSpin *self);
void     gmp_spin_found (GmpSpin *self);
void     gmp_spin_slept (GmpSpin *self,
                         gint64   duration);

G_END_DECLS
