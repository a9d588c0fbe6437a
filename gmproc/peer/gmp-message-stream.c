/* gmp-message-stream.c: D-Bus messages, to and from another process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-message-stream-private.h"

#include "base/gmp-error-private.h"
#include "base/gmp-fork-private.h"

/* The largest text of an error or a log message, in bytes. */
#define MAX_TEXT ((gsize) 1024 * 1024)

typedef struct {
  guint generation; /* of this process, by gmp_fork_get_generation() */
} GmpMessageStreamPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpMessageStream, gmp_message_stream, G_TYPE_OBJECT)

static void
gmp_message_stream_real_attach (GmpMessageStream *self G_GNUC_UNUSED,
                                GSource          *source,
                                GMainContext     *context)
{
  g_source_attach (source, context);
}

static void
gmp_message_stream_class_init (GmpMessageStreamClass *klass)
{
  klass->attach = gmp_message_stream_real_attach;
}

static void
gmp_message_stream_init (GmpMessageStream *self)
{
  GmpMessageStreamPrivate *priv = gmp_message_stream_get_instance_private (self);

  priv->generation = gmp_fork_get_generation ();
}

/* TRUE if it belongs to the parent of this forked process: then nothing is read here. */
gboolean
gmp_message_stream_is_foreign (GmpMessageStream *self)
{
  GmpMessageStreamPrivate *priv = gmp_message_stream_get_instance_private (self);

  return priv->generation != gmp_fork_get_generation ();
}

/* Closes it. */
void
gmp_message_stream_free (GmpMessageStream *self)
{
  g_object_run_dispose (G_OBJECT (self));
  g_object_unref (self);
}

/* Attached to the thread-default main context. */
GSource *
gmp_message_stream_create_source (GmpMessageStream *self,
                                  int               priority,
                                  GIOCondition      condition,
                                  GCancellable     *cancellable,
                                  GSocketSourceFunc callback,
                                  gpointer          user_data)
{
  GMainContext *context = g_main_context_get_thread_default ();
  GSource *source = GMP_MESSAGE_STREAM_GET_CLASS (self)->create_source (self, condition,
                                                                        cancellable);

  g_source_set_priority (source, priority);
  g_source_set_callback (source, G_SOURCE_FUNC (callback), user_data, NULL);
  GMP_MESSAGE_STREAM_GET_CLASS (self)->attach (self, source, context != NULL
                                               ? context : g_main_context_default ());
  return source;
}

gboolean
gmp_message_stream_is_open (GmpMessageStream *self)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->is_open (self);
}

guint64
gmp_message_stream_get_n_taken (GmpMessageStream *self)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->get_n_taken (self);
}

gsize
gmp_message_stream_get_n_waiting (GmpMessageStream *self)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->get_n_waiting (self);
}

GDBusMessage *
gmp_message_stream_receive (GmpMessageStream *self,
                            GError          **error)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->receive (self, error);
}

gboolean
gmp_message_stream_send (GmpMessageStream *self,
                         GDBusMessage     *message,
                         GError          **error)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->send (self, message, error);
}

gboolean
gmp_message_stream_post (GmpMessageStream *self,
                         GDBusMessage     *message)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->post (self, message);
}

gboolean
gmp_message_stream_flush (GmpMessageStream *self)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->flush (self);
}

gboolean
gmp_message_stream_has_unsent (GmpMessageStream *self)
{
  return GMP_MESSAGE_STREAM_GET_CLASS (self)->has_unsent (self);
}

/* TRUE if the body of @message matches @arguments (nullable). */
gboolean
gmp_message_stream_has_arguments (GDBusMessage  *message,
                                  GDBusArgInfo **arguments)
{
  g_autoptr (GString) signature = g_string_new (NULL);

  for (; arguments != NULL && *arguments != NULL; arguments++)
    g_string_append (signature, (*arguments)->signature);
  return g_str_equal (signature->str, g_dbus_message_get_signature (message));
}

/* The part of a user's text that is sent: valid, and not longer than MAX_TEXT. */
char *
gmp_message_stream_limit_text (const char *text)
{
  return g_utf8_make_valid (text, MIN (strlen (text), MAX_TEXT));
}

/* The start of the name that GDBus gives to an error of an unknown domain, and the text before the
 * code. */
#define UNMAPPED "org.gtk.GDBus.UnmappedGError.Quark._"
#define CODE     ".Code"

/* A D-Bus error that keeps the domain and code of @error. Its name is the one that GDBus writes and
 * reads for errors of unknown domains. g_dbus_error_encode_gerror() would return the same, but
 * starts GTask's threads, and aborts if it cannot create them. */
GDBusMessage *
gmp_message_stream_new_error (GDBusMessage *call,
                              const GError *error)
{
  g_autoptr (GString) name = g_string_new (UNMAPPED);
  g_autofree char *text = gmp_message_stream_limit_text (error->message);
  GmpErrorName sent = gmp_error_get_name (error);

  for (const char *c = sent.domain; *c != '\0'; c++)
    if (g_ascii_isalnum (*c))
      g_string_append_c (name, *c);
    else
      g_string_append_printf (name, "_%02x", (guchar) *c);
  /* A name cannot contain a minus; gmp_message_stream_read_error() converts it back to an int. */
  g_string_append_printf (name, CODE "%u", (guint) sent.code);
  return g_dbus_message_new_method_error_literal (call, name->str, text);
}

/* The error in a reply, with its own domain and code. GDBus reads the code as a long, which cannot
 * hold a negative code's unsigned form on 32 bits. */
GError *
gmp_message_stream_read_error (GDBusMessage *reply)
{
  const char *name = g_dbus_message_get_error_name (reply);
  const char *code = name != NULL && g_str_has_prefix (name, UNMAPPED) ? g_strrstr (name, CODE)
                                                                       : NULL;
  GError *error = NULL;

  g_dbus_message_to_gerror (reply, &error);
  g_dbus_error_strip_remote_error (error);
  if (code != NULL)
    error->code = (int) g_ascii_strtoull (code + strlen (CODE), NULL, 10);
  return error;
}
