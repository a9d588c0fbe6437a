/* gmp-request-private.h: a client's request, to be answered now or later
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-inbox-private.h"
#include "worker/gmp-request.h"

G_BEGIN_DECLS

/* The requests of one server that wait for an answer: at most one for each client. The serving
 * thread owns this. Requests hold a reference, so they can be answered in any thread and after the
 * server's end. */
typedef struct _GmpRequests GmpRequests;

GmpRequests *gmp_requests_new       (GmpInbox *inbox);
void         gmp_requests_end       (GmpRequests *self);
GmpRequest  *gmp_requests_take      (GmpRequests *self,
                                     GmpMail     *mail);
void         gmp_requests_forget    (GmpRequests *self,
                                     const char  *client_id);
void         gmp_requests_set_serving (GmpRequests *self,
                                       gboolean     is_serving);
guint        gmp_requests_get_n     (GmpRequests *self);

GmpRequest  *gmp_request_new_failed   (const char   *client_id,
                                       const GError *error);
gboolean     gmp_request_is_waiting   (GmpRequest *self);
gboolean     gmp_request_respond_with (GmpRequest *self,
                                       GVariant   *response,
                                       GError     *failure,
                                       GError    **error);

G_END_DECLS
