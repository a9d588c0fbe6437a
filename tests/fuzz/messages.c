/* messages.c: fuzz target: messages of one end of a channel of D-Bus messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire.h"

#include "channel/gmp-inbox-private.h"
#include "peer/gmp-message-channel-private.h"

#include <unistd.h>

typedef struct {
  gboolean is_closed;
} Reader;

static gboolean
ready_cb (GmpInbox *inbox,
          gpointer  user_data)
{
  Reader *self = user_data;
  g_auto (GmpMail) mail = { 0, };
  GmpInboxStatus status = gmp_inbox_try_take (inbox, &mail);

  if (status == GMP_INBOX_CLOSED)
    fuzz_check_error (mail.error);
  else if (mail.payload != NULL)
    fuzz_use_value (mail.payload);
  self->is_closed |= status == GMP_INBOX_CLOSED;
  return status != GMP_INBOX_EMPTY;
}

/* The input, as of wire_send(): D-Bus messages. One of them closes the channel, or the end of
 * the input does. */
int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  GMainContext *context = g_main_context_new ();
  g_autoptr (GmpChannel) channel = NULL;
  g_autoptr (GSource) source = NULL;
  GmpInbox *inbox = gmp_inbox_new (NULL);
  Reader self = { FALSE };
  int other_end;
  int fd = wire_begin (&other_end);

  g_main_context_push_thread_default (context);
  channel = gmp_message_channel_new (other_end, NULL);
  gmp_inbox_add (inbox, "client", "native", channel);
  source = gmp_inbox_attach (inbox, G_PRIORITY_DEFAULT_IDLE, ready_cb, &self);
  wire_send (fd, &input);
  while (!self.is_closed)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (source);
  gmp_inbox_free (inbox);
  g_clear_object (&channel);
  close (fd);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return 0;
}
