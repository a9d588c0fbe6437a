/* gmp-supervisor-private.h: workers that run together
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-job-spec-private.h"
#include "base/gmp-options-private.h"
#include "report/gmp-failure-log-private.h"
#include "report/gmp-results-private.h"
#include "report/gmp-run-signals-private.h"
#include "supervision/gmp-feed-private.h"
#include "supervision/gmp-kept-workers-private.h"

G_BEGIN_DECLS

/* The common part of GmpWorkers and GmpClientServer: any number of workers, up to a limit at a
 * time, each of which succeeds or fails alone; processes kept for further runs; and the outcome. */
typedef struct _GmpSupervisor GmpSupervisor;

/* Methods of the owner, called in the main context of the run. The owner may refuse a turn's result
 * with an error, which is then the failure of that worker. */
typedef struct {
  gboolean (*take_value)    (gpointer     owner,
                             const char  *id,
                             GVariant    *value,
                             GError     **error);
  void     (*take_progress) (gpointer     owner,
                             const char  *id,
                             GVariant    *value);
  const GmpRunSignals *signals;
} GmpSupervisorEvents;

/* All workers of the run have ended. */
typedef void (*GmpSupervisorEnded) (gpointer user_data);

/* For clients: methods of the server, called in the main context of the run. renew creates a
 * channel, passes one end to the server, and returns the client's. @place is the node that the
 * client is on, or NULL: then one may be chosen for it, with a worker reserved there. It returns
 * NULL without an error while there is no node: the client waits for gmp_supervisor_renew(). */
typedef struct {
  GmpChannelDescriptors *(*renew) (const char     *id,
                                   GmpAgentProxy **place,
                                   gpointer        user_data,
                                   GError        **error);
  void     (*ended) (const char    *id,
                     const GError  *reason,
                     gboolean       returns,
                     gpointer       user_data);
} GmpSupervisorServer;

GmpSupervisor  *gmp_supervisor_new         (const GmpSupervisorEvents *events,
                                            gpointer                   owner,
                                            GmpResults                *results,
                                            GmpFailureLog             *failure_log);
void            gmp_supervisor_free        (GmpSupervisor *self);
void            gmp_supervisor_set_options (GmpSupervisor *self,
                                            GmpOptions    *options,
                                            guint          max_parallel,
                                            gboolean       reuse);
void            gmp_supervisor_begin       (GmpSupervisor *self);
gboolean        gmp_supervisor_add         (GmpSupervisor    *self,
                                            const GmpJobSpec *spec,
                                            GError          **error);
gboolean        gmp_supervisor_add_again   (GmpSupervisor    *self,
                                            const GmpJobSpec *spec,
                                            GError          **error);
gboolean        gmp_supervisor_add_client  (GmpSupervisor         *self,
                                            const GmpJobSpec      *spec,
                                            GmpChannelDescriptors *port,
                                            GmpAgentProxy         *place,
                                            const char            *server_runtime,
                                            GError               **error);
void            gmp_supervisor_abandon     (GmpSupervisor *self);
void            gmp_supervisor_run         (GmpSupervisor     *self,
                                            GCancellable      *cancellable,
                                            GmpSupervisorEnded ended,
                                            gpointer           user_data);
void            gmp_supervisor_settle_failed (GmpSupervisor *self,
                                              GmpFailure    *failure);
void            gmp_supervisor_set_server  (GmpSupervisor             *self,
                                            const GmpSupervisorServer *server,
                                            gpointer                   user_data);
void            gmp_supervisor_set_open    (GmpSupervisor *self);
void            gmp_supervisor_pause       (GmpSupervisor *self);
gboolean        gmp_supervisor_renew       (GmpSupervisor *self,
                                            const GError  *reason,
                                            GError       **error);
void            gmp_supervisor_end         (GmpSupervisor *self);
void            gmp_supervisor_end_server  (GmpSupervisor *self,
                                            const GError  *reason);
gboolean        gmp_supervisor_check_launcher (const char *launcher,
                                               GError    **error);
guint           gmp_supervisor_count_slots (const char    *launcher);
guint           gmp_supervisor_share_slots (const char    *launcher,
                                            guint          n_workers);
GmpWorkerProxy *gmp_supervisor_new_worker  (GmpSupervisor *self);
GmpFeed        *gmp_supervisor_get_feed    (GmpSupervisor *self);
GmpOptions     *gmp_supervisor_get_options (GmpSupervisor *self);
guint           gmp_supervisor_get_n_left  (GmpSupervisor *self);
GmpKeptWorkers *gmp_supervisor_get_kept    (GmpSupervisor *self);
void            gmp_supervisor_kill        (GmpSupervisor *self);
void            gmp_supervisor_end_late    (GmpSupervisor *self,
                                            const char    *id);
gboolean        gmp_supervisor_fail        (GmpSupervisor *self,
                                            const char    *id,
                                            const GError  *error);
const char     *gmp_supervisor_get_node    (GmpSupervisor *self,
                                            const char    *id);

G_END_DECLS
