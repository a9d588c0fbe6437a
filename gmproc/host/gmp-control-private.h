/* gmp-control-private.h: hears the application while code of the user runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-inbox-private.h"

G_BEGIN_DECLS

/* One run: what the application asked for, and what it may want to end. */
typedef struct {
  char *role;
  char *id;
  char *target;
  GVariant *params;          /* (nullable) */
  GVariant *options;         /* a{sv} */
  GmpInbox *inbox;           /* owned by the control */
  GCancellable *stop;        /* ends the life cycle at its next turn */
  GCancellable *cancellable; /* nobody wants the result any more; stop is cancelled with it */
  GDBusMessage *call;
} GmpJob;

typedef struct _GmpControl GmpControl;

GmpControl   *gmp_control_new             (int          fd,
                                           GError     **error);
gboolean      gmp_control_rehearse        (GError     **error);
GmpJob       *gmp_control_take_job        (GmpControl  *self);
GCancellable *gmp_control_get_cancellable (GmpControl  *self);
gboolean      gmp_control_has_socket      (GmpControl  *self);
gboolean      gmp_control_has_last        (GmpControl  *self);
void          gmp_control_loaded          (GmpControl  *self,
                                           const char * const *names);
void          gmp_control_ready           (GmpControl  *self);
void          gmp_control_finish_job      (GmpControl  *self,
                                           GmpJob      *job,
                                           GVariant    *result,
                                           GError      *error);
gboolean      gmp_control_report          (GmpControl  *self,
                                           GVariant    *value,
                                           GError     **error);
gboolean      gmp_control_log             (GmpControl  *self,
                                           const char  *domain,
                                           guint        level,
                                           const char  *message);

G_END_DECLS
