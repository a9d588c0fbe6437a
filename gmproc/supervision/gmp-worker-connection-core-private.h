/* gmp-worker-connection-core-private.h: declarations of GmpWorkerConnection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-packing-private.h"
#include "supervision/gmp-worker-connection-private.h"

G_BEGIN_DECLS

/* What becomes of a payload: @value (nullable), or @error. */
typedef void (*Deliver) (GmpWorkerConnection *self,
                         GVariant            *value,
                         GError              *error);

/* The connection lives as long as the process. It is read during a run, in the main context of that
 * run, so a worker that sends faster than the application reads waits. An invalid message of a
 * worker ends its run. */
struct _GmpWorkerConnection
{
  GmpMessageStream *stream;
  gboolean is_closed;
  guint32 run_serial; /* 0: no pending run */
  GHashTable *calls;  /* serials of other pending calls, each with its run */
  guint n_runs;
  guint64 value_limit;
  int priority;     /* in the main context of the run */
  guint64 catch_up; /* the number of taken bytes at which caught_up is called; G_MAXUINT64: never */
  GmpWorkerConnectionOpened opened; /* (nullable): NULL when it is open */
  gpointer opened_data;
  GCancellable *cancellable; /* (nullable): of opening it */
  const GmpWorkerConnectionEvents *events;
  gpointer user_data;
  GmpUnpacking *unpacking; /* (nullable): of the message that was read last */
  Deliver deliver;         /* its payload */
  GVariant *last_turn;   /* (nullable): of this run, possibly its result */
  GSource *read_source;  /* (nullable): between runs, and while it unpacks */
  GSource *write_source; /* (nullable): everything is sent */
};

void gmp_worker_connection_await_room (GmpWorkerConnection *self);

G_END_DECLS
