/* gmp-worker-skeleton-core-private.h: declarations that the sources of GmpWorkerSkeleton share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "host/gmp-worker-skeleton-private.h"
#include "peer/gmp-message-stream-private.h"

#include <sys/types.h>

G_BEGIN_DECLS

/* The main thread belongs to user code, which may block for any time. The control thread reads the
 * application's calls and never runs user code. Each thread writes its own replies and signals.
 *
 * A run goes from handle_run() in the control thread, over the queue, to
 * gmp_worker_skeleton_take_job() in the main thread, and ends with
 * gmp_worker_skeleton_finish_job(). */
struct _GmpWorkerSkeleton
{
  GMainContext *context;
  gboolean is_open;  /* of the control thread: the application is connected */
  GAsyncQueue *jobs; /* of GmpJob; &no_more_jobs when the application has disconnected */
  int fd;
  ino_t socket; /* the inode of @fd */
  pid_t pid;    /* the worker */

  GmpMessageStream *stream;
  GCancellable *cancellable; /* for all runs: a cancelled run is the process's last */

  GMutex reporting; /* held while a report is sent, so that it comes before its run's reply */
  GMutex lock;      /* not held while waiting */
  GmpJob *running;        /* (nullable): under lock */
  GmpInbox *inbox;        /* of the next or current run; under lock */
  gboolean inbox_is_used; /* by a run that has ended; under lock */
  gboolean has_last;      /* of the main thread: no run will follow */
};

G_END_DECLS
