/* test-channel.c: waits for mail in the case's main context
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-channel.h"

typedef struct {
  GmpInboxStatus status;
  GmpMail *mail;
} Wait;

static gboolean
ready_cb (GmpInbox *inbox,
          gpointer  user_data)
{
  Wait *wait = user_data;

  if (wait->status == GMP_INBOX_EMPTY)
    wait->status = gmp_inbox_try_take (inbox, wait->mail);
  return FALSE;
}

/* Channels connect in the main context, so gmp_inbox_take() would wait forever. */
GmpInboxStatus
test_take (GmpInbox *inbox,
           GmpMail  *mail)
{
  Wait wait = { GMP_INBOX_EMPTY, mail };
  GSource *source = gmp_inbox_attach (inbox, G_PRIORITY_DEFAULT_IDLE, ready_cb, &wait);

  while (wait.status == GMP_INBOX_EMPTY)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  g_source_destroy (source);
  g_source_unref (source);
  return wait.status;
}
