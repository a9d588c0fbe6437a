/* gmp-reception.c: invites agents, and lets in those that were invited
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-reception-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-version.h"
#include "cluster/gmp-engine-private.h"
#include "peer/gmp-addresses-private.h"
#include "peer/gmp-door-private.h"
#include "peer/gmp-pinned-tls-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The agent's program. */
#define AGENT_VARIABLE "GMPROC_AGENT"
#define AGENT_PROGRAM  GMP_LIBEXECDIR "/gmproc-agent"

/* In seconds: how long an agent may be silent. */
#define TIMEOUT_VARIABLE "GMPROC_NODE_TIMEOUT"
#define TIMEOUT          15

/* The seconds that a connection has to prove that it is an agent, and the number of connections
 * that may try at a time. */
#define PROOF_LIMIT 10
#define MAX_STRANGERS 256
#define BACKLOG 1024

/* A TLS connection begins with a record of this type, whose size is in the last two bytes of its
 * header. A worker that connects a channel begins differently: see GmpDoor. */
#define RECORD_HEADER    5
#define RECORD_HANDSHAKE 22
#define RECORD_MAX       (16 * 1024)

/* In bytes. */
#define TOKEN_SIZE 32

/* A command that was started. */
typedef struct {
  GmpReception *owner;
  GPtrArray *commands;     /* owns the next member */
  GmpEngineCommand *command;
  char *token;
  GSubprocess *process; /* (nullable): it has ended */
  gboolean *has_connected; /* of its agents, by number */
  guint n_missing;
} Invitation;

struct _GmpReception
{
  const char *launcher; /* as gmp_engine_choose() returned it */
  GmpReceptionOpened opened;
  GmpReceptionArrived arrived;
  GmpReceptionEnded ended;
  gpointer user_data;

  char *pem; /* (nullable): a certificate that was made for this program's run, and its key */
  GTlsCertificate *certificate; /* (nullable): the same */
  GmpDoor *door;                /* for workers that connect to this process */
  GSocketService *service;
  guint16 port;
  GQueue strangers;       /* of Stranger: the first has been there longest */
  GPtrArray *commands;    /* (nullable) */
  GPtrArray *invitations; /* of Invitation */
  gboolean is_closing;
};

static const char *
get_agent (void)
{
  const char *agent = gmp_environment_get (AGENT_VARIABLE);

  return agent != NULL ? agent : AGENT_PROGRAM;
}

double
gmp_reception_get_timeout (GmpReception *self G_GNUC_UNUSED)
{
  const char *text = gmp_environment_get (TIMEOUT_VARIABLE);
  double seconds = text != NULL ? g_ascii_strtod (text, NULL) : TIMEOUT;

  return seconds > 0 ? CLAMP (seconds, 0.1, 1e6) : TIMEOUT;
}

/* Strangers. */

typedef struct {
  GmpReception *owner;
  GSocketConnection *socket;
  int n_awaited;  /* bytes */
  GIOStream *tls; /* (nullable) */
  GmpBus *bus;    /* (nullable) */
  GCancellable *cancellable;
  GSource *limit;
} Stranger;

static void
stranger_free (Stranger *stranger)
{
  g_queue_remove (&stranger->owner->strangers, stranger);
  g_source_destroy (stranger->limit);
  g_source_unref (stranger->limit);
  g_clear_object (&stranger->bus);
  g_clear_object (&stranger->tls);
  g_object_unref (stranger->socket);
  g_object_unref (stranger->cancellable);
  g_free (stranger);
}

/* A refused client waits forever unless its socket is closed. Takes ownership of @error. */
static void
refuse (Stranger *stranger,
        GError   *error)
{
  gmp_debug ("a connection is refused: %s", error->message);
  g_error_free (error);
  if (stranger->bus != NULL)
    gmp_bus_close (stranger->bus);
  g_socket_shutdown (g_socket_connection_get_socket (stranger->socket), TRUE, TRUE, NULL);
  stranger_free (stranger);
}

static gboolean
limit_cb (gpointer stranger)
{
  g_cancellable_cancel (((Stranger *) stranger)->cancellable);
  return G_SOURCE_REMOVE;
}

/* In constant time. */
static gboolean
is_same (const char *a,
         const char *b)
{
  gsize n = strlen (a);
  guchar difference = 0;

  if (strlen (b) != n)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    difference |= (guchar) (a[i] ^ b[i]);
  return difference == 0;
}

/* Each agent comes once. */
static gboolean
take_place (GmpReception *self,
            const char   *token,
            guint         node,
            guint        *number)
{
  for (guint i = 0; i < self->invitations->len; i++)
    {
      Invitation *invitation = self->invitations->pdata[i];
      gboolean is_single = invitation->command->node != -1;
      guint place = is_single ? 0 : node;

      if (!is_same (invitation->token, token) || place >= invitation->command->n_agents ||
          invitation->has_connected[place] ||
          (is_single && (int) node != invitation->command->node))
        continue;
      invitation->has_connected[place] = TRUE;
      invitation->n_missing--;
      *number = node;
      return TRUE;
    }
  return FALSE;
}

static void
hello_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  Stranger *stranger = user_data;
  GmpReception *self = stranger->owner;
  GError *error = NULL;
  g_autoptr (GVariant) answer =
      g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  GmpAgentHello hello = { 0 };
  g_autofree const char **addresses = NULL;
  const char *token;
  const char *version;

  if (answer == NULL)
    {
      refuse (stranger, error);
      return;
    }
  g_variant_get (answer, "(&s&su&suq^a&s)", &token, &version, &hello.node, &hello.name,
                 &hello.slots, &hello.port, &addresses);
  hello.addresses = addresses;
  if (!take_place (self, token, hello.node, &hello.node))
    {
      refuse (stranger, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "it was not invited"));
      return;
    }
  if (!g_str_equal (version, gmp_get_version_string ()))
    g_warning ("Node %s has gmproc %s, and this program %s: workers may fail there", hello.name,
               version, gmp_get_version_string ());
  self->arrived (stranger->bus, &hello, self->user_data);
  stranger_free (stranger);
}

static void
bus_opened_cb (GObject      *source G_GNUC_UNUSED,
               GAsyncResult *result,
               gpointer      user_data)
{
  Stranger *stranger = user_data;
  GError *error = NULL;

  stranger->bus = gmp_bus_open_finish (result, &error);
  if (stranger->bus == NULL)
    {
      refuse (stranger, error);
      return;
    }
  g_dbus_connection_start_message_processing (gmp_bus_get_connection (stranger->bus));
  g_dbus_connection_call (gmp_bus_get_connection (stranger->bus), NULL, GMP_AGENT_PATH,
                          GMP_AGENT_INFO->name, "Hello", NULL, G_VARIANT_TYPE ("(ssusuqas)"),
                          G_DBUS_CALL_FLAGS_NONE, G_MAXINT, stranger->cancellable, hello_cb,
                          stranger);
}

static void
handshaken_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  Stranger *stranger = user_data;
  GError *error = NULL;

  if (!g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, &error))
    {
      refuse (stranger, error);
      return;
    }
  /* The certificate is the application's proof, the token will be the agent's. */
  gmp_bus_open_async (stranger->tls, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS,
                      stranger->cancellable, bus_opened_cb, stranger);
}

static void
begin_handshake (Stranger *stranger)
{
  stranger->tls = gmp_pinned_tls_new_server (G_IO_STREAM (stranger->socket),
                                             stranger->owner->certificate, NULL);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (stranger->tls), G_PRIORITY_DEFAULT,
                                    stranger->cancellable, handshaken_cb, stranger);
}

/* The socket is readable when this many bytes have arrived. */
static void
await_bytes (Stranger *stranger,
             int       n)
{
  g_socket_set_option (g_socket_connection_get_socket (stranger->socket), SOL_SOCKET, SO_RCVLOWAT,
                       n, NULL);
  stranger->n_awaited = n;
}

/* A handshake uses a thread of GTask, so it begins only when the client's first record has
 * arrived: silent or invalid connections use none. */
static gboolean
readable_cb (GSocket     *socket,
             GIOCondition condition G_GNUC_UNUSED,
             gpointer     user_data)
{
  Stranger *stranger = user_data;
  guint8 header[RECORD_HEADER];
  int size;

  if (recv (g_socket_get_fd (socket), header, sizeof header, MSG_PEEK | MSG_DONTWAIT) !=
      sizeof header || g_cancellable_is_cancelled (stranger->cancellable))
    {
      refuse (stranger, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "its greeting is incomplete"));
      return G_SOURCE_REMOVE;
    }
  if (memcmp (header, GMP_DOOR_MARK, GMP_DOOR_MARK_SIZE) == 0)
    {
      gmp_door_take (stranger->owner->door, stranger->socket);
      stranger_free (stranger);
      return G_SOURCE_REMOVE;
    }
  size = RECORD_HEADER + header[3] * 256 + header[4];
  if (header[0] != RECORD_HANDSHAKE || size > RECORD_MAX)
    {
      refuse (stranger, g_error_new (GMP_ERROR, GMP_ERROR_PROTOCOL, "it does not use TLS"));
      return G_SOURCE_REMOVE;
    }
  if (stranger->n_awaited < size)
    {
      await_bytes (stranger, size);
      return G_SOURCE_CONTINUE;
    }
  await_bytes (stranger, 1);
  begin_handshake (stranger);
  return G_SOURCE_REMOVE;
}

static gboolean
incoming_cb (GSocketService    *service G_GNUC_UNUSED,
             GSocketConnection *connection,
             GObject           *source G_GNUC_UNUSED,
             gpointer           user_data)
{
  GmpReception *self = user_data;
  GSocket *socket = g_socket_connection_get_socket (connection);
  Stranger *stranger = g_new0 (Stranger, 1);
  g_autoptr (GSource) readable = NULL;

  /* Silent connections do not keep an agent out. */
  if (self->strangers.length >= MAX_STRANGERS)
    limit_cb (g_queue_peek_head (&self->strangers));
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  stranger->owner = self;
  g_queue_push_tail (&self->strangers, stranger);
  stranger->socket = g_object_ref (connection);
  stranger->cancellable = g_cancellable_new ();
  stranger->limit = g_timeout_source_new_seconds (PROOF_LIMIT);
  g_source_set_callback (stranger->limit, limit_cb, stranger, NULL);
  g_source_attach (stranger->limit, g_main_context_get_thread_default ());
  await_bytes (stranger, RECORD_HEADER);
  readable = g_socket_create_source (socket, G_IO_IN, stranger->cancellable);
  g_source_set_callback (readable, G_SOURCE_FUNC (readable_cb), stranger, NULL);
  g_source_attach (readable, g_main_context_get_thread_default ());
  return TRUE;
}

/* Invitations. */

static char *
make_token (void)
{
  guint8 bytes[TOKEN_SIZE];
  GString *text = g_string_new (NULL);

  if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    g_error ("There are no random numbers");
  for (gsize i = 0; i < sizeof bytes; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

/* One line, which the agent reads from its standard input. */
static char *
make_letter (GmpReception     *self,
             GmpEngineCommand *command,
             const char       *token)
{
  g_auto (GStrv) addresses = gmp_addresses_list ();
  g_autofree char *certificate = NULL;
  g_autoptr (GVariant) letter = NULL;
  g_autofree char *text = NULL;
  GVariantDict dict;

  /* Without its key. */
  g_object_get (self->certificate, "certificate-pem", &certificate, NULL);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "certificate", "s", certificate);
  g_variant_dict_insert (&dict, "token", "s", token);
  g_variant_dict_insert (&dict, "node", "i", command->node);
  g_variant_dict_insert (&dict, "name", "s", command->node != -1 ? command->name : "");
  g_variant_dict_insert (&dict, "port", "q", self->port);
  g_variant_dict_insert (&dict, "addresses", "^as", addresses);
  g_variant_dict_insert (&dict, "timeout", "d", gmp_reception_get_timeout (self));
  letter = g_variant_ref_sink (g_variant_dict_end (&dict));
  text = g_variant_print (letter, TRUE);
  return g_strconcat (text, "\n", NULL);
}

static char *
describe_end (Invitation *invitation)
{
  GmpEngineCommand *command = invitation->command;
  GSubprocess *process = invitation->process;

  if (process == NULL)
    return g_strdup_printf ("the command for %s (%s) could not be started", command->name,
                            command->argv[0]);
  if (g_subprocess_get_if_signaled (process))
    return g_strdup_printf ("the command for %s (%s) was killed by signal %d", command->name,
                            command->argv[0], g_subprocess_get_term_sig (process));
  return g_strdup_printf ("the command for %s (%s) exited with status %d", command->name,
                          command->argv[0], g_subprocess_get_exit_status (process));
}

static void
end_invitation (Invitation *invitation)
{
  GmpReception *self = invitation->owner;
  g_autofree char *description = describe_end (invitation);
  g_autoptr (GPtrArray) others = NULL;

  gmp_debug ("%s", description);
  if (invitation->process != NULL && !self->is_closing && invitation->n_missing > 0)
    others = gmp_engine_divide (invitation->command, get_agent ());
  else if (invitation->process != NULL && !self->is_closing &&
           !g_subprocess_get_successful (invitation->process))
    g_message ("Agents may have ended: %s", description);
  self->ended (description, invitation->n_missing, others, self->user_data);
  g_clear_object (&invitation->process);
  g_ptr_array_remove (self->invitations, invitation);
}

static void
waited_cb (GObject      *source G_GNUC_UNUSED,
           GAsyncResult *result G_GNUC_UNUSED,
           gpointer      user_data)
{
  end_invitation (user_data);
}

/* The application handles Ctrl-C. The thread that starts this one blocks signals. */
static void
begin_session_cb (gpointer unused G_GNUC_UNUSED)
{
  sigset_t nothing;

  sigemptyset (&nothing);
  sigprocmask (SIG_SETMASK, &nothing, NULL);
  setsid ();
}

static void
invite (GmpReception     *self,
        GPtrArray        *commands,
        GmpEngineCommand *command)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE);
  Invitation *invitation = g_new0 (Invitation, 1);
  g_autofree char *letter = NULL;
  g_autoptr (GError) error = NULL;

  invitation->owner = self;
  invitation->commands = g_ptr_array_ref (commands);
  invitation->command = command;
  invitation->token = make_token ();
  invitation->has_connected = g_new0 (gboolean, command->n_agents);
  invitation->n_missing = command->n_agents;
  g_ptr_array_add (self->invitations, invitation);
  letter = make_letter (self, command, invitation->token);
  g_subprocess_launcher_set_child_setup (launcher, begin_session_cb, NULL, NULL);
  invitation->process = g_subprocess_launcher_spawnv (
    launcher, (const char * const *) command->argv, &error);
  if (invitation->process == NULL)
    {
      gmp_debug ("%s", error->message);
      end_invitation (invitation);
      return;
    }
  g_output_stream_write_all (g_subprocess_get_stdin_pipe (invitation->process), letter,
                             strlen (letter), NULL, NULL, NULL);
  g_subprocess_wait_async (invitation->process, NULL, waited_cb, invitation);
}

void
gmp_reception_invite (GmpReception *self,
                      GPtrArray    *commands)
{
  for (guint i = 0; i < commands->len; i++)
    invite (self, commands, commands->pdata[i]);
}

/* The nodes whose agents have not come; for a command of several, how many have not. */
char *
gmp_reception_list_missing (GmpReception *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < self->invitations->len; i++)
    {
      Invitation *invitation = self->invitations->pdata[i];
      GmpEngineCommand *command = invitation->command;

      if (invitation->n_missing == 0)
        continue;
      if (text->len > 0)
        g_string_append (text, ", ");
      if (command->node == -1)
        g_string_append_printf (text, "%u of %u nodes of ", invitation->n_missing,
                                command->n_agents);
      g_string_append (text, command->name);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* Channels. */

/* The data with which the two ends of a channel reach each other, floating, for a server at
 * @port of one of the @addresses. */
void
gmp_reception_introduce (GmpReception       *self,
                         guint16             port,
                         const char * const *addresses,
                         GVariant          **client,
                         GVariant          **server)
{
  g_autofree char *token = make_token ();
  g_autofree char *certificate = NULL;
  GVariantDict dict;

  g_object_get (self->certificate, "certificate-pem", &certificate, NULL);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "certificate", "s", certificate);
  g_variant_dict_insert (&dict, "token", "s", token);
  g_variant_dict_insert (&dict, "port", "q", port);
  g_variant_dict_insert (&dict, "addresses", "^as", addresses);
  *client = g_variant_dict_end (&dict);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "certificate", "s", self->pem);
  g_variant_dict_insert (&dict, "token", "s", token);
  *server = g_variant_dict_end (&dict);
}

/* A channel that this process serves. */
typedef struct {
  GmpDoor *door;
  char *name;
  GmpNetKey key;
  int fd;
} Serving;

static gboolean
serve_cb (gpointer user_data)
{
  Serving *serving = user_data;

  gmp_door_expect (serving->door, serving->name, &serving->key, serving->fd);
  g_free (serving->name);
  gmp_net_key_clear (&serving->key);
  g_free (serving);
  return G_SOURCE_REMOVE;
}

/* The client of the channel @name will come to this process, and its connection goes to the server
 * by @fd, which is taken over. Returns what the client needs to know, floating. */
GVariant *
gmp_reception_serve (GmpReception *self,
                     const char   *name,
                     int           fd)
{
  g_auto (GStrv) addresses = gmp_addresses_list ();
  Serving *serving = g_new0 (Serving, 1);
  g_autoptr (GVariant) server = NULL;
  GVariant *client;

  gmp_reception_introduce (self, self->port, (const char * const *) addresses, &client, &server);
  g_variant_ref_sink (server);
  serving->door = self->door;
  serving->name = g_strdup (name);
  gmp_net_key_read (&serving->key, server);
  serving->fd = fd;
  g_main_context_invoke (gmp_bus_get_context (), serve_cb, serving);
  return client;
}

/* The port. */

static gboolean
listen_to_port (GmpReception *self,
                const char   *pem,
                GError      **error)
{
  self->certificate = g_tls_certificate_new_from_pem (pem, -1, error);
  if (self->certificate == NULL)
    {
      g_prefix_error (error, "TLS is not available (is glib-networking installed?): ");
      return FALSE;
    }
  self->pem = g_strdup (pem);
  self->service = g_socket_service_new ();
  /* All agents may come at once. */
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (self->service), BACKLOG);
  self->port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (self->service), NULL, error);
  g_signal_connect (self->service, "incoming", G_CALLBACK (incoming_cb), self);
  return self->port != 0;
}

/* Takes ownership of @error. */
static void
report_opened (GmpReception *self,
               GError       *error)
{
  GError *wrapped = error == NULL || error->domain == GMP_ERROR
                    ? error : g_error_new (GMP_ERROR, GMP_ERROR_LAUNCH,
                                           "agents cannot be started: %s", error->message);

  self->opened (self->commands, wrapped, self->user_data);
  if (wrapped != error)
    g_error_free (wrapped);
  g_clear_error (&error);
}

static void
certificate_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  GmpReception *self = user_data;
  GSubprocess *process = G_SUBPROCESS (source);
  g_autofree char *pem = NULL;
  GError *error = NULL;

  if (g_subprocess_communicate_utf8_finish (process, result, &pem, NULL, &error) &&
      g_subprocess_get_successful (process))
    listen_to_port (self, pem, &error);
  else if (error == NULL)
    g_set_error (&error, GMP_ERROR, GMP_ERROR_LAUNCH, "'%s' could not create a certificate",
                 get_agent ());
  report_opened (self, error);
}

/* The agent's program makes the certificate, so that this one need not load what that takes. */
void
gmp_reception_open (GmpReception *self)
{
  g_autoptr (GSubprocess) process = NULL;
  GError *error = NULL;

  g_clear_pointer (&self->commands, g_ptr_array_unref);
  self->commands = gmp_engine_get_commands (self->launcher, get_agent (), &error);
  if (self->commands == NULL || self->certificate != NULL)
    {
      report_opened (self, error);
      return;
    }
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, get_agent (),
                              "--certificate", NULL);
  if (process == NULL)
    report_opened (self, error);
  else
    g_subprocess_communicate_utf8_async (process, NULL, NULL, certificate_cb, self);
}

/* Agents end by themselves when they are disconnected, and the commands with them. Commands that
 * still wait are terminated; with @by_force, all remaining ones are killed. */
void
gmp_reception_close (GmpReception *self,
                     gboolean      by_force)
{
  self->is_closing = TRUE;
  if (self->service != NULL)
    g_socket_service_stop (self->service);
  for (guint i = 0; i < self->invitations->len; i++)
    {
      Invitation *invitation = self->invitations->pdata[i];

      if (invitation->process != NULL && (by_force || invitation->n_missing > 0))
        g_subprocess_send_signal (invitation->process, by_force ? SIGKILL : SIGTERM);
    }
}

static void
invitation_free (gpointer data)
{
  Invitation *invitation = data;

  g_ptr_array_unref (invitation->commands);
  g_free (invitation->token);
  g_free (invitation->has_connected);
  g_free (invitation);
}

/* @launcher is what gmp_engine_choose() returned, and has to stay. */
GmpReception *
gmp_reception_new (const char         *launcher,
                   GmpReceptionOpened  opened,
                   GmpReceptionArrived arrived,
                   GmpReceptionEnded   ended,
                   gpointer            user_data)
{
  GmpReception *self = g_new0 (GmpReception, 1);

  self->launcher = launcher;
  self->opened = opened;
  self->arrived = arrived;
  self->ended = ended;
  self->user_data = user_data;
  self->door = gmp_door_new ();
  self->invitations = g_ptr_array_new_with_free_func (invitation_free);
  return self;
}
