/* gmproc-agent.c: the program that starts workers on another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Usage: gmproc-agent                 an application starts it, and writes a line to its input
 *        gmproc-agent --certificate   prints a new certificate and its key
 */

#include "agent/gmp-agent-private.h"
#include "agent/gmp-certificate-private.h"
#include "base/gmp-error.h"
#include "peer/gmp-door-private.h"
#include "peer/gmp-pinned-tls-private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The seconds that an address has to answer. */
#define CONNECT_LIMIT 10

/* The maximal length of a letter, in bytes. */
#define LETTER_MAX (64 * 1024)

/* An application's letter: its addresses, its certificate, and the token that it expects. */
typedef struct {
  GTlsCertificate *certificate;
  GmpAgentIdentity identity;
  guint16 port;
  char **addresses;
  char *greeting;
  double timeout;
} Letter;

/* One line, read byte by byte, because the bytes behind it are not for the agent. */
static char *
read_line (void)
{
  g_autoptr (GString) line = g_string_new (NULL);
  char byte;

  while (line->len < LETTER_MAX && read (STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
    g_string_append_c (line, byte);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

/* Workers must not read standard input, or find the letter there. */
static void
close_input (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  if (fd > 0)
    {
      dup2 (fd, STDIN_FILENO);
      close (fd);
    }
}

static guint
count_slots (void)
{
  const char *text = g_getenv ("SLURM_CPUS_ON_NODE");
  guint64 n = 0;

  if (text != NULL && g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &n, NULL))
    return (guint) n;
  return g_get_num_processors ();
}

static gboolean
read_identity (GVariant         *letter,
               GmpAgentIdentity *identity)
{
  const char *name = g_getenv ("SLURMD_NODENAME");
  const char *number = g_getenv ("SLURM_NODEID");
  guint64 n = 0;
  int node = -1;

  g_variant_lookup (letter, "node", "i", &node);
  g_variant_lookup (letter, "name", "s", &identity->name);
  if (!g_variant_lookup (letter, "token", "s", &identity->token))
    return FALSE;
  if (node == -1 && (number == NULL ||
                     !g_ascii_string_to_unsigned (number, 10, 0, G_MAXUINT16, &n, NULL)))
    return FALSE;
  identity->node = node != -1 ? (guint) node : (guint) n;
  if (identity->name == NULL || identity->name[0] == '\0')
    {
      g_free (identity->name);
      identity->name = g_strdup (name != NULL ? name : g_get_host_name ());
    }
  identity->slots = count_slots ();
  return TRUE;
}

static gboolean
read_letter (Letter  *self,
             GError **error)
{
  g_autofree char *text = read_line ();
  g_autoptr (GVariant) letter = g_variant_parse (G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
  g_autofree char *pem = NULL;

  memset (text, 0, strlen (text));
  close_input ();
  if (letter == NULL || !read_identity (letter, &self->identity) ||
      !g_variant_lookup (letter, "certificate", "s", &pem) ||
      !g_variant_lookup (letter, "port", "q", &self->port) ||
      !g_variant_lookup (letter, "addresses", "^as", &self->addresses) ||
      !g_variant_lookup (letter, "greeting", "s", &self->greeting) ||
      !g_variant_lookup (letter, "timeout", "d", &self->timeout))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "standard input has no line from an "
                   "application: programs start agents, see GMPROC_LAUNCHER");
      return FALSE;
    }
  self->certificate = g_tls_certificate_new_from_pem (pem, -1, error);
  return self->certificate != NULL;
}

/* Those that do not begin with this have no handshake. */
static gboolean
greet (Letter  *self,
       GSocket *socket,
       GError **error)
{
  g_autofree char *text = g_strconcat (GMP_AGENT_MARK, self->greeting, NULL);

  return g_socket_send (socket, text, strlen (text), NULL, error) == (gssize) strlen (text);
}

static GIOStream *
connect_to (Letter     *self,
            const char *address,
            GError    **error)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GIOStream) tls = NULL;
  GSocket *socket;

  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_set_timeout (client, CONNECT_LIMIT);
  connection = g_socket_client_connect_to_host (client, address, self->port, NULL, error);
  if (connection == NULL)
    return NULL;
  socket = g_socket_connection_get_socket (connection);
  g_socket_set_option (socket, 6 /* IPPROTO_TCP */, 1 /* TCP_NODELAY */, 1, NULL);
  if (!greet (self, socket, error))
    return NULL;
  /* The application is identified by the certificate in the letter. */
  tls = gmp_pinned_tls_new (G_IO_STREAM (connection), self->certificate, error);
  if (tls == NULL)
    return NULL;
  if (!g_tls_connection_handshake (G_TLS_CONNECTION (tls), NULL, error))
    return NULL;
  g_socket_set_timeout (socket, 0);
  return g_steal_pointer (&tls);
}

static GIOStream *
connect_to_any (Letter  *self,
                GError **error)
{
  GIOStream *stream = NULL;

  g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED, "the application has no address");
  for (char **address = self->addresses; *address != NULL && stream == NULL; address++)
    {
      g_autoptr (GError) local = NULL;

      stream = connect_to (self, *address, &local);
      if (stream == NULL)
        {
          g_clear_error (error);
          g_set_error (error, GMP_ERROR, GMP_ERROR_DISCONNECTED,
                       "the application cannot be reached at %s, port %u, nor at another of its "
                       "addresses: %s", *address, self->port, local->message);
        }
    }
  if (stream != NULL)
    g_clear_error (error);
  return stream;
}

static void
letter_clear (Letter *self)
{
  g_clear_object (&self->certificate);
  g_clear_pointer (&self->identity.token, g_free);
  g_clear_pointer (&self->identity.name, g_free);
  g_clear_pointer (&self->identity.door, gmp_door_free);
  g_clear_pointer (&self->addresses, g_strfreev);
  g_clear_pointer (&self->greeting, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Letter, letter_clear)

static gboolean
run (GError **error)
{
  g_auto (Letter) letter = { 0 };
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GmpBus) bus = NULL;

  if (!read_letter (&letter, error))
    return FALSE;
  stream = connect_to_any (&letter, error);
  if (stream == NULL)
    return FALSE;
  letter.identity.door = gmp_door_new ();
  if (!gmp_door_listen (letter.identity.door, &letter.identity.port, error))
    {
      g_prefix_error (error, "no port can be opened for workers of other nodes: ");
      return FALSE;
    }
  bus = gmp_bus_open_sync (stream, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, error);
  if (bus == NULL)
    return FALSE;
  gmp_agent_serve (bus, &letter.identity, letter.timeout);
  return TRUE;
}

static gboolean
print_certificate (GError **error)
{
  g_autofree char *pem = gmp_certificate_make (error);

  if (pem != NULL)
    fputs (pem, stdout);
  return pem != NULL && fflush (stdout) == 0;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean is_printing = argc == 2 && g_str_equal (argv[1], "--certificate");

  if (is_printing ? print_certificate (&error) : run (&error))
    return EXIT_SUCCESS;
  g_printerr ("gmproc-agent on %s: %s\n", g_get_host_name (), error->message);
  return EXIT_FAILURE;
}
