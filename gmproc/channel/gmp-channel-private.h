/* gmp-channel-private.h: requests and responses between one client and its server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-fork-private.h"
#include "channel/gmp-large-private.h"

G_BEGIN_DECLS

/* One end of a two-way pipe of payloads. The implementation decides how they are carried; a worker
 * never knows which one it has. No call waits; GmpInbox does that.
 *
 * send:        sends @payload (nullable, not floating) to the other end, with a @tag that the two
 *              ends agree on; clients and servers use 0. If there is no room, the channel keeps it
 *              and sends it during later calls of receive().
 * has_unsent:  TRUE if a payload is kept, or would be: the other end has not been reached yet.
 * receive:     the next payload, in order; its tag is then in the field. On GMP_CHANNEL_CLOSED,
 *              @error is the reason that the other end gave; without one, GMP_ERROR_DISCONNECTED.
 * close:       ends the channel in both directions, after the kept payloads. The other end's
 *              receive() reports @reason (nullable). The first close counts.
 * watch:       rings @doorbell, from any thread, whenever receive() has a new result; if there is a
 *              sleep(), only between that and wake().
 * sleep:       the receiver is about to wait for the doorbell. %TRUE if there is something to
 *              receive, or room to send, after all.
 * wake:        the receiver no longer waits.
 * trim:        the channel has been silent for a while: returns the memory that it can.
 * fail:        the other end has sent invalid data: closes the channel with @error, whose ownership
 *              is taken.
 * get_sender:  copies large values in another thread before they are sent; %NULL if there is no
 *              such sender.
 * get_mark:    a number that both ends may read and change, initially 0; %NULL if they share no
 *              memory. The ends define its meaning.
 *
 * value_limit is the largest size of a value in bytes, in both directions; 0 is no limit. send()
 * refuses a larger value, and receiving one ends the channel with GMP_ERROR_PROTOCOL.
 *
 * Requests and responses take turns. An end that sends again before it has read its answer violates
 * that, and its channel ends. If is_pipelined is set, there are no turns, and the two ends limit
 * the data in flight in another way.
 *
 * An end in a main loop has later: gmp_channel_receive() then returns GMP_CHANNEL_EMPTY while a
 * large value that was received or is to be sent is prepared in another thread, and that doorbell
 * rings afterwards. An implementation passes values that may be large to gmp_channel_take_value(),
 * and returns GMP_CHANNEL_EMPTY if large is set after it. If a value cannot be sent, or this
 * process cannot send anything, and send() has not said so, receive() returns GMP_CHANNEL_REFUSED
 * with the reason, once.
 *
 * The shared state belongs to the process that opened the channel. In a forked child, calls leave
 * it alone, and receive() reports that the channel has ended.
 *
 * key is set before watch(), which sets may_rest if the channel rings with that key. Such a channel
 * may be left between sleep() and wake() while its inbox polls others.
 *
 * n_workers is a hint: the number of workers that run together with this one; 0 if unknown.
 * has_woken is a hint too: the other end slept when something was sent; the waiting side clears
 * it. An end that gathers messages of several channels before it answers them has gathers set;
 * peer_gathers is what the other end had set when something was last sent to it. */

typedef enum {
  GMP_CHANNEL_EMPTY,
  GMP_CHANNEL_PAYLOAD,
  GMP_CHANNEL_REFUSED,
  GMP_CHANNEL_CLOSED
} GmpChannelStatus;

/* The error for a peer that violates the order of turns. */
#define GMP_CHANNEL_IMPATIENT "a message before the one that was sent to its peer had been read"

typedef _Atomic guint64 GmpMark;

#define GMP_TYPE_CHANNEL (gmp_channel_get_type ())
typedef struct _GmpChannel GmpChannel;
typedef struct _GmpChannelClass GmpChannelClass;

#define GMP_CHANNEL(object) (G_TYPE_CHECK_INSTANCE_CAST ((object), GMP_TYPE_CHANNEL, GmpChannel))
#define GMP_CHANNEL_CLASS(klass) \
  (G_TYPE_CHECK_CLASS_CAST ((klass), GMP_TYPE_CHANNEL, GmpChannelClass))

/* Not G_DECLARE_DERIVABLE_TYPE, because that hides the fields of the instance. */
struct _GmpChannel
{
  GObject parent_instance;

  guint generation; /* of the process that made it, by gmp_fork_get_generation() */
  GmpLarge *large;  /* (nullable): a value that is being prepared */
  GmpDoorbell *later; /* (nullable): rung when it is; set before anything is received */
  gboolean is_checked; /* gmp_value_check_sendable() has passed what is sent */
  guint64 value_limit;
  guint n_workers;
  gboolean has_woken;
  gboolean gathers;
  gboolean peer_gathers;
  gboolean is_timed;  /* keep answered_at */
  gint64 answered_at; /* in monotonic time: when something was sent, until the next message arrives;
                         or 0 */
  gboolean is_pipelined;
  gint64 cut_at; /* in monotonic time: if the other end is alive then, only the connection is lost;
                    or 0 */
  guint key; /* 0: none */
  gboolean may_rest;
  guint8 tag; /* of the last received payload */
};

struct _GmpChannelClass
{
  GObjectClass parent_class;

  gboolean         (*send)       (GmpChannel   *self,
                                  guint8        tag,
                                  GVariant     *payload,
                                  GError      **error);
  gboolean         (*has_unsent) (GmpChannel *self);
  GmpChannelStatus (*receive)    (GmpChannel   *self,
                                  GVariant    **payload,
                                  GError      **error);
  void             (*close)      (GmpChannel   *self,
                                  const GError *reason);
  void             (*watch)      (GmpChannel   *self,
                                  GmpDoorbell  *doorbell);
  gboolean         (*sleep)      (GmpChannel *self);
  void             (*wake)       (GmpChannel *self);
  void             (*trim)       (GmpChannel *self);
  void             (*fail)       (GmpChannel *self,
                                  GError     *error);
  GmpSender       *(*get_sender) (GmpChannel *self);
  GmpMark         *(*get_mark)   (GmpChannel *self);
};

GType gmp_channel_get_type (void) G_GNUC_CONST;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpChannel, g_object_unref)

static inline gboolean
gmp_channel_is_inherited (GmpChannel *self)
{
  return G_UNLIKELY (self->generation != gmp_fork_get_generation ());
}

gboolean         gmp_channel_send       (GmpChannel   *self,
                                         GVariant     *payload,
                                         GError      **error);
gboolean         gmp_channel_send_tagged (GmpChannel  *self,
                                          guint8       tag,
                                          GVariant    *payload,
                                          GError     **error);
gboolean         gmp_channel_has_unsent (GmpChannel *self);
GmpChannelStatus gmp_channel_receive    (GmpChannel   *self,
                                         GVariant    **payload,
                                         GError      **error);
GVariant        *gmp_channel_take_value (GmpChannel   *self,
                                         const char   *type,
                                         GBytes       *bytes,
                                         GmpNormalFormLook look,
                                         GError      **error);
void             gmp_channel_close      (GmpChannel   *self,
                                         const GError *reason);
void             gmp_channel_watch      (GmpChannel   *self,
                                         GmpDoorbell  *doorbell);
gboolean         gmp_channel_sleep      (GmpChannel *self);
void             gmp_channel_wake       (GmpChannel *self);
void             gmp_channel_trim       (GmpChannel *self);
GmpMark         *gmp_channel_get_mark   (GmpChannel *self);

G_END_DECLS
