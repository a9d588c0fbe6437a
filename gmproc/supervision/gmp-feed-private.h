/* gmp-feed-private.h: a run that receives its work while it runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A run ends when no worker is left. A run with a feed stays open until the feed is closed: a
 * function of the owner adds its workers, and any thread can request a call of it. Only
 * gmp_feed_wake() may be called outside the thread of the run. */
typedef struct _GmpFeed GmpFeed;

typedef void (*GmpFeedFunc) (gpointer user_data);

GmpFeed *gmp_feed_new           (void);
void     gmp_feed_free          (GmpFeed       *self);
void     gmp_feed_open          (GmpFeed       *self,
                                 guint          n_workers,
                                 GmpFeedFunc    add,
                                 gpointer       user_data,
                                 GDestroyNotify destroy);
void     gmp_feed_begin         (GmpFeed       *self,
                                 int            priority,
                                 GSourceFunc    called,
                                 gpointer       user_data);
void     gmp_feed_wake          (GmpFeed       *self);
void     gmp_feed_call          (GmpFeed       *self);
void     gmp_feed_close         (GmpFeed       *self);
gboolean gmp_feed_is_open       (GmpFeed       *self);
guint    gmp_feed_get_n_workers (GmpFeed       *self);

G_END_DECLS
