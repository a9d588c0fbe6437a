/* gmp-channel-descriptors-private.h: one end of a channel before it is opened
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"

#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* The kind of a channel, and the descriptors of one end. The application creates both ends and
 * passes each to the worker that opens it. */
typedef struct _GmpChannelDescriptors GmpChannelDescriptors;

gboolean    gmp_channel_descriptors_new_pair (guint64                 arena_size,
                                              guint                   n_workers,
                                              GmpChannelDescriptors **client,
                                              GmpChannelDescriptors **server,
                                              GError                **error);
void        gmp_channel_descriptors_new_elsewhere (guint64                 arena_size,
                                                   guint                   n_workers,
                                                   GVariant               *client_remote,
                                                   GVariant               *server_remote,
                                                   GmpChannelDescriptors **client,
                                                   GmpChannelDescriptors **server);
gboolean    gmp_channel_descriptors_new_served (GmpChannelDescriptors **client,
                                                GmpChannelDescriptors **server,
                                                GError                **error);
int         gmp_channel_descriptors_steal_served (GmpChannelDescriptors *self,
                                                  const char           **name);
void        gmp_channel_descriptors_introduce (GmpChannelDescriptors *self,
                                               GVariant              *remote);
GmpChannelDescriptors *gmp_channel_descriptors_new_net (int     *other,
                                                        GError **error);
GVariant   *gmp_channel_descriptors_describe (GmpChannelDescriptors *self);
void        gmp_channel_descriptors_free     (GmpChannelDescriptors *self);
GmpChannel *gmp_channel_descriptors_open     (GmpChannelDescriptors *self,
                                              GError               **error);

/* As handles in a D-Bus message. */
const char            *gmp_channel_descriptors_get_kind    (GmpChannelDescriptors *self);
GVariant              *gmp_channel_descriptors_to_handles  (GmpChannelDescriptors *self,
                                                            GUnixFDList           *handles,
                                                            GError               **error);
GmpChannelDescriptors *gmp_channel_descriptors_new_handles (const char  *kind,
                                                            GVariant    *positions,
                                                            GUnixFDList *handles,
                                                            GError     **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpChannelDescriptors, gmp_channel_descriptors_free)

G_END_DECLS
