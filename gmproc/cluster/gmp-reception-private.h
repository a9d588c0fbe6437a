/* gmp-reception-private.h: invites agents, and lets in those that were invited
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "cluster/gmp-agent-proxy-private.h"

G_BEGIN_DECLS

typedef struct _GmpReception GmpReception;

/* The port is open, and these are the commands that start agents; or it is not, by @error. */
typedef void (*GmpReceptionOpened)  (GPtrArray           *commands,
                                     const GError        *error,
                                     gpointer             user_data);

/* An agent has connected. */
typedef void (*GmpReceptionArrived) (GmpBus              *bus,
                                     const GmpAgentHello *hello,
                                     gpointer             user_data);

/* A command has ended, of whose agents @n_missing have not come, and will not, unless @others
 * (nullable) do what it did. */
typedef void (*GmpReceptionEnded)   (const char          *description,
                                     guint                n_missing,
                                     GPtrArray           *others,
                                     gpointer             user_data);

/* All of it in the thread of gmp_bus_get_context(), but gmp_reception_introduce() and
 * gmp_reception_serve(), in any thread, once an agent has arrived. */
GmpReception *gmp_reception_new         (const char         *launcher,
                                         GmpReceptionOpened  opened,
                                         GmpReceptionArrived arrived,
                                         GmpReceptionEnded   ended,
                                         gpointer            user_data);
double        gmp_reception_get_timeout (void);
void          gmp_reception_open        (GmpReception       *self);
char         *gmp_reception_list_missing (GmpReception      *self);
void          gmp_reception_invite      (GmpReception       *self,
                                         GPtrArray          *commands);
void          gmp_reception_introduce   (GmpReception       *self,
                                         guint16             port,
                                         const char * const *addresses,
                                         GVariant          **client,
                                         GVariant          **server);
GVariant     *gmp_reception_serve       (GmpReception       *self,
                                         const char         *name,
                                         int                 fd);
void          gmp_reception_close       (GmpReception       *self,
                                         gboolean            by_force);

G_END_DECLS
