/* gmp-blocking-private.h: waits for an asynchronous call without the caller's main context
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* An operation that starts between gmp_blocking_begin() and gmp_blocking_finish(), with
 * gmp_blocking_done_cb() and this as its callback, runs in the object's own main context. */
typedef struct {
  GMainContext *context;
  GCancellable *cancellable; /* for the call: cancelled with the caller's, and by Ctrl-C */
  GCancellable *outer;       /* (nullable): the caller's */
  gulong outer_handler;
  GSource *interrupt_source; /* (nullable) */
  GSource *signal_source;    /* (nullable): for the signals that a language handles */
  GError *failure;           /* (nullable): of the first handler that failed */
  guint n_interrupts;        /* Ctrl-C, and handlers that failed */
  GFunc kill;                /* called with the object at the second Ctrl-C */
  GObject *object;
  GAsyncResult *result;
} GmpBlocking;

void     gmp_blocking_begin   (GmpBlocking  *self,
                               GMainContext *context,
                               GObject      *object,
                               GFunc         kill,
                               GCancellable *cancellable);
void     gmp_blocking_done_cb (GObject      *source,
                               GAsyncResult *result,
                               gpointer      user_data);
gpointer gmp_blocking_finish  (GmpBlocking *self,
                               GError     **error);

G_END_DECLS
