/* wire.h: the hostile end of a D-Bus connection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "fuzz.h"

G_BEGIN_DECLS

/* Creates a socketpair. Returns the hostile end, which the caller closes. */
int  wire_begin (int       *other_end);

/* Waits until a message from the other end has arrived. */
void wire_wait  (int        fd);

/* Sends the whole input, with a file if its first byte selects one, and then closes. */
void wire_send  (int        fd,
                 FuzzInput *input);

G_END_DECLS
