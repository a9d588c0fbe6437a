/* gmp-channel-private.h: requests and responses between one client and its server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-fork-private.h"
#include "channel/gmp-doorbell-private.h"

G_BEGIN_DECLS

/* One end of a two-way pipe of payloads. What carries them is the implementation's business: a
 * worker never knows which one it has. No call waits; GmpInbox does that.
 *
 * send:        sends @payload (nullable, not floating) to the other end, with a @tag that the two
 *              ends agree on; clients and servers use none, 0. Where there is no room for it the
 *              channel keeps it, and sends it while receive() is called for what comes.
 * has_unsent:  whether something of that is kept.
 * receive:     the next payload, in order; its tag is then in the field. On GMP_CHANNEL_CLOSED,
 *              @error is the reason that the other end gave; without one, GMP_ERROR_DISCONNECTED.
 * close:       ends the channel in both directions, after what is kept, @reason (nullable) being
 *              what the other end's receive() reports. The first close counts.
 * watch:       @doorbell is rung, from any thread, whenever receive() has something new to say; for
 *              what has a sleep(), only between that and wake().
 * sleep:       whoever receives is about to wait for the doorbell. %TRUE where there is something
 *              to receive, or room to send, after all.
 * wake:        it does not wait any more.
 * trim:        nothing was said for a while: gives back what memory it can.
 * get_mark:    a number that both ends may read and change, 0 at first; %NULL where they share no
 *              memory. What it means is theirs to say.
 *
 * value_limit is how many bytes a value may have, in both directions; 0 is no limit. What is bigger
 * is refused by send(), and when it comes it is nonsense, as a closing with GMP_ERROR_PROTOCOL.
 *
 * Requests and responses take turns, so who sends again before it has read what it was sent is sent
 * no more: its channel ends. Where is_pipelined is set no turns are kept, and the two ends have
 * another rule for how much may be under way.
 *
 * What both ends share belongs to the process that opened the channel. In one that was forked from
 * it, calls leave all of that alone, and receive() reports that nothing more comes.
 *
 * n_workers is a hint: how many workers run together with this one; 0 where that is not known.
 * has_woken is one, too: the other end slept when something was sent; whoever waits clears it. */

typedef enum {
  GMP_CHANNEL_EMPTY,
  GMP_CHANNEL_PAYLOAD,
  GMP_CHANNEL_CLOSED
} GmpChannelStatus;

/* What is said of a peer that does not keep to the turns. */
#define GMP_CHANNEL_IMPATIENT "a message before the one that was sent to its peer had been read"

typedef _Atomic guint64 GmpMark;

#define GMP_TYPE_CHANNEL (gmp_channel_get_type ())
typedef struct _GmpChannel GmpChannel;
typedef struct _GmpChannelClass GmpChannelClass;

#define GMP_CHANNEL(object) (G_TYPE_CHECK_INSTANCE_CAST ((object), GMP_TYPE_CHANNEL, GmpChannel))
#define GMP_CHANNEL_CLASS(klass) \
  (G_TYPE_CHECK_CLASS_CAST ((klass), GMP_TYPE_CHANNEL, GmpChannelClass))

/* Not G_DECLARE_DERIVABLE_TYPE, for that hides the instance's field. */
struct _GmpChannel
{
  GObject parent_instance;

  guint generation; /* of the process that made it, by gmp_fork_get_generation() */
  guint64 value_limit;
  guint n_workers;
  gboolean has_woken;
  gboolean is_timed;  /* answered_at is wanted */
  gint64 answered_at; /* in monotonic time: when something was sent, until the next comes; or 0 */
  gboolean is_pipelined;
  guint8 tag; /* of what was received last */
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
void             gmp_channel_close      (GmpChannel   *self,
                                         const GError *reason);
void             gmp_channel_watch      (GmpChannel   *self,
                                         GmpDoorbell  *doorbell);
gboolean         gmp_channel_sleep      (GmpChannel *self);
void             gmp_channel_wake       (GmpChannel *self);
void             gmp_channel_trim       (GmpChannel *self);
GmpMark         *gmp_channel_get_mark   (GmpChannel *self);

G_END_DECLS
