/* gmp-crew-private.h: workers that run together
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-application-private.h"
#include "application/gmp-outcome-private.h"
#include "application/gmp-pool-private.h"
#include "application/gmp-run-signals-private.h"

G_BEGIN_DECLS

/* What GmpWorkers and GmpClientServer have in common: any number of workers, so many at a time,
 * each of which succeeds or fails for itself; processes kept for further runs; and the outcome. */
typedef struct _GmpCrew GmpCrew;

/* The owner's part, in the main context of the run. It may refuse a value with an error, which is
 * then what became of that worker. */
typedef struct {
  gboolean (*take_value)    (gpointer     owner,
                             const char  *id,
                             GVariant    *value,
                             GError     **error);
  void     (*take_progress) (gpointer     owner,
                             const char  *id,
                             GVariant    *value);
  const GmpRunSignals *signals;
} GmpCrewEvents;

/* For clients: the server's part, in the main context of the run. renew makes a channel, gives the
 * server its end, and returns the client's. */
typedef struct {
  GmpPort *(*renew) (const char    *id,
                     gpointer       user_data,
                     GError       **error);
  void     (*ended) (const char    *id,
                     const GError  *reason,
                     gboolean       returns,
                     gpointer       user_data);
} GmpCrewServer;

/* What a worker of the next run is. */
typedef struct {
  const char *role;
  const char *id;
  const char *target;
  GVariant   *params;       /* (nullable) */
  GmpPort    *port;         /* (nullable): of a channel to a server; taken over */
  const char *server_runtime;
} GmpMember;

GmpCrew         *gmp_crew_new         (const GmpCrewEvents  *events,
                                       GmpApplication       *owner);
void             gmp_crew_free        (GmpCrew              *self);
void             gmp_crew_set_options (GmpCrew              *self,
                                       GmpOptions           *options,
                                       guint                 max_parallel,
                                       gboolean              reuse);
void             gmp_crew_begin       (GmpCrew              *self);
gboolean         gmp_crew_add         (GmpCrew              *self,
                                       const GmpMember      *member,
                                       GError              **error);
gboolean         gmp_crew_add_again   (GmpCrew              *self,
                                       const GmpMember      *member,
                                       GError              **error);
void             gmp_crew_abandon     (GmpCrew              *self);
void             gmp_crew_run_async   (GmpCrew              *self,
                                       GCancellable         *cancellable,
                                       GAsyncReadyCallback   callback,
                                       gpointer              user_data);
gboolean         gmp_crew_run_finish  (GmpCrew              *self,
                                       GAsyncResult         *result,
                                       GError              **error);
void             gmp_crew_set_server  (GmpCrew              *self,
                                       const GmpCrewServer  *server,
                                       gpointer              user_data);
gboolean         gmp_crew_renew       (GmpCrew              *self,
                                       const GError         *reason,
                                       GError              **error);
void             gmp_crew_end         (GmpCrew              *self,
                                       const GError         *reason);
GmpRemoteWorker *gmp_crew_new_worker  (GmpCrew              *self);
GmpOptions      *gmp_crew_get_options (GmpCrew              *self);
guint            gmp_crew_get_n_left  (GmpCrew              *self);
GmpOutcome      *gmp_crew_get_outcome (GmpCrew              *self);
GmpPool         *gmp_crew_get_pool    (GmpCrew              *self);
void             gmp_crew_kill        (GmpCrew              *self);

G_END_DECLS
