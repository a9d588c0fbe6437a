/* wire.h: the hostile end of a D-Bus connection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fuzz.h"

G_BEGIN_DECLS

/* Makes the connection's other end, which it takes over and which GDBus serves; returns the hostile
 * end, which has begun to authenticate, and is the caller's to close. */
int  wire_begin (int       *other_end);

/* Waits until a message has come from the other end. */
void wire_wait  (int        fd);

/* Sends all of an input, with a file if its first byte selects one, and then closes. */
void wire_send  (int        fd,
                 FuzzInput *input);

G_END_DECLS
