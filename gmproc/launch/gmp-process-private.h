/* gmp-process-private.h: a process that a launcher started
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-reaper-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The resources that a process has used, including those of children that it has waited for. */
typedef struct {
  guint64 peak_memory; /* in bytes */
  double  cpu_time;    /* of all threads, in seconds */
  gboolean out_of_memory; /* reported by another machine: the kernel has killed it for that */
} GmpProcessUsage;

/* get_pid:     for messages to people; another process may have it once this was waited for. 0
 *              where it is not known yet.
 * send_signal: does nothing when the process has ended.
 * get_node:    the name of the machine that it is on; by default NULL, this one.
 * take_line:   a line of its output was reported, so that another one may come; by default nothing.
 *
 * The code that watches the process reports its end with gmp_process_set_ended(). */

#define GMP_TYPE_PROCESS (gmp_process_get_type ())
G_DECLARE_DERIVABLE_TYPE (GmpProcess, gmp_process, GMP, PROCESS, GObject)

struct _GmpProcessClass
{
  GObjectClass parent_class;

  int  (*get_pid)     (GmpProcess *self);
  void (*send_signal) (GmpProcess *self,
                       int         signum);
  const char *(*get_node) (GmpProcess *self);
  void (*take_line)   (GmpProcess *self);
};

gboolean        gmp_process_is_foreign    (GmpProcess *self);
int             gmp_process_get_pid       (GmpProcess *self);
void            gmp_process_send_signal   (GmpProcess *self,
                                           int         signum);
void            gmp_process_wait_async    (GmpProcess         *self,
                                           int                 priority,
                                           GAsyncReadyCallback callback,
                                           gpointer            user_data);
void            gmp_process_unwait        (GmpProcess         *self);
gboolean        gmp_process_wait_finish   (GmpProcess   *self,
                                           GAsyncResult *result,
                                           int          *wait_status,
                                           GError      **error);
GmpProcessUsage gmp_process_get_usage     (GmpProcess *self);
void            gmp_process_end_sync      (GmpProcess *self,
                                           guint       limit);
void            gmp_process_expect_end    (GmpProcess *self);
void            gmp_process_end_later     (GmpProcess *self,
                                           guint       limit);
gboolean        gmp_process_has_ended     (GmpProcess *self);
void            gmp_process_set_ended     (GmpProcess     *self,
                                           int             wait_status,
                                           GmpProcessUsage usage);
void            gmp_process_set_lost      (GmpProcess *self,
                                           GError     *reason);
const GError   *gmp_process_get_loss      (GmpProcess *self);
const char     *gmp_process_get_node      (GmpProcess *self);
void            gmp_process_take_line     (GmpProcess *self);
gboolean        gmp_process_is_settling   (void);
void            gmp_process_settle        (guint limit);
void            gmp_process_settle_async  (guint               limit,
                                           int                 priority,
                                           GAsyncReadyCallback callback,
                                           gpointer            user_data);
void            gmp_process_settle_finish (GAsyncResult *result);

G_END_DECLS
