/* gmp-net-letter.c: how a process gets its end of a connection to another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-net-letter-private.h"

#include "base/gmp-error.h"

#include <gio/gunixfdmessage.h>
#include <string.h>
#include <unistd.h>

/* TRUE for the server's letter; certificate; token; and why there is no connection. */
#define LETTER_TYPE "(bsss)"

/* From a part of org.gmproc.Process1.Connect, which does not name the end. */
gboolean
gmp_net_key_read (GmpNetKey *self,
                  GVariant  *description)
{
  return g_variant_lookup (description, "certificate", "s", &self->certificate) &&
         g_variant_lookup (description, "token", "s", &self->token) &&
         strlen (self->token) == GMP_NET_TOKEN_SIZE;
}

void
gmp_net_key_clear (GmpNetKey *self)
{
  g_clear_pointer (&self->certificate, g_free);
  g_clear_pointer (&self->token, g_free);
}

/* Sends @socket, or @reason instead, and closes @fd. The letter fits into the buffer of a local
 * socket, so this does not wait. A receiver that has ended is not an error. */
void
gmp_net_letter_send (int              fd,
                     const GmpNetKey *key,
                     GSocket         *socket,
                     const char      *reason)
{
  g_autoptr (GSocket) to = g_socket_new_from_fd (fd, NULL);
  g_autoptr (GVariant) letter = g_variant_ref_sink (
    g_variant_new (LETTER_TYPE, key->is_server, key->certificate, key->token,
                   reason != NULL ? reason : ""));
  g_autoptr (GSocketControlMessage) part = g_unix_fd_message_new ();
  GOutputVector place = { g_variant_get_data (letter), g_variant_get_size (letter) };

  if (to == NULL)
    {
      close (fd);
      return;
    }
  g_socket_set_blocking (to, FALSE);
  if (socket != NULL)
    g_unix_fd_message_append_fd (G_UNIX_FD_MESSAGE (part), g_socket_get_fd (socket), NULL);
  g_socket_send_message (to, NULL, &place, 1, &part, socket != NULL, 0, NULL, NULL);
}

/* From all received @bytes, and @fd (-1: none), whose ownership is taken. */
gboolean
gmp_net_letter_read (GmpNetLetter *self,
                     GByteArray   *bytes,
                     int           fd,
                     GError      **error)
{
  g_autofree guint8 *aligned = g_memdup2 (bytes->data, bytes->len);
  g_autoptr (GVariant) letter = g_variant_ref_sink (
    g_variant_new_from_data (G_VARIANT_TYPE (LETTER_TYPE), aligned, bytes->len, FALSE, NULL,
                             NULL));
  g_autofree char *reason = NULL;
  g_autoptr (GSocket) socket = fd != -1 ? g_socket_new_from_fd (fd, error) : NULL;

  if (fd != -1 && socket == NULL)
    {
      close (fd);
      return FALSE;
    }
  g_variant_get (letter, LETTER_TYPE, &self->key.is_server, &self->key.certificate,
                 &self->key.token, &reason);
  if (socket != NULL && strlen (self->key.token) == GMP_NET_TOKEN_SIZE)
    {
      self->connection = g_socket_connection_factory_create_connection (socket);
      return TRUE;
    }
  g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED, "The other node cannot be reached: %s",
               reason[0] != '\0' ? reason : "its agent has ended");
  return FALSE;
}

void
gmp_net_letter_clear (GmpNetLetter *self)
{
  gmp_net_key_clear (&self->key);
  g_clear_object (&self->connection);
}
