/* gmp-wire.c: D-Bus messages over a socket, without GDBus's threads
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-wire-private.h"

#include "base/gmp-error.h"
#include "peer/gmp-peer-private.h"

#include <gio/gunixfdlist.h>
#include <gio/gunixfdmessage.h>
#include <unistd.h>

/* A GDBusConnection has four threads come up in its process: its own, one of GLib's, and two of
 * GTask's pool. They are most of what a worker costs that is forked for one call, and they would be
 * in the way of code of the user's that forks. GIO's messages need none: so they are read by
 * whoever waits for them, and written by whoever has something to say. */

/* So much says how long a message is. */
#define HEADER_SIZE 16

struct _GmpWire
{
  GSocket *socket;
  GMutex lock;    /* of all that is sent */
  guint32 serial; /* the last one */
};

/* Takes @fd over, and greets the other end, which may then send. */
GmpWire *
gmp_wire_new (int      fd,
              GError **error)
{
  GSocket *socket = g_socket_new_from_fd (fd, error);
  GmpWire *self;

  if (socket == NULL)
    return NULL;
  gmp_peer_greet (fd);
  self = g_new0 (GmpWire, 1);
  self->socket = socket;
  g_mutex_init (&self->lock);
  return self;
}

void
gmp_wire_free (GmpWire *self)
{
  g_object_unref (self->socket);
  g_mutex_clear (&self->lock);
  g_free (self);
}

int
gmp_wire_get_fd (GmpWire *self)
{
  return g_socket_get_fd (self->socket);
}

/* To be called once, before anything is received. */
gboolean
gmp_wire_take_greeting (GmpWire *self,
                        GError **error)
{
  return gmp_peer_take_greeting (self->socket, NULL, error);
}

static void
take_handles (GSocketControlMessage **parts,
              int                     n_parts,
              GUnixFDList            *handles)
{
  for (int i = 0; i < n_parts; i++)
    {
      g_autofree int *fds = NULL;
      int n_fds = 0;

      if (G_IS_UNIX_FD_MESSAGE (parts[i]))
        fds = g_unix_fd_message_steal_fds (G_UNIX_FD_MESSAGE (parts[i]), &n_fds);
      for (int k = 0; k < n_fds; k++)
        {
          g_unix_fd_list_append (handles, fds[k], NULL);
          close (fds[k]);
        }
      g_object_unref (parts[i]);
    }
  g_free (parts);
}

static gboolean
receive_bytes (GmpWire     *self,
               guint8      *bytes,
               gsize        size,
               GUnixFDList *handles,
               GError     **error)
{
  while (size > 0)
    {
      GInputVector place = { bytes, size };
      GSocketControlMessage **parts = NULL;
      int n_parts = 0;
      gssize n = g_socket_receive_message (self->socket, NULL, &place, 1, &parts, &n_parts, NULL,
                                           NULL, error);

      if (n > 0)
        take_handles (parts, n_parts, handles);
      if (n == 0)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The other end has closed the socket");
      if (n <= 0)
        return FALSE;
      bytes += n;
      size -= n;
    }
  return TRUE;
}

/* Waits. In one thread at a time. */
GDBusMessage *
gmp_wire_receive (GmpWire *self,
                  GError **error)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  g_autofree guint8 *blob = g_malloc (HEADER_SIZE);
  GDBusMessage *message;
  gssize size;

  if (!receive_bytes (self, blob, HEADER_SIZE, handles, error))
    return NULL;
  size = g_dbus_message_bytes_needed (blob, HEADER_SIZE, error);
  if (size == -1)
    return NULL;
  blob = g_realloc (blob, size);
  if (!receive_bytes (self, blob + HEADER_SIZE, size - HEADER_SIZE, handles, error))
    return NULL;
  message = g_dbus_message_new_from_blob (blob, size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING,
                                          error);
  if (message != NULL && g_unix_fd_list_get_length (handles) > 0)
    g_dbus_message_set_unix_fd_list (message, handles);
  return message;
}

static gboolean
send_bytes (GmpWire       *self,
            const guint8  *bytes,
            gsize          size,
            GUnixFDList   *handles,
            GError       **error)
{
  g_autoptr (GSocketControlMessage) part = NULL;

  if (handles != NULL && g_unix_fd_list_get_length (handles) > 0)
    part = g_unix_fd_message_new_with_fd_list (handles);
  while (size > 0)
    {
      GOutputVector place = { bytes, size };
      gssize n = g_socket_send_message (self->socket, NULL, &place, 1, &part, part != NULL, 0, NULL,
                                        error);

      if (n == -1)
        return FALSE;
      /* They go with the first byte. */
      g_clear_object (&part);
      bytes += n;
      size -= n;
    }
  return TRUE;
}

/* Waits where the other end does not read. In any thread. */
gboolean
gmp_wire_send (GmpWire      *self,
               GDBusMessage *message,
               GError      **error)
{
  g_autofree guint8 *blob = NULL;
  gboolean is_sent = FALSE;
  gsize size;

  g_mutex_lock (&self->lock);
  g_dbus_message_set_serial (message, ++self->serial);
  blob = g_dbus_message_to_blob (message, &size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, error);
  if (blob != NULL)
    is_sent = send_bytes (self, blob, size, g_dbus_message_get_unix_fd_list (message), error);
  g_mutex_unlock (&self->lock);
  return is_sent;
}

/* Whether what @message brings is what @arguments (nullable) say. */
gboolean
gmp_wire_has_arguments (GDBusMessage  *message,
                        GDBusArgInfo **arguments)
{
  g_autoptr (GString) signature = g_string_new (NULL);

  for (; arguments != NULL && *arguments != NULL; arguments++)
    g_string_append (signature, (*arguments)->signature);
  return g_str_equal (signature->str, g_dbus_message_get_signature (message));
}

/* A D-Bus error by which @error keeps its domain and code. The name is the one that GDBus has for
 * an error of a domain that it does not know, and reads; g_dbus_error_encode_gerror() would say the
 * same, but starts GTask's threads, and aborts where these cannot be had. */
GDBusMessage *
gmp_wire_new_error (GDBusMessage *call,
                    const GError *error)
{
  g_autoptr (GString) name = g_string_new ("org.gtk.GDBus.UnmappedGError.Quark._");
  g_autofree char *text = g_utf8_make_valid (error->message, -1);

  for (const char *c = g_quark_to_string (error->domain); *c != '\0'; c++)
    if (g_ascii_isalnum (*c))
      g_string_append_c (name, *c);
    else
      g_string_append_printf (name, "_%02x", (guchar) *c);
  /* No name has a minus in it; what GDBus reads becomes an int again. */
  g_string_append_printf (name, ".Code%u", (guint) error->code);
  return g_dbus_message_new_method_error_literal (call, name->str, text);
}
