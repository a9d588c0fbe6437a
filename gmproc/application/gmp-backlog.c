/* gmp-backlog.c: what a worker has signalled and nobody has looked at yet
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-backlog-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "peer/gmp-peer-private.h"
#include "peer/gmp-worker-dbus.h"

#define MIB ((gsize) 1024 * 1024)

/* From so many bytes on the worker is to hold, and down to so many. */
#define HOLD_FROM  (8 * MIB)
#define HOLD_UNTIL (2 * MIB)

/* A worker that holds sends no more than it had begun to, of which this is a multiple. */
#define LIMIT (64 * MIB)

/* About what GDBus needs for a message besides its body. */
#define MESSAGE_SIZE 1024

struct _GmpBacklog
{
  gatomicrefcount ref_count;
  GMutex lock;
  gboolean is_counting; /* as all that follows: under lock */
  gboolean is_holding;
  gsize size;           /* in bytes */
};

GmpBacklog *
gmp_backlog_new (void)
{
  GmpBacklog *self = g_new0 (GmpBacklog, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  return self;
}

GmpBacklog *
gmp_backlog_ref (GmpBacklog *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
gmp_backlog_unref (GmpBacklog *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Under the lock, so that the worker hears what counts last. */
static void
hold_locked (GmpBacklog      *self,
             GDBusConnection *connection,
             gboolean         holds)
{
  g_autoptr (GDBusMessage) message = NULL;

  if (self->is_holding == holds)
    return;
  gmp_debug ("a worker signals faster than that is looked at: %s", holds ? "hold" : "go on");
  self->is_holding = holds;
  message = g_dbus_message_new_method_call (NULL, GMP_WORKER_PATH,
                                            gmp_dbus_worker1_interface_info ()->name, "Hold");
  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_message_set_body (message, g_variant_new ("(b)", holds));
  g_dbus_connection_send_message (connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

void
gmp_backlog_set_counting (GmpBacklog      *self,
                          GDBusConnection *connection,
                          gboolean         is_counting)
{
  g_mutex_lock (&self->lock);
  self->is_counting = is_counting;
  self->size = 0;
  hold_locked (self, connection, FALSE);
  g_mutex_unlock (&self->lock);
}

static gsize
size_of (GVariant *body)
{
  return MESSAGE_SIZE + (body != NULL ? g_variant_get_size (body) : 0);
}

gboolean
gmp_backlog_add (GmpBacklog      *self,
                 GDBusConnection *connection,
                 GVariant        *body,
                 GError         **error)
{
  gsize size;

  g_mutex_lock (&self->lock);
  if (self->is_counting)
    self->size += size_of (body);
  size = self->size;
  if (size > HOLD_FROM)
    hold_locked (self, connection, TRUE);
  g_mutex_unlock (&self->lock);
  if (size <= LIMIT)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "it goes on sending reports and log messages, though it was told to hold: %"
               G_GSIZE_FORMAT " MiB of them wait for the application's main loop", size / MIB);
  return FALSE;
}

void
gmp_backlog_take (GmpBacklog      *self,
                  GDBusConnection *connection,
                  GVariant        *body)
{
  g_mutex_lock (&self->lock);
  self->size -= MIN (size_of (body), self->size);
  if (self->size < HOLD_UNTIL)
    hold_locked (self, connection, FALSE);
  g_mutex_unlock (&self->lock);
}
