/* gmp-open-run-private.h: a run of GmpClientServer that the program drives
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-client-server-private.h"

G_BEGIN_DECLS

/* A run that is open, or has ended and is not closed yet. Its requests accumulate in the session
 * until they are received. A run that a blocking call opened uses the object's own main context,
 * and continues only in blocking calls; other runs use the program's context. */
struct _GmpOpenRun
{
  gboolean is_blocking;
  int priority;         /* of its requests in the main context */
  gint64 last_look;     /* at that context, in monotonic time */
  guint n_turns;        /* of the server, each of at most one message */
  GTask *opening;       /* (nullable) */
  guint n_calls;        /* blocking calls that have not returned */

  GTask *receiving;     /* (nullable) */
  guint n_wanted;       /* 0: one for each client */
  GSource *limit_source;
  GSource *cancel_source;
  GPtrArray *failures;  /* of GmpRequest: to be received */
  GHashTable *reported; /* a set: the ids of received failures */

  GTask *closing;       /* (nullable) */
  GSource *close_source; /* (nullable): for closing's cancellable */

  gboolean is_ending;   /* handlers of its end are called, so it returns after these */
  gboolean has_ended;
  gboolean is_dropped;  /* by its last owner; the run holds a reference */
  GError *error;        /* (nullable): of the run that has ended */
};

GmpOpenRun *gmp_open_run_find           (GmpClientServer *self,
                                         gboolean         is_blocking,
                                         GError         **error);
gboolean    gmp_open_run_enter          (GmpClientServer *self,
                                         gboolean         waits,
                                         GError         **error);
void        gmp_open_run_leave          (GmpClientServer *self);
void        gmp_open_run_turn_context   (GmpClientServer *self);

/* Receiving: gmp-client-server-receive.c. */
void        gmp_open_run_turned         (gpointer self);
void        gmp_open_run_end_receiving  (GmpClientServer *self);

G_END_DECLS
