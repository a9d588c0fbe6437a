/* test-channel.h: waits for mail in the case's main context
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "peer/gmp-message-channel-private.h"

#include "channel/gmp-inbox-private.h"

G_BEGIN_DECLS

GmpInboxStatus test_take (GmpInbox *inbox,
                          GmpMail  *mail);

G_END_DECLS
