/* gmp-worker-skeleton-private.h: receives the application's calls while user code runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-job-spec-private.h"
#include "channel/gmp-inbox-private.h"
#include "worker/gmp-worker-private.h"

G_BEGIN_DECLS

/* One run: the application's request, and the objects that end it. */
typedef struct {
  GmpJobSpec spec;
  GVariant *options;         /* a{sv} */
  GmpInbox *inbox;           /* owned by the control */
  GCancellable *stop;        /* ends the life cycle at its next turn */
  GCancellable *cancellable; /* the result is no longer wanted; stop is cancelled with it */
  GDBusMessage *call;
  gboolean has_turns;        /* the turns that it has reported */
} GmpJob;

typedef struct _GmpWorkerSkeleton GmpWorkerSkeleton;

GmpWorkerSkeleton *gmp_worker_skeleton_new             (int      fd,
                                                        GError **error);
gboolean           gmp_worker_skeleton_rehearse        (GError **error);
GmpJob            *gmp_worker_skeleton_take_job        (GmpWorkerSkeleton *self);
GCancellable      *gmp_worker_skeleton_get_cancellable (GmpWorkerSkeleton *self);
int                gmp_worker_skeleton_get_application (GmpWorkerSkeleton *self);
gboolean           gmp_worker_skeleton_has_socket      (GmpWorkerSkeleton *self);
gboolean           gmp_worker_skeleton_has_last        (GmpWorkerSkeleton *self);
void               gmp_worker_skeleton_loaded          (GmpWorkerSkeleton  *self,
                                                        const char * const *names);
void               gmp_worker_skeleton_ready           (GmpWorkerSkeleton *self);
gboolean           gmp_worker_skeleton_finish_job      (GmpWorkerSkeleton *self,
                                                        GmpJob            *job,
                                                        GVariant          *result,
                                                        GError            *failure,
                                                        GError           **error);
gboolean           gmp_worker_skeleton_report          (GmpWorkerSkeleton *self,
                                                        GmpReport          kind,
                                                        GVariant          *value,
                                                        GError           **error);
gboolean           gmp_worker_skeleton_log             (GmpWorkerSkeleton *self,
                                                        const char        *domain,
                                                        guint              level,
                                                        const char        *message);

G_END_DECLS
