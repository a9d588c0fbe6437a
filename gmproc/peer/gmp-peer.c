/* gmp-peer.c: a D-Bus connection over a socket that both processes were given
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-peer-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many milliseconds gmp_peer_free_context() waits at most. */
#define CLOSE_LIMIT 2000

/* A connection's last words, its `closed` signal and the return of its closing, come in the context
 * that it was made in, and hold both: a context that is not run until then is never freed. So it is
 * counted, for each context, what has not gone yet. */
G_LOCK_DEFINE_STATIC (counts);
static GHashTable *counts; /* of guint by GMainContext; under the lock */

static void
count (GMainContext *context,
       int           change)
{
  guint n;

  G_LOCK (counts);
  if (counts == NULL)
    counts = g_hash_table_new (NULL, NULL);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, context)) + change;
  if (n > 0)
    g_hash_table_replace (counts, context, GUINT_TO_POINTER (n));
  else
    g_hash_table_remove (counts, context);
  /* Under the lock: whoever waits for this may free the context right after. */
  if (change < 0)
    g_main_context_wakeup (context);
  G_UNLOCK (counts);
}

static gboolean
is_counted (GMainContext *context)
{
  gboolean result;

  G_LOCK (counts);
  result = counts != NULL && g_hash_table_contains (counts, context);
  G_UNLOCK (counts);
  return result;
}

static void
uncount_cb (gpointer context)
{
  count (context, -1);
  g_main_context_unref (context);
}

/* Counts until @object has gone. */
static void
count_object (GObject      *object,
              GMainContext *context)
{
  count (context, 1);
  g_object_set_data_full (object, "gmp-peer-count", g_main_context_ref (context), uncount_cb);
}

static gboolean
give_up_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs a context that is the caller's own, (nullable), until the connections made in it have gone,
 * and frees it. Nothing but GDBus holds them by then, and it drops them as soon as its thread has
 * closed them; the limit is there for one that some other code holds. */
void
gmp_peer_free_context (GMainContext *context)
{
  g_autoptr (GSource) limit = NULL;
  gboolean gave_up = FALSE;

  if (context == NULL)
    return;
  limit = g_timeout_source_new (CLOSE_LIMIT);
  g_source_set_callback (limit, give_up_cb, &gave_up, NULL);
  g_source_attach (limit, context);
  while (!gave_up && is_counted (context))
    g_main_context_iteration (context, TRUE);
  g_source_destroy (limit);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_unref (context);
}

gboolean
gmp_peer_socketpair (int      fds[2],
                     GError **error)
{
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot make a socket for a worker: %s%s",
               g_strerror (errno), gmp_limit_describe (errno));
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

  if (connection == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  count_object (G_OBJECT (connection), g_task_get_context (task));
  g_task_return_pointer (task, connection, g_object_unref);
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
  count_object (G_OBJECT (task), g_task_get_context (task));
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

/* As the client, in a thread that has nothing else to do: the asynchronous call would start two
 * more, and a worker that is warm has the handshake for most of its work. Takes @fd over. */
GDBusConnection *
gmp_peer_connect_sync (int      fd,
                       GError **error)
{
  g_autoptr (GSocketConnection) stream = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, error);
  GDBusConnection *connection;

  if (socket == NULL)
    {
      close (fd);
      return NULL;
    }
  stream = g_socket_connection_factory_create_connection (socket);
  connection = g_dbus_connection_new_sync (G_IO_STREAM (stream), NULL,
                                           G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING |
                                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT,
                                           NULL, NULL, error);
  if (connection != NULL)
    count_object (G_OBJECT (connection), g_main_context_get_thread_default ());
  return connection;
}
