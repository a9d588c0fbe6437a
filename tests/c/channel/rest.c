/* rest.c: an inbox with many channels, of which silent ones are not polled
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-pair.h"

#include "base/gmp-error.h"
#include "channel/gmp-inbox-private.h"

#define N_CLIENTS 20
#define SILENT    0 /* the client whose channel rests */
#define BUSY      (N_CLIENTS - 1)

typedef struct {
  GmpInbox *inbox;
  TestPair pairs[N_CLIENTS];
} Server;

static void
add (Server   *self,
     guint     i,
     TestPair *pair)
{
  g_autofree char *id = g_strdup_printf ("%u", i);

  test_pair_init (pair, 0);
  gmp_inbox_add (self->inbox, id, "native", pair->server);
}

static void
take (Server         *self,
      guint           i,
      GmpInboxStatus  wanted,
      GmpMail        *mail)
{
  g_autofree char *id = g_strdup_printf ("%u", i);

  g_assert_cmpint (gmp_inbox_take (self->inbox, mail), ==, wanted);
  g_assert_cmpstr (mail->id, ==, id);
}

static void
ask (Server *self,
     guint   i)
{
  g_autoptr (GVariant) request = g_variant_ref_sink (g_variant_new_uint32 (i));

  test_pair_send (&self->pairs[i], request);
}

static void
answer (Server  *self,
        guint    i,
        GmpMail *mail)
{
  GVariant *response = NULL;

  g_assert_cmpuint (g_variant_get_uint32 (mail->payload), ==, i);
  g_assert_true (gmp_channel_send (mail->channel, mail->payload, NULL));
  g_assert_cmpint (gmp_channel_receive (self->pairs[i].client, &response, NULL), ==,
                   GMP_CHANNEL_PAYLOAD);
  g_assert_cmpuint (g_variant_get_uint32 (response), ==, i);
  g_variant_unref (response);
}

static void
exchange (Server *self,
          guint   i)
{
  g_auto (GmpMail) mail = { 0, };

  ask (self, i);
  take (self, i, GMP_INBOX_PAYLOAD, &mail);
  answer (self, i, &mail);
}

/* While the server does not sleep, only a channel that rests asks its peer to ring. */
static _Atomic guint32 *
get_flag (Server *self)
{
  return &self->pairs[SILENT].memory->header->rings[GMP_END_CLIENT].reader_sleeps;
}

static void
let_rest (Server *self)
{
  while (atomic_load (get_flag (self)) == 0)
    for (guint i = 0; i < N_CLIENTS; i++)
      if (i != SILENT)
        exchange (self, i);
}

static void
server_init (Server *self)
{
  g_autoptr (GError) error = NULL;

  self->inbox = gmp_inbox_new (&error);
  g_assert_no_error (error);
  gmp_inbox_set_trust (self->inbox, GMP_INBOX_TRUSTS_ALL);
  for (guint i = 0; i < N_CLIENTS; i++)
    add (self, i, &self->pairs[i]);
  for (guint i = 0; i < N_CLIENTS; i++)
    exchange (self, i);
}

static void
server_clear (Server *self)
{
  gmp_inbox_free (self->inbox);
  for (guint i = 0; i < N_CLIENTS; i++)
    test_pair_clear (&self->pairs[i]);
}

/* A message wakes a server that sleeps, and the channel is polled again. */
static void
test_asleep (void)
{
  Server server;

  server_init (&server);
  for (guint i = 0; i < 2; i++)
    {
      let_rest (&server);
      exchange (&server, SILENT);
      g_assert_cmpuint (atomic_load (get_flag (&server)), ==, 0);
      exchange (&server, SILENT);
    }
  server_clear (&server);
}

/* A server that always has other messages sees it too. */
static void
test_busy (void)
{
  guint n_others = 0;
  gboolean is_seen = FALSE;
  Server server;

  server_init (&server);
  let_rest (&server);
  ask (&server, SILENT);
  while (!is_seen)
    {
      g_auto (GmpMail) mail = { 0, };

      ask (&server, BUSY);
      g_assert_cmpint (gmp_inbox_take (server.inbox, &mail), ==, GMP_INBOX_PAYLOAD);
      is_seen = g_str_equal (mail.id, "0");
      answer (&server, is_seen ? SILENT : BUSY, &mail);
      n_others += is_seen ? 0 : 1;
    }
  g_assert_cmpuint (n_others, <, 1000);
  server_clear (&server);
}

static void
test_closed (void)
{
  g_autoptr (GError) reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_FAILED, "no more");
  g_auto (GmpMail) mail = { 0, };
  Server server;

  server_init (&server);
  let_rest (&server);
  gmp_channel_close (server.pairs[SILENT].client, reason);
  take (&server, SILENT, GMP_INBOX_CLOSED, &mail);
  g_assert_error (mail.error, GMP_ERROR, GMP_ERROR_FAILED);
  exchange (&server, BUSY);
  server_clear (&server);
}

static void
test_lost (void)
{
  g_auto (GmpMail) mail = { 0, };
  Server server;

  server_init (&server);
  let_rest (&server);
  g_clear_object (&server.pairs[SILENT].client);
  take (&server, SILENT, GMP_INBOX_CLOSED, &mail);
  g_assert_error (mail.error, GMP_ERROR, GMP_ERROR_DISCONNECTED);
  exchange (&server, BUSY);
  server_clear (&server);
}

/* A response that comes later and does not fit into the ring is sent to the end. */
static void
test_room (void)
{
  g_autoptr (GVariant) response = test_new_bytes (MIB, 1);
  g_autoptr (GVariant) received = NULL;
  g_auto (GmpMail) mail = { 0, };
  GmpChannelStatus status = GMP_CHANNEL_EMPTY;
  Server server;

  server_init (&server);
  ask (&server, SILENT);
  take (&server, SILENT, GMP_INBOX_PAYLOAD, &mail);
  let_rest (&server);
  g_assert_true (gmp_channel_send (server.pairs[SILENT].server, response, NULL));
  g_assert_true (gmp_channel_has_unsent (server.pairs[SILENT].server));
  while (status == GMP_CHANNEL_EMPTY)
    {
      status = gmp_channel_receive (server.pairs[SILENT].client, &received, NULL);
      exchange (&server, BUSY);
    }
  g_assert_cmpint (status, ==, GMP_CHANNEL_PAYLOAD);
  g_assert_true (gmp_test_is_same (received, response));
  server_clear (&server);
}

/* A client that prevents its ring harms no other client, and its end is noticed. */
static void
test_hostile (void)
{
  g_auto (GmpMail) mail = { 0, };
  Server server;

  server_init (&server);
  let_rest (&server);
  atomic_store (get_flag (&server), 0);
  ask (&server, SILENT);
  for (guint i = 1; i < N_CLIENTS; i++)
    exchange (&server, i);
  g_clear_object (&server.pairs[SILENT].client);
  take (&server, SILENT, GMP_INBOX_PAYLOAD, &mail);
  gmp_mail_clear (&mail);
  take (&server, SILENT, GMP_INBOX_CLOSED, &mail);
  server_clear (&server);
}

/* A restarted client has another channel; rings of the old one are ignored. */
static void
test_renewed (void)
{
  g_autoptr (GError) reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_CRASHED, "gone");
  g_auto (GmpMail) mail = { 0, };
  TestPair old;
  Server server;

  server_init (&server);
  let_rest (&server);
  gmp_inbox_peer_ended (server.inbox, "0", reason, TRUE);
  take (&server, SILENT, GMP_INBOX_LEFT, &mail);
  gmp_mail_clear (&mail);
  old = server.pairs[SILENT];
  add (&server, SILENT, &server.pairs[SILENT]);
  take (&server, SILENT, GMP_INBOX_RENEWED, &mail);
  g_clear_object (&old.client);
  exchange (&server, SILENT);
  let_rest (&server);
  exchange (&server, SILENT);
  test_pair_clear (&old);
  server_clear (&server);
}

/* A late client is reported although its channel rests. */
static void
test_late (void)
{
  g_auto (GmpMail) mail = { 0, };
  Server server;

  server_init (&server);
  gmp_inbox_set_turn_timeout (server.inbox, 1.5);
  exchange (&server, SILENT);
  let_rest (&server);
  while (mail.id == NULL)
    {
      ask (&server, BUSY);
      if (gmp_inbox_take (server.inbox, &mail) == GMP_INBOX_LATE)
        break;
      answer (&server, BUSY, &mail);
      gmp_mail_clear (&mail);
      mail.id = NULL;
    }
  g_assert_cmpstr (mail.id, ==, "0");
  server_clear (&server);
}

/* A client fails in the moment in which it would be late, and its channel rests. The application
 * has not told yet what becomes of it. */
static void
test_late_and_failed (void)
{
  g_autoptr (GError) reason = g_error_new_literal (GMP_ERROR, GMP_ERROR_FAILED, "no more");
  g_auto (GmpMail) mail = { 0, };
  gint64 deadline;
  Server server;

  server_init (&server);
  gmp_inbox_set_trust (server.inbox, GMP_INBOX_TRUSTS_NONE);
  gmp_inbox_set_turn_timeout (server.inbox, 3);
  exchange (&server, SILENT);
  deadline = gmp_inbox_get_turn_deadline (server.inbox);
  let_rest (&server);
  gmp_channel_close (server.pairs[SILENT].client, reason);
  while (g_get_monotonic_time () < deadline)
    ;
  g_assert_cmpint (gmp_inbox_try_take (server.inbox, &mail), ==, GMP_INBOX_EMPTY);
  g_assert_false (gmp_inbox_has_unsent (server.inbox));
  gmp_inbox_peer_ended (server.inbox, "0", reason, FALSE);
  take (&server, SILENT, GMP_INBOX_CLOSED, &mail);
  server_clear (&server);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);
  g_test_add_func ("/rest/asleep", test_asleep);
  g_test_add_func ("/rest/busy", test_busy);
  g_test_add_func ("/rest/closed", test_closed);
  g_test_add_func ("/rest/lost", test_lost);
  g_test_add_func ("/rest/room", test_room);
  g_test_add_func ("/rest/hostile", test_hostile);
  g_test_add_func ("/rest/renewed", test_renewed);
  g_test_add_func ("/rest/late", test_late);
  g_test_add_func ("/rest/late-and-failed", test_late_and_failed);
  return g_test_run ();
}
