/* gmp-worker-private.h: the interface between a worker and its host
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-inbox-private.h"
#include "worker/gmp-worker.h"

G_BEGIN_DECLS

typedef enum {
  GMP_REPORT_PROGRESS,
  GMP_REPORT_TURN, /* a turn's result */
  GMP_REPORT_LATE  /* the id of a client */
} GmpReport;

typedef gboolean (*GmpReportFunc) (GmpReport kind,
                                   GVariant *value,
                                   gpointer  user_data,
                                   GError  **error);

/* Called once in a worker process, before user code. */
void gmp_worker_set_application_runtime (const char *runtime);
void gmp_worker_set_process (GCancellable *cancellable,
                             GmpReportFunc report,
                             gpointer      user_data);

void gmp_worker_report_late (const char *client_id);
gboolean gmp_worker_is_repetition (GVariant *result);

/* Set while the life cycle runs. */
void      gmp_worker_set_inbox (GmpWorker *self,
                                GmpInbox  *inbox);
GmpInbox *gmp_worker_get_inbox (GmpWorker *self);

G_END_DECLS
