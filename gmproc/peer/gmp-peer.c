/* gmp-peer.c: a D-Bus connection over a socket that both processes were given
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-peer-private.h"

#include "base/gmp-error.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

gboolean
gmp_peer_socketpair (int      fds[2],
                     GError **error)
{
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot make a socket for a worker: %s%s",
               g_strerror (errno),
               errno == EMFILE ? " (raise it with 'ulimit -n', or run fewer workers at once)" : "");
  return FALSE;
}

static void
connected_cb (GObject      *source G_GNUC_UNUSED,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GDBusConnection *connection = g_dbus_connection_new_finish (result, &error);

  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    g_task_return_error (task, error);
}

static void
handshake (GTask      *task,
           GIOStream  *stream,
           GmpPeerSide side)
{
  g_autofree char *guid = NULL;
  GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING;

  if (side == GMP_PEER_SERVER)
    {
      guid = g_dbus_generate_guid ();
      flags |= G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_REQUIRE_SAME_USER;
    }
  else
    {
      flags |= G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT;
    }
  g_dbus_connection_new (stream, guid, flags, NULL, g_task_get_cancellable (task), connected_cb,
                         g_object_ref (task));
}

static gboolean
first_bytes_cb (GSocket     *socket G_GNUC_UNUSED,
                GIOCondition condition G_GNUC_UNUSED,
                gpointer     user_data)
{
  GTask *task = user_data;

  if (!g_task_return_error_if_cancelled (task))
    handshake (task, g_task_get_task_data (task), GMP_PEER_SERVER);
  return G_SOURCE_REMOVE;
}

/* Takes @fd over. The connection comes with its messages held back: export, filter, then call
 * g_dbus_connection_start_message_processing(). */
void
gmp_peer_connect_async (int                 fd,
                        GmpPeerSide         side,
                        GCancellable       *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GSource) source = NULL;
  g_autoptr (GSocketConnection) stream = NULL;
  g_autoptr (GSocket) socket = NULL;
  GError *error = NULL;

  g_task_set_source_tag (task, gmp_peer_connect_async);
  socket = g_socket_new_from_fd (fd, &error);
  if (socket == NULL)
    {
      close (fd);
      g_task_return_error (task, error);
      return;
    }
  stream = g_socket_connection_factory_create_connection (socket);
  g_task_set_task_data (task, g_object_ref (stream), g_object_unref);
  if (side == GMP_PEER_CLIENT)
    {
      handshake (task, G_IO_STREAM (stream), side);
      return;
    }

  /* The handshake blocks a thread of GTask's small pool, which is shared with all of the process:
   * begin it only when the other side has written, or is gone. */
  source = g_socket_create_source (socket, G_IO_IN, cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (first_bytes_cb), g_object_ref (task),
                         g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
}

GDBusConnection *
gmp_peer_connect_finish (GAsyncResult *result,
                         GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
