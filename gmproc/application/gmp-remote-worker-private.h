/* gmp-remote-worker-private.h: a worker as the application sees it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-failure-private.h"
#include "application/gmp-run-private.h"
#include "application/gmp-starter-private.h"
#include "peer/gmp-port-private.h"

G_BEGIN_DECLS

#define GMP_TYPE_REMOTE_WORKER (gmp_remote_worker_get_type ())
G_DECLARE_FINAL_TYPE (GmpRemoteWorker, gmp_remote_worker, GMP, REMOTE_WORKER, GObject)

/* What happens during a run, told in the main context of the run. */
typedef struct {
  void (*progress) (const char      *id,
                    GVariant        *value,
                    gpointer         owner);
  void (*output)   (const char      *id,
                    GmpOutputStream  stream,
                    const char      *line,
                    gpointer         owner);
  void (*log)      (const char      *id,
                    const char      *domain,
                    GLogLevelFlags   level,
                    const char      *message,
                    gpointer         owner);
} GmpRemoteEvents;

typedef enum {
  GMP_REMOTE_END,  /* the process ends with the run */
  GMP_REMOTE_KEEP  /* it waits for another, or for gmp_remote_worker_retire_async() */
} GmpRemoteAfter;

GmpRemoteWorker *gmp_remote_worker_new           (GmpStarter            *starter,
                                                  GmpOptions            *options,
                                                  guint                  inner_threads,
                                                  const GmpRemoteEvents *events,
                                                  gpointer               owner);
void             gmp_remote_worker_add_channel   (GmpRemoteWorker       *self,
                                                  const char            *peer,
                                                  const char            *runtime,
                                                  GmpPort               *port);
void             gmp_remote_worker_tell_gone     (GmpRemoteWorker       *self,
                                                  const char            *peer,
                                                  const GError          *reason,
                                                  gboolean               returns);
void             gmp_remote_worker_run_async     (GmpRemoteWorker       *self,
                                                  GmpRun                *run,
                                                  GmpRemoteAfter         after,
                                                  GCancellable          *cancellable,
                                                  GAsyncReadyCallback    callback,
                                                  gpointer               user_data);
gboolean         gmp_remote_worker_run_finish    (GmpRemoteWorker       *self,
                                                  GAsyncResult          *result,
                                                  GVariant             **value,
                                                  GmpFailure           **failure);
gboolean         gmp_remote_worker_is_kept       (GmpRemoteWorker       *self);
void             gmp_remote_worker_disconnect    (GmpRemoteWorker       *self);
void             gmp_remote_worker_end_sync      (GmpRemoteWorker       *self);
void             gmp_remote_worker_retire_async  (GmpRemoteWorker       *self,
                                                  GAsyncReadyCallback    callback,
                                                  gpointer               user_data);
void             gmp_remote_worker_retire_finish (GmpRemoteWorker       *self,
                                                  GAsyncResult          *result);
void             gmp_remote_worker_stop          (GmpRemoteWorker       *self);
void             gmp_remote_worker_fail          (GmpRemoteWorker       *self,
                                                  GError                *error);
void             gmp_remote_worker_kill          (GmpRemoteWorker       *self);

G_END_DECLS
