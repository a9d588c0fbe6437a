/* gmp-inbox-private.h: waits for the next message of any of several channels
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-channel-private.h"

G_BEGIN_DECLS

/* A server has one with a channel for each client; a client has one with a single channel. It is
 * used in one thread. Other threads may add channels, report the end of peers, post, ring, and list
 * the peers. */
typedef struct _GmpInbox GmpInbox;

typedef enum {
  GMP_INBOX_EMPTY,   /* nothing now; only from gmp_inbox_try_take() */
  GMP_INBOX_PAYLOAD, /* a payload from one channel */
  GMP_INBOX_CLOSED,  /* one channel has ended permanently; the error is the reason */
  GMP_INBOX_LEFT,    /* a peer has ended and is restarted; the error is the reason for its end */
  GMP_INBOX_RENEWED, /* a restarted peer has its new channel */
  GMP_INBOX_LATE,    /* a peer exceeds its time; reported once */
  GMP_INBOX_REFUSED, /* a value cannot be sent after all, for the reason in the error */
  GMP_INBOX_POSTED,  /* something of gmp_inbox_post() was sent */
  GMP_INBOX_STOPPED, /* asked to stop; only from gmp_inbox_take(), as the next two */
  GMP_INBOX_INTERRUPTED, /* a signal handler failed, or this process cannot wait; with the error */
  GMP_INBOX_TIMED_OUT
} GmpInboxStatus;

/* Defines when a peer counts as gone after its channel has closed: at once, or when the application
 * reports its state. The peer may be restarted, and the application knows the reason of a failure.
 * A peer that has finished sends G_IO_ERROR_CLOSED or GMP_ERROR_SERVER_DONE. */
typedef enum {
  GMP_INBOX_TRUSTS_ALL,      /* a channel that closes has ended */
  GMP_INBOX_TRUSTS_LIVING,   /* unless its peer is lost, which is GMP_ERROR_DISCONNECTED */
  GMP_INBOX_TRUSTS_FINISHED, /* unless its peer has failed */
  GMP_INBOX_TRUSTS_NONE
} GmpInboxTrust;

/* A received message or event; cleared by gmp_mail_clear(). */
typedef struct {
  GmpChannel *channel; /* (nullable): the inbox's own until the next is taken, as is @id */
  const char *id;      /* of the peer at the channel's other end */
  GVariant   *payload; /* (nullable) */
  GError     *error;   /* of a peer that has ended, or of a signal's handler */
} GmpMail;

/* Takes at most one message, and returns TRUE if there may be more. */
typedef gboolean (*GmpInboxFunc) (GmpInbox *inbox,
                                  gpointer  user_data);

/* No message has come for a while. */
typedef void (*GmpInboxSilent) (gpointer user_data);

GmpInbox      *gmp_inbox_new           (GError      **error);
void           gmp_inbox_free          (GmpInbox *self);
gboolean       gmp_inbox_is_inherited  (GmpInbox *self);
void           gmp_inbox_add           (GmpInbox     *self,
                                        const char   *id,
                                        const char   *runtime,
                                        GmpChannel   *channel);
void           gmp_inbox_peer_ended    (GmpInbox     *self,
                                        const char   *id,
                                        const GError *reason,
                                        gboolean      returns);
void           gmp_inbox_set_trust     (GmpInbox     *self,
                                        GmpInboxTrust trust);
void           gmp_inbox_set_timeout   (GmpInbox     *self,
                                        double        seconds,
                                        int           application);
double         gmp_inbox_get_timeout   (GmpInbox *self);
void           gmp_inbox_set_turn_timeout (GmpInbox  *self,
                                           double     seconds);
void           gmp_inbox_set_gathers   (GmpInbox     *self);
double         gmp_inbox_get_turn_timeout (GmpInbox  *self);
gint64         gmp_inbox_get_turn_deadline (GmpInbox *self);
void           gmp_inbox_set_deadline  (GmpInbox     *self,
                                        gint64        deadline);
void           gmp_inbox_set_value_limit (GmpInbox   *self,
                                          guint64     limit);
void           gmp_inbox_set_later     (GmpInbox     *self);
guint          gmp_inbox_get_n_open    (GmpInbox *self);
GmpChannel    *gmp_inbox_get_first     (GmpInbox *self);
const char    *gmp_inbox_get_runtime   (GmpInbox     *self,
                                        const char   *id);
void           gmp_inbox_set_stop      (GmpInbox     *self,
                                        GCancellable *stop);
GmpInboxStatus gmp_inbox_try_take      (GmpInbox     *self,
                                        GmpMail      *mail);
GmpInboxStatus gmp_inbox_look          (GmpInbox     *self,
                                        GmpMail      *mail);
void           gmp_inbox_slept         (GmpInbox     *self,
                                        gint64        duration);
GmpInboxStatus gmp_inbox_take          (GmpInbox     *self,
                                        GmpMail      *mail);
gboolean       gmp_inbox_post          (GmpInbox     *self,
                                        GmpChannel   *channel,
                                        GVariant     *payload,
                                        const GError *reason,
                                        GError      **error);
gboolean       gmp_inbox_has_unsent    (GmpInbox *self);
gboolean       gmp_inbox_flush         (GmpInbox     *self,
                                        GError      **error);
void           gmp_inbox_close_all     (GmpInbox     *self,
                                        const GError *reason);
void           gmp_inbox_ring          (GmpInbox *self);
GSource       *gmp_inbox_attach        (GmpInbox     *self,
                                        int           priority,
                                        GmpInboxFunc  ready,
                                        gpointer      user_data);
void           gmp_mail_clear          (GmpMail      *mail);

/* For callers that wait in another way than gmp_inbox_take(). */

/* Milliseconds without a message after which memory is returned, once. */
#define GMP_INBOX_SILENCE 2000

gboolean       gmp_inbox_begin_sleep   (GmpInbox *self);
void           gmp_inbox_end_sleep     (GmpInbox *self);
void           gmp_inbox_trim          (GmpInbox *self);
void           gmp_inbox_set_silent    (GmpInbox       *self,
                                        GmpInboxSilent  silent,
                                        gpointer        user_data);
GmpDoorbell   *gmp_inbox_get_doorbell  (GmpInbox *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpInbox, gmp_inbox_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GmpMail, gmp_mail_clear)

G_END_DECLS
