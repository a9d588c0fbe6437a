/* gmp-net-opening.c: a connection to another machine, until it can be used
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-net-opening-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-source-private.h"
#include "peer/gmp-bus-private.h"
#include "peer/gmp-net-letter-private.h"
#include "peer/gmp-pinned-tls-private.h"

#include <gio/gunixfdmessage.h>
#include <string.h>
#include <unistd.h>

/* The seconds that the two ends have to prove themselves after their sockets are connected. */
#define PROOF_LIMIT 15

/* The largest letter, in bytes. */
#define LETTER_MAX (64 * 1024)

struct _GmpNetOpening
{
  gatomicrefcount ref_count;
  GCancellable *cancellable;

  GMutex lock;           /* of these */
  GmpDoorbell *doorbell; /* (nullable) */
  GIOStream *stream;     /* (nullable) */
  GError *error;         /* (nullable) */
  int is_done;           /* atomic */

  /* The bus thread's. */
  int fd;
  GSocket *socket; /* (nullable): receives the letter */
  GByteArray *bytes;
  int socket_fd;   /* -1: has not come */
  GmpNetLetter letter;
  GTlsCertificate *certificate; /* (nullable) */
  GIOStream *tls;               /* (nullable) */
  GSource *limit;               /* (nullable) */
  char token[GMP_NET_TOKEN_SIZE];
};

static void
opening_unref (GmpNetOpening *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  if (self->socket_fd != -1)
    close (self->socket_fd);
  if (self->fd != -1)
    close (self->fd);
  g_clear_pointer (&self->doorbell, gmp_doorbell_unref);
  g_clear_object (&self->stream);
  g_clear_error (&self->error);
  g_clear_object (&self->socket);
  g_byte_array_unref (self->bytes);
  gmp_net_letter_clear (&self->letter);
  g_clear_object (&self->certificate);
  g_clear_object (&self->tls);
  g_object_unref (self->cancellable);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* The bus thread has finished with it. Takes ownership of @error (nullable). */
static void
conclude (GmpNetOpening *self,
          GError        *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_clear_error (&error);
      error = g_error_new (GMP_ERROR, GMP_ERROR_DISCONNECTED, "A channel to another node could not "
                           "be opened within %d seconds", PROOF_LIMIT);
    }
  /* The other node cannot be reached, whatever the network's reason is. */
  if (error != NULL && error->domain != GMP_ERROR)
    {
      error->domain = GMP_ERROR;
      error->code = GMP_ERROR_DISCONNECTED;
    }
  if (error != NULL)
    gmp_debug ("a channel to another node is not opened: %s", error->message);
  if (self->limit != NULL)
    g_source_destroy (self->limit);
  g_clear_pointer (&self->limit, g_source_unref);
  /* Wakes the side that waits. */
  if (error != NULL && self->letter.connection != NULL)
    g_socket_shutdown (g_socket_connection_get_socket (self->letter.connection), TRUE, TRUE, NULL);
  g_mutex_lock (&self->lock);
  self->error = error;
  if (error == NULL)
    self->stream = g_object_ref (self->tls);
  g_atomic_int_set (&self->is_done, TRUE);
  if (self->doorbell != NULL)
    gmp_doorbell_ring (self->doorbell);
  g_mutex_unlock (&self->lock);
  opening_unref (self);
}

/* In constant time. */
static gboolean
is_same (const char *a,
         const char *b)
{
  guchar difference = 0;

  for (gsize i = 0; i < GMP_NET_TOKEN_SIZE; i++)
    difference |= (guchar) (a[i] ^ b[i]);
  return difference == 0;
}

static void
token_read_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  GmpNetOpening *self = user_data;
  GError *error = NULL;
  gsize n;

  if (g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error) &&
      (n < sizeof self->token || !is_same (self->token, self->letter.key.token)))
    error = g_error_new_literal (GMP_ERROR, GMP_ERROR_PROTOCOL, "A channel's other end did not "
                                 "prove that it is the client");
  conclude (self, error);
}

static void
token_written_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  conclude (user_data, error);
}

static void
handshaken_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  GmpNetOpening *self = user_data;
  GError *error = NULL;

  if (!g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, &error))
    {
      g_prefix_error (&error, "A channel to another node could not be opened: ");
      conclude (self, error);
      return;
    }
  if (self->letter.key.is_server)
    g_input_stream_read_all_async (g_io_stream_get_input_stream (self->tls), self->token,
                                   sizeof self->token, G_PRIORITY_DEFAULT, self->cancellable,
                                   token_read_cb, self);
  else
    g_output_stream_write_all_async (g_io_stream_get_output_stream (self->tls),
                                     self->letter.key.token, GMP_NET_TOKEN_SIZE,
                                     G_PRIORITY_DEFAULT, self->cancellable, token_written_cb,
                                     self);
}

static gboolean
limit_cb (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

static void
begin_handshake (GmpNetOpening *self)
{
  GIOStream *base = G_IO_STREAM (self->letter.connection);
  GError *error = NULL;

  self->certificate = g_tls_certificate_new_from_pem (self->letter.key.certificate, -1, &error);
  if (self->certificate != NULL)
    self->tls = self->letter.key.is_server
                ? gmp_pinned_tls_new_server (base, self->certificate, &error)
                : gmp_pinned_tls_new (base, self->certificate, &error);
  if (self->tls == NULL)
    {
      conclude (self, error);
      return;
    }
  /* A peer does not end its TLS session: it sends a message, or its process has ended. */
  g_tls_connection_set_require_close_notify (G_TLS_CONNECTION (self->tls), FALSE);
  self->limit = g_timeout_source_new_seconds (PROOF_LIMIT);
  g_source_set_callback (self->limit, limit_cb, self->cancellable, NULL);
  g_source_attach (self->limit, gmp_bus_get_context ());
  g_tls_connection_handshake_async (G_TLS_CONNECTION (self->tls), G_PRIORITY_DEFAULT,
                                    self->cancellable, handshaken_cb, self);
}

static void
take_fds (GmpNetOpening         *self,
          GSocketControlMessage *part)
{
  g_autofree int *fds = NULL;
  int n = 0;

  if (G_IS_UNIX_FD_MESSAGE (part))
    fds = g_unix_fd_message_steal_fds (G_UNIX_FD_MESSAGE (part), &n);
  for (int i = 0; i < n; i++)
    if (self->socket_fd == -1)
      self->socket_fd = fds[i];
    else
      close (fds[i]);
}

/* Returns the same as g_socket_receive(). */
static gssize
receive (GmpNetOpening *self,
         GError       **error)
{
  guint8 buffer[4096];
  GInputVector place = { buffer, sizeof buffer };
  GSocketControlMessage **parts = NULL;
  int n_parts = 0;
  gssize n = g_socket_receive_message (self->socket, NULL, &place, 1, &parts, &n_parts, NULL,
                                       self->cancellable, error);

  for (int i = 0; i < n_parts; i++)
    {
      take_fds (self, parts[i]);
      g_object_unref (parts[i]);
    }
  g_free (parts);
  if (n > 0 && self->bytes->len < LETTER_MAX)
    g_byte_array_append (self->bytes, buffer, (guint) n);
  return n;
}

static gboolean
letter_cb (GSocket     *socket G_GNUC_UNUSED,
           GIOCondition condition G_GNUC_UNUSED,
           gpointer     user_data)
{
  GmpNetOpening *self = user_data;
  GError *error = NULL;
  gssize n;
  int fd;

  do
    n = receive (self, &error);
  while (n > 0);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_error_free (error);
      return G_SOURCE_CONTINUE;
    }
  g_clear_object (&self->socket);
  fd = self->socket_fd;
  self->socket_fd = -1;
  if (error == NULL && gmp_net_letter_read (&self->letter, self->bytes, fd, &error))
    begin_handshake (self);
  else
    conclude (self, error);
  return G_SOURCE_REMOVE;
}

static gboolean
begin_cb (gpointer user_data)
{
  GmpNetOpening *self = user_data;
  g_autoptr (GSource) source = NULL;
  GError *error = NULL;

  self->socket = g_socket_new_from_fd (self->fd, &error);
  if (self->socket == NULL)
    {
      conclude (self, error);
      return G_SOURCE_REMOVE;
    }
  self->fd = -1;
  g_socket_set_blocking (self->socket, FALSE);
  source = g_socket_create_source (self->socket, G_IO_IN, NULL);
  gmp_source_add_cancel (source, self->cancellable);
  g_source_set_callback (source, G_SOURCE_FUNC (letter_cb), self, NULL);
  g_source_attach (source, gmp_bus_get_context ());
  return G_SOURCE_REMOVE;
}

/* Takes ownership of @fd, which receives the letter. In a worker it is called before the run, whose
 * code may change the environment. The library for TLS reads that when it is loaded, and getenv ()
 * is not safe then, so the thread of the bus would be too late. */
GmpNetOpening *
gmp_net_opening_new (int      fd,
                     GError **error)
{
  GmpNetOpening *self;

  if (!gmp_bus_begin (error))
    {
      close (fd);
      return NULL;
    }
  self = g_new0 (GmpNetOpening, 1);
  g_tls_backend_get_default ();
  g_atomic_ref_count_init (&self->ref_count);
  g_atomic_ref_count_inc (&self->ref_count);
  g_mutex_init (&self->lock);
  self->cancellable = g_cancellable_new ();
  self->bytes = g_byte_array_new ();
  self->fd = fd;
  self->socket_fd = -1;
  g_main_context_invoke (gmp_bus_get_context (), begin_cb, self);
  return self;
}

/* Rings when it is done. */
void
gmp_net_opening_watch (GmpNetOpening *self,
                       GmpDoorbell   *doorbell)
{
  g_mutex_lock (&self->lock);
  g_clear_pointer (&self->doorbell, gmp_doorbell_unref);
  self->doorbell = gmp_doorbell_ref (doorbell);
  if (g_atomic_int_get (&self->is_done))
    gmp_doorbell_ring (doorbell);
  g_mutex_unlock (&self->lock);
}

gboolean
gmp_net_opening_is_done (GmpNetOpening *self)
{
  return g_atomic_int_get (&self->is_done);
}

/* Call it once, when it is done: the stream, or an error. */
GIOStream *
gmp_net_opening_finish (GmpNetOpening *self,
                        GError       **error)
{
  GIOStream *stream;

  g_mutex_lock (&self->lock);
  stream = g_steal_pointer (&self->stream);
  if (stream == NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  g_mutex_unlock (&self->lock);
  return stream;
}

/* Gives up, unless it is done. */
void
gmp_net_opening_free (GmpNetOpening *self)
{
  g_cancellable_cancel (self->cancellable);
  opening_unref (self);
}
