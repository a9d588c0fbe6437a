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
#include "cluster/gmp-agent-port-private.h"
#include "cluster/gmp-engine-private.h"
#include "launch/gmp-launcher-private.h"
#include "peer/gmp-addresses-private.h"
#include "peer/gmp-door-private.h"

#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* The agent's program. */
#define AGENT_VARIABLE "GMPROC_AGENT"
#define AGENT_PROGRAM  GMP_LIBEXECDIR "/gmproc-agent"

/* In bytes. */
#define TOKEN_SIZE 32

/* A command that was started. */
typedef struct {
  GmpReception *owner;
  GPtrArray *commands;     /* owns the next member */
  GmpEngineCommand *command;
  char *name;  /* by which its agents are recognized before they prove themselves */
  char *token;
  char **environment;   /* that it was started with */
  GSubprocess *process; /* (nullable): it has ended */
  GError *refusal; /* (nullable): it was not started */
  gboolean *has_connected; /* of its agents, by number */
  guint n_missing;
  char *other_version; /* (nullable): of its agents, if they cannot be used */
} Invitation;

struct _GmpReception
{
  const char *launcher; /* as gmp_engine_choose() returned it */
  GmpReceptionOpened opened;
  GmpReceptionArrived arrived;
  GmpReceptionEnded ended;
  gpointer user_data;

  GmpDoor *door;                /* for workers that connect to this process */
  GmpAgentPort *port;           /* (nullable): it is not open; the next two are then NULL too */
  char *pem; /* a certificate that was made for this program's run, and its key */
  GTlsCertificate *certificate; /* the same */
  GPtrArray *commands;          /* (nullable) */
  GPtrArray *invitations;       /* of Invitation */
  gboolean is_closing;
};

static const char *
get_agent (void)
{
  const char *agent = gmp_environment_get (AGENT_VARIABLE);

  return agent != NULL ? agent : AGENT_PROGRAM;
}

double
gmp_reception_get_timeout (void)
{
  return gmp_environment_get_seconds (GMP_NODE_TIMEOUT_ENV, 0.1, GMP_NODE_TIMEOUT);
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

/* (nullable): nobody was invited with it. */
static Invitation *
find_invitation (GmpReception *self,
                 const char   *token)
{
  for (guint i = 0; i < self->invitations->len; i++)
    {
      Invitation *invitation = self->invitations->pdata[i];

      if (is_same (invitation->token, token))
        return invitation;
    }
  return NULL;
}

static guint
expected_cb (const char *name,
             gpointer    user_data)
{
  GmpReception *self = user_data;

  for (guint i = 0; i < self->invitations->len && !self->is_closing; i++)
    {
      Invitation *invitation = self->invitations->pdata[i];

      if (g_str_equal (invitation->name, name))
        return invitation->n_missing;
    }
  return 0;
}

/* Each agent comes once. */
static gboolean
take_place (Invitation *invitation,
            guint       node)
{
  gboolean is_single = invitation->command->node != -1;
  guint place = is_single ? 0 : node;

  if (place >= invitation->command->n_agents || invitation->has_connected[place] ||
      (is_single && (int) node != invitation->command->node))
    return FALSE;
  invitation->has_connected[place] = TRUE;
  invitation->n_missing--;
  return TRUE;
}

/* Its agents speak another language than this program. */
static void
note_other_version (Invitation *invitation,
                    const char *address,
                    const char *version)
{
  g_warning ("The agent at %s, of the command for %s, has gmproc %s, which this program cannot "
             "use: it has gmproc %s. Install the same version on all machines", address,
             invitation->command->name, version, gmp_get_version_string ());
  g_free (invitation->other_version);
  invitation->other_version = g_strdup (version);
}

/* Agents that come when the program ends are disconnected, and end. */
static gboolean
arrived_cb (GmpBus              *bus,
            const GmpAgentHello *hello,
            const char          *token,
            const char          *version,
            const char          *address,
            gpointer             user_data)
{
  GmpReception *self = user_data;
  Invitation *invitation = find_invitation (self, token);
  GmpAgentHello known;

  if (invitation == NULL || self->is_closing)
    return FALSE;
  if (hello == NULL)
    {
      note_other_version (invitation, address, version);
      return FALSE;
    }
  if (!take_place (invitation, hello->node))
    return FALSE;
  if (!g_str_equal (version, gmp_get_version_string ()))
    g_warning ("Node %s has gmproc %s, and this program %s: workers may fail there", hello->name,
               version, gmp_get_version_string ());
  known = *hello;
  known.environment = (const char * const *) invitation->environment;
  self->arrived (bus, &known, self->user_data);
  return TRUE;
}

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
make_letter (GmpReception *self,
             Invitation   *invitation)
{
  GmpEngineCommand *command = invitation->command;
  g_auto (GStrv) addresses = gmp_addresses_list ();
  g_autofree char *certificate = NULL;
  g_autoptr (GVariant) letter = NULL;
  g_autofree char *text = NULL;
  GVariantDict dict;

  /* Without its key. */
  g_object_get (self->certificate, "certificate-pem", &certificate, NULL);
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "certificate", "s", certificate);
  g_variant_dict_insert (&dict, "token", "s", invitation->token);
  g_variant_dict_insert (&dict, "greeting", "s", invitation->name);
  g_variant_dict_insert (&dict, "node", "i", command->node);
  g_variant_dict_insert (&dict, "name", "s", command->node != -1 ? command->name : "");
  g_variant_dict_insert (&dict, "port", "q", gmp_agent_port_get_number (self->port));
  g_variant_dict_insert (&dict, "addresses", "^as", addresses);
  g_variant_dict_insert (&dict, "timeout", "d", gmp_reception_get_timeout ());
  letter = g_variant_ref_sink (g_variant_dict_end (&dict));
  text = g_variant_print (letter, TRUE);
  return g_strconcat (text, "\n", NULL);
}

static char *
describe_end (Invitation *invitation)
{
  GmpEngineCommand *command = invitation->command;
  GSubprocess *process = invitation->process;
  g_autofree char *program = g_utf8_make_valid (command->argv[0], -1);

  if (process == NULL)
    return g_strdup_printf ("the command for %s (%s) could not be started: %s", command->name,
                            program, invitation->refusal->message);
  if (invitation->other_version != NULL)
    return g_strdup_printf ("the command for %s (%s) has started agents of gmproc %s, which this "
                            "program, with gmproc %s, cannot use", command->name, program,
                            invitation->other_version, gmp_get_version_string ());
  if (g_subprocess_get_if_signaled (process))
    return g_strdup_printf ("the command for %s (%s) was killed by signal %d", command->name,
                            program, g_subprocess_get_term_sig (process));
  return g_strdup_printf ("the command for %s (%s) exited with status %d", command->name,
                          program, g_subprocess_get_exit_status (process));
}

static void
end_invitation (Invitation *invitation)
{
  GmpReception *self = invitation->owner;
  g_autofree char *description = describe_end (invitation);
  g_autoptr (GPtrArray) others = NULL;

  gmp_debug ("%s", description);
  if (invitation->process != NULL && !self->is_closing && invitation->n_missing > 0 &&
      invitation->other_version == NULL)
    others = gmp_engine_divide (invitation->command, get_agent ());
  else if (invitation->process != NULL && !self->is_closing &&
           !g_subprocess_get_successful (invitation->process))
    g_message ("Agents may have ended: %s", description);
  /* When the program ends, no agent is waited for. */
  self->ended (description, self->is_closing ? 0 : invitation->n_missing, others,
               self->user_data);
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
  invitation->name = g_uuid_string_random ();
  invitation->token = make_token ();
  invitation->environment = gmp_environment_copy ();
  invitation->has_connected = g_new0 (gboolean, command->n_agents);
  invitation->n_missing = command->n_agents;
  g_ptr_array_add (self->invitations, invitation);
  letter = make_letter (self, invitation);
  g_subprocess_launcher_set_environ (launcher, invitation->environment);
  g_subprocess_launcher_set_child_setup (launcher, begin_session_cb, NULL, NULL);
  invitation->process = g_subprocess_launcher_spawnv (
    launcher, (const char * const *) command->argv, &error);
  if (invitation->process == NULL)
    {
      gmp_launch_set_error (&invitation->refusal, error);
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

  gmp_reception_introduce (self, gmp_agent_port_get_number (self->port),
                           (const char * const *) addresses, &client, &server);
  g_variant_ref_sink (server);
  serving->door = self->door;
  serving->name = g_strdup (name);
  gmp_net_key_read (&serving->key, server);
  serving->fd = fd;
  g_main_context_invoke (gmp_bus_get_context (), serve_cb, serving);
  return client;
}

static gboolean
open_port (GmpReception *self,
           const char   *pem,
           GError      **error)
{
  g_autoptr (GTlsCertificate) certificate = g_tls_certificate_new_from_pem (pem, -1, error);

  if (certificate == NULL)
    {
      g_prefix_error (error, "TLS is not available (is glib-networking installed?): ");
      return FALSE;
    }
  self->port = gmp_agent_port_open (certificate, self->door, expected_cb, arrived_cb, self, error);
  if (self->port == NULL)
    return FALSE;
  self->certificate = g_steal_pointer (&certificate);
  self->pem = g_strdup (pem);
  return TRUE;
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
    open_port (self, pem, &error);
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
  if (self->commands == NULL || self->port != NULL)
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

/* Agents end by themselves when they are disconnected, those that connect now too, and then their
 * commands. A command without an agent so far is terminated. One with some may still have to print
 * what workers have written. With @by_force, all remaining ones are killed. */
void
gmp_reception_close (GmpReception *self,
                     gboolean      by_force)
{
  self->is_closing = TRUE;
  for (guint i = 0; i < self->invitations->len; i++)
    {
      Invitation *invitation = self->invitations->pdata[i];
      gboolean has_none = invitation->n_missing == invitation->command->n_agents;

      if (invitation->process != NULL && (by_force || has_none))
        g_subprocess_send_signal (invitation->process, by_force ? SIGKILL : SIGTERM);
    }
}

static void
invitation_free (gpointer data)
{
  Invitation *invitation = data;

  g_ptr_array_unref (invitation->commands);
  g_free (invitation->name);
  g_free (invitation->token);
  g_strfreev (invitation->environment);
  g_free (invitation->has_connected);
  g_clear_error (&invitation->refusal);
  g_free (invitation->other_version);
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
