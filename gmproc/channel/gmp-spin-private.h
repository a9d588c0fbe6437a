/* gmp-spin-private.h: how long to look for a message before sleeping
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sleeping and waking costs about 10 us; polling is better for a message that arrives sooner. The
 * expected delay is learned from previous messages. */
typedef struct {
  gboolean is_crowded;    /* more workers than processors: polling would keep others from running */
  guint limit;            /* the number of turns that pay now */
  guint turns;            /* in this wait */
  guint pauses;           /* polls before a yield */
  gboolean others_ran;    /* in the last turn */
  gboolean has_busy_peer; /* in this wait: the peer may be what runs during a yield */
  guint credit;           /* the messages found, less what slow yields have cost */
  guint doubt;            /* the short sleeps needed before polling again after it failed */
  guint n_short;          /* the remaining ones of these */
} GmpSpin;

void     gmp_spin_init  (GmpSpin *self,
                         guint    n_workers);
void     gmp_spin_set_gathers (GmpSpin *self,
                               gboolean gathers);
void     gmp_spin_begin (GmpSpin *self,
                         gboolean has_woken,
                         gboolean has_busy_peer);
gboolean gmp_spin_turn  (GmpSpin *self);
void     gmp_spin_found (GmpSpin *self);
void     gmp_spin_slept (GmpSpin *self,
                         gint64   duration);

G_END_DECLS
