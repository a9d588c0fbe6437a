/* gmp-shared-channel.c: a channel in shared memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-shared-channel-private.h"

#include "base/gmp-error-private.h"
#include "base/gmp-limit-private.h"
#include "channel/gmp-mapped-value-private.h"
#include "channel/gmp-receiver-private.h"
#include "channel/gmp-sender-private.h"
#include "channel/gmp-value-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct _GmpSharedChannel
{
  GmpChannel parent_instance;

  GmpMemory *memory;
  GmpSender *sender;
  GmpReceiver *receiver;
  int fds[GMP_SHARED_N_FDS];
  GmpDoorbell *doorbell; /* (nullable) */
  GmpBell bell;          /* the other end's ring */
  GmpBell lifeline;      /* rung when the other process has ended */
  gboolean is_asleep;    /* between sleep() and wake() */
  gboolean is_closing;   /* by this end, once nothing is unsent */
  GError *closing;       /* (nullable): its reason */
  GError *reason;        /* (nullable): why no more messages arrive */
  gboolean is_refused;   /* for a failure of this process, which is to be reported */
};

G_DEFINE_FINAL_TYPE (GmpSharedChannel, gmp_shared_channel, GMP_TYPE_CHANNEL)

/* Stored once: after that the other end reads it. */
static void
store_closing (GmpSharedChannel *self,
               const GError     *reason)
{
  GmpMemoryHeader *header = self->memory->header;
  GmpClosing *closing = &header->closings[self->memory->end];

  if (reason != NULL)
    {
      GmpErrorName name = gmp_error_get_name (reason);

      closing->code = name.code;
      g_strlcpy (closing->domain, name.domain, sizeof closing->domain);
      g_strlcpy (closing->text, reason->message, sizeof closing->text);
    }
  /* Release: the reader of this flag also sees the rest. */
  atomic_store_explicit (&closing->is_closed, 1, memory_order_release);
  /* Rings once, without checking the flag of the other end, which may contain invalid data. */
  gmp_memory_ring (self->memory, self->fds[GMP_SHARED_BELL_OUT]);
  if (self->memory->ring_fault != 0)
    shutdown (self->fds[GMP_SHARED_LIFELINE], SHUT_RDWR);
}

/* Sends kept payloads, and then the end. */
static void
send_unsent (GmpSharedChannel *self)
{
  if (!gmp_sender_send_unsent (self->sender) || !self->is_closing)
    return;
  store_closing (self, self->closing);
  self->is_closing = FALSE;
}

/* A channel that rests is not polled, so the other end has to ring when there is room for what is
 * kept. */
static void
await_room (GmpSharedChannel *self)
{
  while (self->is_asleep && gmp_sender_has_unsent (self->sender) &&
         gmp_sender_wait_for_room (self->sender) && !gmp_sender_is_broken (self->sender))
    send_unsent (self);
}

/* Both are stored once, so the line with them stays in the cache of both. */
static void
exchange_hints (GmpSharedChannel *self)
{
  GmpChannel *channel = &self->parent_instance;
  _Atomic guint32 *gathers = self->memory->header->gathers;
  GmpEnd end = self->memory->end;

  if (channel->gathers && atomic_load_explicit (&gathers[end], memory_order_relaxed) == 0)
    atomic_store_explicit (&gathers[end], 1, memory_order_relaxed);
  channel->peer_gathers = atomic_load_explicit (&gathers[1 - end], memory_order_relaxed) != 0;
}

static void
gmp_shared_channel_close (GmpChannel   *channel,
                          const GError *reason)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  if (self->closing != NULL)
    return;
  /* The error that the other end reports if there is no reason. */
  self->closing = reason != NULL ? g_error_copy (reason)
                                 : g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                                "The other end has closed the channel");
  self->is_closing = TRUE;
  send_unsent (self);
  await_room (self);
}

/* The other end has violated the protocol, or cannot be woken. Takes ownership of @error, which
 * both ends report. */
static void
fail (GmpSharedChannel *self,
      GError           *error)
{
  gmp_sender_drop_unsent (self->sender);
  gmp_shared_channel_close (GMP_CHANNEL (self), error);
  /* Reaches the other end whatever it has written to the memory, so it stops waiting for an
   * answer. */
  shutdown (self->fds[GMP_SHARED_LIFELINE], SHUT_RDWR);
  self->reason = error;
}

/* Without it, both ends would wait forever. This process is what fails: for the other one, it is an
 * end as that of a process. */
static void
check_rings (GmpSharedChannel *self)
{
  int code = self->memory->ring_fault;
  g_autofree char *text = NULL;

  if (G_LIKELY (code == 0) || self->reason != NULL)
    return;
  text = g_strdup_printf ("Process %d cannot wake the other end of its channel: %s%s",
                          (int) getpid (), g_strerror (code), gmp_limit_describe (code));
  fail (self, g_error_new_literal (GMP_ERROR, GMP_ERROR_DISCONNECTED, text));
  g_clear_error (&self->reason);
  self->reason = g_error_new_literal (G_IO_ERROR, g_io_error_from_errno (code), text);
  self->is_refused = TRUE;
}

/* TRUE if this process has failed, until the error was taken. */
static gboolean
take_refusal (GmpSharedChannel *self,
              GError          **error)
{
  if (G_LIKELY (!self->is_refused))
    return FALSE;
  if (error != NULL)
    {
      self->is_refused = FALSE;
      *error = g_error_copy (self->reason);
    }
  return TRUE;
}

static gboolean
gmp_shared_channel_send (GmpChannel *channel,
                         guint8      tag,
                         GVariant   *payload,
                         GError    **error)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  /* A channel that has ended is not an error here: receive() reports it with the reason. */
  if (self->reason != NULL || self->closing != NULL)
    return TRUE;
  if (payload != NULL &&
      (!gmp_value_check_size (g_variant_get_size (payload), channel->value_limit,
                              GMP_ERROR_BAD_PAYLOAD, error) ||
       (!channel->is_checked && !gmp_value_check_sendable (payload, error))))
    return FALSE;
  gmp_sender_send (self->sender, tag, payload);
  channel->has_woken = gmp_sender_has_woken (self->sender);
  exchange_hints (self);
  await_room (self);
  check_rings (self);
  return !take_refusal (self, error);
}

static gboolean
gmp_shared_channel_has_unsent (GmpChannel *channel)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  return gmp_sender_has_unsent (self->sender) && self->reason == NULL;
}

/* The other end's reason: copied and sanitized. */
static GError *
read_closing (GmpSharedChannel *self)
{
  GmpClosing *closing = &self->memory->header->closings[1 - self->memory->end];
  g_autofree char *domain = g_strndup (closing->domain, sizeof closing->domain);
  /* No larger than it is: after the parts of a large value were freed, an allocation of more than
   * a kilobyte takes 50 ms. */
  g_autofree char *text = g_strndup (closing->text, strnlen (closing->text, sizeof closing->text));
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  if (domain[0] == '\0' || !g_str_is_ascii (domain))
    return gmp_receiver_error ("an end without a reason");
  return g_error_new_literal (g_quark_from_string (domain), closing->code, valid);
}

static gboolean
is_closed_by_other (GmpSharedChannel *self)
{
  GmpMemoryHeader *header = self->memory->header;

  return atomic_load_explicit (&header->closings[1 - self->memory->end].is_closed,
                               memory_order_seq_cst) != 0;
}

/* TRUE if no more messages arrive; sets the reason. */
static gboolean
take_end (GmpSharedChannel *self,
          gboolean          has_ended)
{
  check_rings (self);
  if (self->reason != NULL)
    return TRUE;
  if (gmp_sender_is_broken (self->sender))
    fail (self, gmp_receiver_error ("an impossible position"));
  else if (has_ended && is_closed_by_other (self))
    self->reason = read_closing (self);
  else if (has_ended)
    self->reason = g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED,
                                "The process at the other end of the channel has ended");
  return self->reason != NULL;
}

static GmpChannelStatus
gmp_shared_channel_receive (GmpChannel *channel,
                            GVariant  **payload,
                            GError    **error)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  send_unsent (self);
  if (self->reason == NULL)
    {
      /* Checked first, so that messages sent before the end are received before it. */
      gboolean has_ended = is_closed_by_other (self) || self->lifeline.has_rung;
      GError *local = NULL;
      GmpChannelStatus status = gmp_receiver_take (self->receiver, channel->value_limit,
                                                   &channel->tag, payload, &local);

      gboolean has_value = status == GMP_CHANNEL_PAYLOAD || channel->large != NULL;

      if (has_value && (channel->is_pipelined || !gmp_sender_has_unsent (self->sender)))
        return status;
      /* Otherwise the kept payloads for a client that never reads would grow without limit. */
      if (has_value)
        {
          g_clear_pointer (payload, g_variant_unref);
          g_clear_pointer (&channel->large, gmp_large_free);
          local = gmp_receiver_error (GMP_CHANNEL_IMPATIENT);
          status = GMP_CHANNEL_CLOSED;
        }
      if (status == GMP_CHANNEL_CLOSED)
        fail (self, local);
      else if (!take_end (self, has_ended))
        return status;
    }
  if (take_refusal (self, error))
    return GMP_CHANNEL_REFUSED;
  g_propagate_error (error, g_error_copy (self->reason));
  return GMP_CHANNEL_CLOSED;
}

static void
gmp_shared_channel_watch (GmpChannel  *channel,
                          GmpDoorbell *doorbell)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  self->doorbell = gmp_doorbell_ref (doorbell);
  self->bell.key = self->lifeline.key = channel->key;
  channel->may_rest =
    gmp_doorbell_listen (doorbell, self->fds[GMP_SHARED_BELL_IN], EPOLLIN, &self->bell) &&
    gmp_doorbell_listen (doorbell, self->fds[GMP_SHARED_LIFELINE], EPOLLRDHUP, &self->lifeline);
  if (!channel->may_rest)
    fail (self, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL,
                             "A channel's descriptors cannot be waited for: %s",
                             g_strerror (errno)));
}

static gboolean
gmp_shared_channel_sleep (GmpChannel *channel)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  self->is_asleep = TRUE;
  return gmp_receiver_sleep (self->receiver) || is_closed_by_other (self) ||
         self->lifeline.has_rung || self->reason != NULL ||
         (gmp_sender_has_unsent (self->sender) && gmp_sender_wait_for_room (self->sender));
}

static void
gmp_shared_channel_wake (GmpChannel *channel)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (channel);

  self->is_asleep = FALSE;
  gmp_receiver_wake (self->receiver);
}

static void
gmp_shared_channel_trim (GmpChannel *channel)
{
  gmp_sender_trim (GMP_SHARED_CHANNEL (channel)->sender);
}

static void
gmp_shared_channel_fail (GmpChannel *channel,
                         GError     *error)
{
  fail (GMP_SHARED_CHANNEL (channel), error);
}

static GmpSender *
gmp_shared_channel_get_sender (GmpChannel *channel)
{
  return GMP_SHARED_CHANNEL (channel)->sender;
}

static GmpMark *
gmp_shared_channel_get_mark (GmpChannel *channel)
{
  return &GMP_SHARED_CHANNEL (channel)->memory->header->mark;
}

static void
gmp_shared_channel_dispose (GObject *object)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (object);

  if (self->doorbell != NULL)
    {
      gmp_doorbell_forget (self->doorbell, self->fds[GMP_SHARED_BELL_IN]);
      gmp_doorbell_forget (self->doorbell, self->fds[GMP_SHARED_LIFELINE]);
    }
  g_clear_pointer (&self->doorbell, gmp_doorbell_unref);
  G_OBJECT_CLASS (gmp_shared_channel_parent_class)->dispose (object);
}

static void
gmp_shared_channel_finalize (GObject *object)
{
  GmpSharedChannel *self = GMP_SHARED_CHANNEL (object);

  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    if (self->fds[i] != -1)
      close (self->fds[i]);
  g_clear_pointer (&self->sender, gmp_sender_unref);
  g_clear_pointer (&self->receiver, gmp_receiver_free);
  g_clear_pointer (&self->memory, gmp_memory_unref);
  g_clear_error (&self->closing);
  g_clear_error (&self->reason);
  G_OBJECT_CLASS (gmp_shared_channel_parent_class)->finalize (object);
}

static void
gmp_shared_channel_class_init (GmpSharedChannelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GmpChannelClass *channel_class = GMP_CHANNEL_CLASS (klass);

  object_class->dispose = gmp_shared_channel_dispose;
  object_class->finalize = gmp_shared_channel_finalize;
  channel_class->send = gmp_shared_channel_send;
  channel_class->has_unsent = gmp_shared_channel_has_unsent;
  channel_class->receive = gmp_shared_channel_receive;
  channel_class->close = gmp_shared_channel_close;
  channel_class->watch = gmp_shared_channel_watch;
  channel_class->sleep = gmp_shared_channel_sleep;
  channel_class->wake = gmp_shared_channel_wake;
  channel_class->trim = gmp_shared_channel_trim;
  channel_class->fail = gmp_shared_channel_fail;
  channel_class->get_sender = gmp_shared_channel_get_sender;
  channel_class->get_mark = gmp_shared_channel_get_mark;
}

static void
gmp_shared_channel_init (GmpSharedChannel *self)
{
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    self->fds[i] = -1;
}

/* Keeps errno if a descriptor is invalid. */
static int
duplicate (int fd)
{
  return fd != -1 ? fcntl (fd, F_DUPFD_CLOEXEC, 0) : -1;
}

/* Creates an eventfd for the end that rings, and an epoll that watches it for the other. The flags
 * of an open file apply to all its holders, so a holder of the eventfd could fill it and block the
 * next ring forever. Through an epoll it can neither be written nor changed. */
static gboolean
make_bell (int *out,
           int *in)
{
  struct epoll_event event = { .events = EPOLLIN };

  *out = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (*out == -1)
    return FALSE;
  *in = epoll_create1 (EPOLL_CLOEXEC);
  return *in != -1 && epoll_ctl (*in, EPOLL_CTL_ADD, *out, &event) == 0;
}

static gboolean
make_fds (gsize     arena_size,
          guint     n_workers,
          int       client_fds[GMP_SHARED_N_FDS],
          int       server_fds[GMP_SHARED_N_FDS],
          GError  **error)
{
  int lifelines[2];
  int fd = gmp_memory_new_fd (arena_size, n_workers, error);

  if (fd == -1)
    return FALSE;
  client_fds[GMP_SHARED_MEMFD] = fd;
  server_fds[GMP_SHARED_MEMFD] = duplicate (fd);
  if (server_fds[GMP_SHARED_MEMFD] == -1 ||
      !make_bell (&server_fds[GMP_SHARED_BELL_OUT], &client_fds[GMP_SHARED_BELL_IN]) ||
      !make_bell (&client_fds[GMP_SHARED_BELL_OUT], &server_fds[GMP_SHARED_BELL_IN]) ||
      socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifelines) != 0)
    {
      int code = errno;

      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot create a channel: %s%s",
                   g_strerror (code), gmp_limit_describe (code));
      return FALSE;
    }
  client_fds[GMP_SHARED_LIFELINE] = lifelines[0];
  server_fds[GMP_SHARED_LIFELINE] = lifelines[1];
  return TRUE;
}

/* Creates the descriptors of both ends; the caller passes them on and closes them. The arguments
 * are those of gmp_memory_new_fd(). */
gboolean
gmp_shared_channel_new_fds (gsize     arena_size,
                            guint     n_workers,
                            int       client_fds[GMP_SHARED_N_FDS],
                            int       server_fds[GMP_SHARED_N_FDS],
                            GError  **error)
{
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    client_fds[i] = server_fds[i] = -1;
  if (make_fds (arena_size, n_workers, client_fds, server_fds, error))
    return TRUE;
  for (guint i = 0; i < GMP_SHARED_N_FDS; i++)
    {
      if (client_fds[i] != -1)
        close (client_fds[i]);
      if (server_fds[i] != -1)
        close (server_fds[i]);
    }
  return FALSE;
}

/* Takes ownership of @fds. */
GmpChannel *
gmp_shared_channel_new (const int fds[GMP_SHARED_N_FDS],
                        GmpEnd    side,
                        GError  **error)
{
  g_autoptr (GmpSharedChannel) self = g_object_new (GMP_TYPE_SHARED_CHANNEL, NULL);

  memcpy (self->fds, fds, sizeof self->fds);
  self->memory = gmp_memory_map (self->fds[GMP_SHARED_MEMFD], side, error);
  /* Closed once it is mapped, so that a server with many clients needs fewer descriptors. */
  close (self->fds[GMP_SHARED_MEMFD]);
  self->fds[GMP_SHARED_MEMFD] = -1;
  if (self->memory == NULL)
    return NULL;
  gmp_mapped_value_watch_memory (self->memory);
  self->sender = gmp_sender_new (self->memory, fds[GMP_SHARED_BELL_OUT]);
  self->receiver = gmp_receiver_new (self->memory, fds[GMP_SHARED_BELL_OUT],
                                     GMP_CHANNEL (self));
  self->parent_instance.n_workers = self->memory->header->n_workers;
  return GMP_CHANNEL (g_steal_pointer (&self));
}
