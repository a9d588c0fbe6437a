/* gmp-call-protocol-private.h: what a pool and its workers send each other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"

G_BEGIN_DECLS

/* The tags of what goes over a channel between a pool and one of its workers.
 *
 * A worker executes its calls one after the other, in the order in which they were sent, and
 * answers each with a result or an error. So no message has a number. Several calls may be sent
 * ahead. */
typedef enum {
  GMP_CALL_TARGET = 1, /* to the worker: a string, the target of the calls that follow */
  GMP_CALL_SETUP,      /* to the worker, once: what it calls first, if it was told a target */
  GMP_CALL_PARAMS,     /* to the worker: a call, with its parameters */
  GMP_CALL_RESUME,     /* to the worker: calls before this are withdrawn, unless they have begun */
  GMP_CALL_READY,      /* from the worker: it takes calls; its pid as a uint32 */
  GMP_CALL_RESULT,     /* from the worker: what a call has returned */
  GMP_CALL_ERROR       /* from the worker: (sis), the domain, code and text of a call's error */
} GmpCallTag;

/* The mark of such a channel says which calls have begun, and settles who has a call where the pool
 * withdraws it just when the worker would begin it. The lower half is the number of calls that the
 * worker has begun, and the upper half how often the pool has withdrawn calls. The worker begins a
 * call by raising the lower half, which fails where the upper half is not what it expects: the pool
 * has withdrawn the call, and the worker skips calls until the next GMP_CALL_RESUME. */

gboolean  gmp_call_mark_begin    (GmpMark *mark,
                                  guint32  n_withdrawn,
                                  guint32  n_begun);
guint32   gmp_call_mark_withdraw (GmpMark *mark);
guint32   gmp_call_mark_n_begun  (GmpMark *mark);

GVariant *gmp_call_error_pack    (const GError *error);
GError   *gmp_call_error_unpack  (GVariant     *packed);

G_END_DECLS
