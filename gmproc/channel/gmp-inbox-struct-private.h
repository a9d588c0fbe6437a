/* gmp-inbox-struct-private.h: declarations that the sources of GmpInbox share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-inbox-private.h"
#include "channel/gmp-spin-private.h"

G_BEGIN_DECLS

/* A peer, or an event about one on its way from another thread: with a channel the peer was added,
 * without one it has ended. */
typedef struct {
  GmpChannel *channel; /* (nullable): closed, while the peer's state is not known yet */
  GmpChannel *doubted; /* (nullable): the closed channel, as long as it may be the reason */
  char *id;
  const char *runtime; /* interned */
  GError *reason;      /* (nullable): why it or its predecessor has ended */
  gboolean has_left;   /* GMP_INBOX_LEFT is to be reported */
  gboolean is_renewed; /* GMP_INBOX_RENEWED is to be reported */
  gboolean has_ended;  /* permanently */
  guint key;           /* of the channel's bells; 0: none */
  gboolean has_sent;   /* since gmp_inbox_rest_silent() */
  gboolean rests;      /* it rings, and is not polled */
} Slot;

/* A message that another thread posted. */
typedef struct {
  GmpChannel *channel;
  GVariant *payload; /* (nullable) */
  GError *reason;    /* (nullable): closes the channel with this reason */
} Post;

struct _GmpInbox
{
  guint generation;  /* of this process, by gmp_fork_get_generation() */
  GmpDoorbell *doorbell;
  GPtrArray *open;   /* of Slot; changed under lock, in the thread that takes */
  GPtrArray *polled; /* of Slot: the open ones that do not rest */
  GHashTable *by_key; /* Slot by guint: the open ones whose channels have keys */
  GPtrArray *closed; /* of Slot, kept so that a last message reaches the peer */
  GError *last_word; /* (nullable): of gmp_inbox_close_all(), for peers that are added later */
  GmpInboxTrust trust;
  gboolean is_later; /* large values are prepared in another thread */
  gint64 timeout;    /* in microseconds; 0: none */
  int application;   /* its process: 0 if it cannot be seen */
  gint64 deadline;   /* in monotonic time; -1: none */
  gint64 turn_timeout; /* in microseconds, from an answer to the next request; 0: none */
  gint64 next_rest;  /* when to look for silent channels, in monotonic time */
  gint64 next_check; /* when to check for late peers, in monotonic time */
  guint64 value_limit; /* of all channels, in bytes; 0: none */
  guint next;        /* where the next search in polled begins, so that no client starves */
  guint n_keys;      /* under lock */
  gboolean was_rung; /* during a look, for a reason that the caller has to check */
  guint n_looks;
  GmpInboxSilent silent; /* (nullable) */
  gpointer silent_data;
  gboolean gathers; /* messages of several channels are gathered, and answered together */
  GmpSpin spin;
  GCancellable *stop; /* (nullable) */
  gulong stop_handler;
  int signal_fd;       /* of this thread; -1: none */
  GmpBell signal_bell; /* rung: a signal is to be handled */

  GMutex lock;
  GPtrArray *added; /* of Slot; under lock */
  GPtrArray *posts; /* of Post; under lock */
  int has_added;    /* atomic: either of them */
  int n_open;       /* atomic: the open ones, and those of the added that will be; set under lock */
};

static inline Slot *
gmp_inbox_slot_at (GPtrArray *slots,
                   guint      i)
{
  return slots->pdata[i];
}

void gmp_inbox_enter_slot  (GmpInbox *self,
                            Slot     *slot);
void gmp_inbox_leave_slot  (GmpInbox *self,
                            Slot     *slot);
void gmp_inbox_poll_slot   (GmpInbox *self,
                            Slot     *slot);
void gmp_inbox_poll_rung   (GmpInbox *self);
void gmp_inbox_poll_unsent (GmpInbox *self);
void gmp_inbox_rest_silent (GmpInbox *self);

G_END_DECLS
