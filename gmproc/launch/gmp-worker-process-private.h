/* gmp-worker-process-private.h: a worker's process: its start, its output, its end
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-launcher-private.h"
#include "launch/gmp-line-reader-private.h"
#include "launch/gmp-process-spec-private.h"

G_BEGIN_DECLS

typedef struct _GmpWorkerProcess GmpWorkerProcess;

/* A line of the process's output. */
typedef void (*GmpWorkerLine)  (GmpOutputStream stream,
                                const char     *line,
                                gpointer        user_data);

/* The process has ended, or gmp_worker_process_unwatch() was called: once for each watch. */
typedef void (*GmpWorkerEnded) (gpointer        user_data);

GmpWorkerProcess *gmp_worker_process_new             (GmpLauncher          *launcher,
                                                      const GmpProcessSpec *spec,
                                                      int                  *control_fd,
                                                      GError              **error);
GmpWorkerProcess *gmp_worker_process_new_remote      (GmpProcess           *process,
                                                      GmpOptions           *options,
                                                      GmpLineReader        *out,
                                                      GmpLineReader        *err);
void              gmp_worker_process_free            (GmpWorkerProcess *self);
void              gmp_worker_process_watch           (GmpWorkerProcess *self,
                                                      GmpWorkerLine     line,
                                                      GmpWorkerEnded    ended,
                                                      gpointer          user_data);
void              gmp_worker_process_unwatch         (GmpWorkerProcess *self);
void              gmp_worker_process_pause_output    (GmpWorkerProcess *self);
void              gmp_worker_process_resume_output   (GmpWorkerProcess *self);
void              gmp_worker_process_end             (GmpWorkerProcess *self,
                                                      double            grace);
void              gmp_worker_process_kill            (GmpWorkerProcess *self);
void              gmp_worker_process_send_signal     (GmpWorkerProcess *self,
                                                      int               signum);
void              gmp_worker_process_set_options     (GmpWorkerProcess *self,
                                                      GmpOptions       *options);
void              gmp_worker_process_end_sync        (GmpWorkerProcess *self);
void              gmp_worker_process_abandon         (GmpWorkerProcess *self);
int               gmp_worker_process_get_pid         (GmpWorkerProcess *self);
gboolean          gmp_worker_process_is_watched      (GmpWorkerProcess *self);
gboolean          gmp_worker_process_has_ended       (GmpWorkerProcess *self);
gboolean          gmp_worker_process_was_forced      (GmpWorkerProcess *self);
gboolean          gmp_worker_process_was_signalled   (GmpWorkerProcess *self);
int               gmp_worker_process_get_wait_status (GmpWorkerProcess *self);
GmpProcessUsage   gmp_worker_process_get_usage       (GmpWorkerProcess *self);
const GQueue     *gmp_worker_process_get_tail        (GmpWorkerProcess *self);
const char       *gmp_worker_process_get_node        (GmpWorkerProcess *self);
const GError     *gmp_worker_process_get_loss        (GmpWorkerProcess *self);

G_END_DECLS
