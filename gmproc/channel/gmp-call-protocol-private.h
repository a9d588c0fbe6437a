/* gmp-call-protocol-private.h: messages between a pool and its workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"

G_BEGIN_DECLS

/* The tags of messages between a pool and one of its workers.
 *
 * A worker executes its calls one after the other, in the order in which they were sent, and
 * answers each with a result or an error. Messages therefore need no number. Several calls may be
 * sent ahead. */
typedef enum {
  GMP_CALL_TARGET = 1, /* to the worker: a string, the target of the calls that follow */
  GMP_CALL_SETUP,      /* to the worker, once: the initializer, if it has received a target */
  GMP_CALL_PARAMS,     /* to the worker: a call, with its parameters */
  GMP_CALL_RESUME,     /* to the worker: calls before this are withdrawn, unless they have begun */
  GMP_CALL_READY,      /* from the worker: it takes calls; its pid as a uint32 */
  GMP_CALL_RESULT,     /* from the worker: the result of a call */
  GMP_CALL_ERROR       /* from the worker: (sis), the domain, code and text of a call's error */
} GmpCallTag;

/* The mark of such a channel shows which calls have begun, and resolves the race between a pool
 * that withdraws a call and a worker that begins it. The lower half is the number of calls that the
 * worker has begun, and the upper half counts how often the pool has withdrawn calls. The worker
 * begins a call by raising the lower half. This fails if the upper half has changed: the pool has
 * withdrawn the call, and the worker skips calls until the next GMP_CALL_RESUME. */

gboolean  gmp_call_mark_begin    (GmpMark *mark,
                                  guint32  n_withdrawn,
                                  guint32  n_begun);
guint32   gmp_call_mark_withdraw (GmpMark *mark);
guint32   gmp_call_mark_n_begun  (GmpMark *mark);

GVariant *gmp_call_error_pack    (const GError *error);
GError   *gmp_call_error_unpack  (GVariant     *packed);

G_END_DECLS
