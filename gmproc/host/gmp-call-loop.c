/* gmp-call-loop.c: a worker of a pool
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-call-loop-private.h"

#include "base/gmp-error.h"
#include "base/gmp-guard-private.h"
#include "channel/gmp-call-protocol-private.h"

#include <stdio.h>
#include <unistd.h>

/* Values of a call above this size, in bytes, are freed before the next call is read. */
#define RELEASE_SIZE ((gsize) 1 << 16)

typedef struct {
  GmpHost *host;
  GmpWorkerSkeleton *control;
  GmpJob *job;
  GmpChannel *channel;
  GmpMark *mark;       /* (nullable): the pool sends no call ahead */
  guint32 n_begun;     /* calls */
  gsize size;          /* of the values of the last one */
  guint32 n_withdrawn; /* as far as it is known: see gmp-call-protocol-private.h */
  char *target;        /* (nullable): of the following calls */
  char *description;   /* (nullable): the part of it that the host reads */
} CallLoop;

static gboolean
take_target (CallLoop *self,
             GVariant *payload,
             GError  **error)
{
  const char *colon;

  g_clear_pointer (&self->target, g_free);
  if (payload != NULL && g_variant_is_of_type (payload, G_VARIANT_TYPE_STRING))
    self->target = g_variant_dup_string (payload, NULL);
  colon = self->target != NULL ? strchr (self->target, ':') : NULL;
  if (colon == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "'%s' is not a target",
                   self->target != NULL ? self->target : "");
      return FALSE;
    }
  self->description = self->target + (colon + 1 - self->target);
  return TRUE;
}

static GVariant *
call (CallLoop *self,
      GVariant *params,
      GError  **error)
{
  gboolean ignored G_GNUC_UNUSED;
  GVariant *result;
  GError *local = NULL;

  if (self->description == NULL)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "A call has no target");
      return NULL;
    }
  GMP_GUARD (ignored, GMP_HOST_GET_CLASS (self->host)->prepare, self->host, self->description,
             self->job->spec.id, params, &local);
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return NULL;
    }
  GMP_GUARD (result, GMP_HOST_GET_CLASS (self->host)->call, self->host, self->description,
             self->job->spec.id, params, error);
  return result != NULL ? g_variant_take_ref (result) : NULL;
}

static void
answer (CallLoop *self,
        GVariant *params)
{
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GVariant) packed = NULL;
  g_autoptr (GError) error = NULL;

  result = call (self, params, &error);
  self->size = (params != NULL ? g_variant_get_size (params) : 0) +
               (result != NULL ? g_variant_get_size (result) : 0);
  /* Its output arrives before its result. */
  fflush (stdout);
  if (error == NULL &&
      gmp_channel_send_tagged (self->channel, GMP_CALL_RESULT, result, &error))
    return;
  packed = gmp_call_error_pack (error);
  gmp_channel_send_tagged (self->channel, GMP_CALL_ERROR, packed, NULL);
}

/* The worker is ready when its initializer has succeeded. */
static gboolean
set_up (CallLoop *self,
        GVariant *params,
        GError  **error)
{
  g_autoptr (GVariant) ignored = NULL;
  g_autoptr (GVariant) pid = g_variant_ref_sink (g_variant_new_uint32 ((guint32) getpid ()));
  GError *local = NULL;

  if (self->description != NULL)
    ignored = call (self, params, &local);
  if (local != NULL)
    {
      g_propagate_error (error, local);
      return FALSE;
    }
  gmp_worker_skeleton_ready (self->control);
  gmp_channel_send_tagged (self->channel, GMP_CALL_READY, pid, NULL);
  return TRUE;
}

static gboolean
take_message (CallLoop *self,
              GVariant *payload,
              GError  **error)
{
  switch (self->channel->tag)
    {
    case GMP_CALL_TARGET:
      return take_target (self, payload, error);

    case GMP_CALL_SETUP:
      return set_up (self, payload, error);

    case GMP_CALL_PARAMS:
      if (self->mark != NULL && !gmp_call_mark_begin (self->mark, self->n_withdrawn, self->n_begun))
        return TRUE;
      self->n_begun++;
      answer (self, payload);
      return TRUE;

    case GMP_CALL_RESUME:
      self->n_withdrawn++;
      return TRUE;

    default:
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "The pool sent an invalid message of kind %u", self->channel->tag);
      return FALSE;
    }
}

/* %FALSE if no more calls follow. */
static gboolean
take_turn (CallLoop *self,
           GError  **error)
{
  g_auto (GmpMail) mail = { 0, };

  switch (gmp_inbox_take (self->job->inbox, &mail))
    {
    case GMP_INBOX_PAYLOAD:
      return take_message (self, mail.payload, error);

    case GMP_INBOX_INTERRUPTED:
    case GMP_INBOX_REFUSED:
      g_propagate_error (error, g_steal_pointer (&mail.error));
      return FALSE;

    case GMP_INBOX_CLOSED:
      if (mail.error != NULL && !g_error_matches (mail.error, G_IO_ERROR, G_IO_ERROR_CLOSED))
        g_propagate_error (error, g_steal_pointer (&mail.error));
      return FALSE;

    case GMP_INBOX_STOPPED:
      return FALSE;

    case GMP_INBOX_EMPTY:
    case GMP_INBOX_LEFT:
    case GMP_INBOX_RENEWED:
    case GMP_INBOX_TIMED_OUT:
    default:
      return TRUE;
    }
}

/* No reference to the values remains here. */
static void
release (CallLoop *self)
{
  g_autoptr (GError) ignored_error = NULL;
  gboolean ignored G_GNUC_UNUSED;

  self->size = 0;
  GMP_GUARD (ignored, GMP_HOST_GET_CLASS (self->host)->release, self->host, &ignored_error);
}

/* Executes the calls of a pool, until it closes the channel or ends this process. */
gboolean
gmp_call_loop_run (GmpHost           *host,
                   GmpWorkerSkeleton *control,
                   GmpJob            *job,
                   GError           **error)
{
  GmpChannel *channel = gmp_inbox_get_first (job->inbox);
  CallLoop self = { .host = host, .control = control, .job = job };
  GError *local = NULL;

  if (channel == NULL)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                           "A worker of a pool has one channel, but none was connected");
      return FALSE;
    }
  self.channel = g_object_ref (channel);
  self.mark = gmp_channel_get_mark (channel);
  channel->is_pipelined = TRUE;
  gmp_inbox_set_stop (job->inbox, job->stop);
  while (take_turn (&self, &local))
    {
      if (self.size >= RELEASE_SIZE)
        release (&self);
    }
  gmp_inbox_set_stop (job->inbox, NULL);
  g_object_unref (self.channel);
  g_free (self.target);
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, local);
  return FALSE;
}
