/* gmp-backlog-private.h: what a worker has signalled and nobody has looked at yet
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* GDBus takes in whatever comes, and keeps signals until the main loop has time for them. Where
 * that is not soon the worker is told to hold, and one that does not listen has its run ended. */
typedef struct _GmpBacklog GmpBacklog;

GmpBacklog *gmp_backlog_new   (void);
GmpBacklog *gmp_backlog_ref   (GmpBacklog      *self);
void        gmp_backlog_unref (GmpBacklog      *self);

/* Counts from here on, or not. */
void        gmp_backlog_set_counting (GmpBacklog      *self,
                                      GDBusConnection *connection,
                                      gboolean         is_counting);

/* A signal with the body @body (nullable) has come, in any thread; or was looked at. */
gboolean    gmp_backlog_add   (GmpBacklog      *self,
                               GDBusConnection *connection,
                               GVariant        *body,
                               GError         **error);
void        gmp_backlog_take  (GmpBacklog      *self,
                               GDBusConnection *connection,
                               GVariant        *body);

G_END_DECLS
