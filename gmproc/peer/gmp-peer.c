/* gmp-peer.c: a D-Bus connection over a socket that both processes were given
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-peer-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <gio/gunixconnection.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many milliseconds gmp_peer_free_context() waits at most. */
#define CLOSE_LIMIT 2000

/* A connection's last words, its `closed` signal and the return of its closing, come in the context
 * that it was made in, and hold both: a context that is not run until then is never freed. So it is
 * counted, for each context, what has not gone yet. */
static GRecMutex counts_lock;
static GHashTable *counts; /* of guint by GMainContext; under the lock */

static void
count (GMainContext *context,
       int           change)
{
  guint n;

  g_rec_mutex_lock (&counts_lock);
  if (counts == NULL)
    counts = g_hash_table_new (NULL, NULL);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, context)) + change;
  if (n > 0)
    g_hash_table_replace (counts, context, GUINT_TO_POINTER (n));
  else
    g_hash_table_remove (counts, context);
  /* Under the lock: whoever waits for this frees the context right after, and the last reference
   * should be that one. Where nobody waits it is this, and what goes with it may be counted too. */
  if (change < 0)
    {
      g_main_context_wakeup (context);
      g_main_context_unref (context);
    }
  g_rec_mutex_unlock (&counts_lock);
}

static gboolean
is_counted (GMainContext *context)
{
  gboolean result;

  g_rec_mutex_lock (&counts_lock);
  result = counts != NULL && g_hash_table_contains (counts, context);
  g_rec_mutex_unlock (&counts_lock);
  return result;
}

static void
uncount_cb (gpointer context)
{
  count (context, -1);
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

/* Lets the other end connect; once for each end. The socket is new, so the byte has its place. */
void
gmp_peer_greet (int fd)
{
  gssize n;

  do
    n = send (fd, "", 1, MSG_NOSIGNAL);
  while (n == -1 && errno == EINTR);
}

/* Waits for the greeting, which should have come. */
gboolean
gmp_peer_take_greeting (GSocket      *socket,
                        GCancellable *cancellable,
                        GError      **error)
{
  char byte;
  gssize n = g_socket_receive (socket, &byte, 1, cancellable, error);

  if (n == 1 && byte == '\0')
    return TRUE;
  if (n == 0)
    g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED, "The other end has gone");
  else if (n == 1)
    g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                 "a greeting was expected, and something else came");
  return FALSE;
}

/* GDBus does not pass descriptors before both sides have gone through a handshake, which takes
 * three round trips, is read byte by byte, and blocks a thread: a third of the time that a warm
 * worker takes altogether. Here it says nothing that is not known, for who holds the socket was
 * given it. So each side is the server of a handshake whose other half is a text. Through the
 * socket goes one byte, from each side, which says that it is there.
 *
 * How GDBus reads the text makes no difference: it is not in the socket, and ends. A GDBus that
 * wants to hear something else ends the handshake with an error, which says so. */
static const char handshake[] = "\0AUTH ANONYMOUS 676d70726f63\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

#define GMP_TYPE_PEER_STREAM (gmp_peer_stream_get_type ())
G_DECLARE_FINAL_TYPE (GmpPeerStream, gmp_peer_stream, GMP, PEER_STREAM, GUnixConnection)

struct _GmpPeerStream
{
  GUnixConnection parent_instance;

  GInputStream *questions; /* (nullable): the handshake is over; so is the next */
  GOutputStream *answers;
};

G_DEFINE_FINAL_TYPE (GmpPeerStream, gmp_peer_stream, G_TYPE_UNIX_CONNECTION)

static GInputStream *
gmp_peer_stream_get_input_stream (GIOStream *stream)
{
  GmpPeerStream *self = GMP_PEER_STREAM (stream);

  if (self->questions != NULL)
    return self->questions;
  return G_IO_STREAM_CLASS (gmp_peer_stream_parent_class)->get_input_stream (stream);
}

static GOutputStream *
gmp_peer_stream_get_output_stream (GIOStream *stream)
{
  GmpPeerStream *self = GMP_PEER_STREAM (stream);

  if (self->answers != NULL)
    return self->answers;
  return G_IO_STREAM_CLASS (gmp_peer_stream_parent_class)->get_output_stream (stream);
}

/* Whether messages go through the socket from here on: not where GDBus has kept a stream. */
static gboolean
end_handshake (GmpPeerStream *self)
{
  gpointer questions = self->questions;
  gpointer answers = self->answers;
  gboolean has_ended;

  g_object_add_weak_pointer (questions, &questions);
  g_object_add_weak_pointer (answers, &answers);
  g_clear_object (&self->questions);
  g_clear_object (&self->answers);
  has_ended = questions == NULL && answers == NULL;
  g_clear_weak_pointer (&questions);
  g_clear_weak_pointer (&answers);
  return has_ended;
}

static void
gmp_peer_stream_finalize (GObject *object)
{
  GmpPeerStream *self = GMP_PEER_STREAM (object);

  g_clear_object (&self->questions);
  g_clear_object (&self->answers);
  G_OBJECT_CLASS (gmp_peer_stream_parent_class)->finalize (object);
}

static void
gmp_peer_stream_class_init (GmpPeerStreamClass *klass)
{
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_peer_stream_finalize;
  stream_class->get_input_stream = gmp_peer_stream_get_input_stream;
  stream_class->get_output_stream = gmp_peer_stream_get_output_stream;
}

static void
gmp_peer_stream_init (GmpPeerStream *self)
{
  self->questions = g_memory_input_stream_new_from_data (handshake, sizeof handshake - 1, NULL);
  self->answers = g_memory_output_stream_new_resizable ();
}

/* Takes @reason over. */
static void
refuse_gdbus (GError *reason,
              GError **error)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               "gmproc does not know how to connect with the GDBus of GLib %u.%u.%u: %s",
               glib_major_version, glib_minor_version, glib_micro_version,
               reason != NULL ? reason->message : "its handshake has no end");
  g_clear_error (&reason);
}

static GDBusConnection *
make_connection (GSocket      *socket,
                 GCancellable *cancellable,
                 GError      **error)
{
  g_autoptr (GmpPeerStream) stream = g_object_new (GMP_TYPE_PEER_STREAM, "socket", socket, NULL);
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autoptr (GDBusConnection) connection = NULL;
  GError *reason = NULL;

  if (!gmp_peer_take_greeting (socket, cancellable, error))
    return NULL;
  connection = g_dbus_connection_new_sync (
    G_IO_STREAM (stream), guid,
    G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING |
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS, NULL, NULL, &reason);
  if (connection != NULL)
    count_object (G_OBJECT (connection), context);
  if (connection != NULL && end_handshake (stream) &&
      (g_dbus_connection_get_capabilities (connection) &
       G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING) != 0)
    return g_steal_pointer (&connection);
  refuse_gdbus (reason, error);
  return NULL;
}

static gboolean
greeted_cb (GSocket     *socket,
            GIOCondition condition G_GNUC_UNUSED,
            gpointer     user_data)
{
  GTask *task = user_data;
  GDBusConnection *connection;
  GError *error = NULL;

  connection = make_connection (socket, g_task_get_cancellable (task), &error);
  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    g_task_return_error (task, error);
  return G_SOURCE_REMOVE;
}

/* Connects when the other end has greeted this one, or is gone. Takes @fd over. The connection
 * comes with its messages held back: export, filter, then call
 * g_dbus_connection_start_message_processing(). */
void
gmp_peer_connect_async (int                 fd,
                        GCancellable       *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GSource) source = NULL;
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
  source = g_socket_create_source (socket, G_IO_IN, cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (greeted_cb), g_object_ref (task), g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
}

GDBusConnection *
gmp_peer_connect_finish (GAsyncResult *result,
                         GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
