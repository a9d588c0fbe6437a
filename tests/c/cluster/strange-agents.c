/* strange-agents.c: agents that are not of this version, or violate the protocol
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first argument of this program when it is such an agent; the second is the way. */
#define AGENT "--agent"

/* The variable with the file that an agent writes a byte to for each heartbeat. */
#define HEARTBEATS "TEST_HEARTBEATS"

#define AGENT_PATH "/org/gmproc/Agent"

/* The agent. */

/* What each way exports: how it answers Hello, with the token and its node's number, what Start
 * takes, and how it is answered. One reports the end of a worker in another way; the last one
 * answers no heartbeat, and starts no worker. */
static const struct {
  const char *way;
  const char *hello_type;
  const char *start_arguments;
  const char *start_type;
} ways[] = {
  { "other-hello", "(ssua{sv})", "(u)", "(ibb)" },
  { "no-token", "(u)", "(u)", "(ibb)" },
  { "other-start", "(ssusuqasu)", "(u)", "(sus)" },
  { "other-arguments", "(ssusuqasu)", "(usaay)", "(ibb)" },
  { "other-end", "(ssusuqasu)", "(u)", "(ibb)" },
  { "silent", "(ssusuqasu)", "(u)", "(ibb)" },
};

typedef struct {
  const char *way;
  const char *hello_type;
  const char *start_arguments;
  const char *start_type;
  char *token;
  int node;
  GMainLoop *loop;
} Agent;

static GVariant *
make_hello (Agent *self)
{
  if (g_str_equal (self->hello_type, "(u)"))
    return g_variant_new ("(u)", 1);
  if (g_str_equal (self->hello_type, "(ssua{sv})"))
    return g_variant_new ("(ssu@a{sv})", self->token, "9.9.9", self->node,
                          g_variant_new_parsed ("@a{sv} {}"));
  return g_variant_new ("(ssusuq^asu)", self->token, "9.9.9", self->node, "strange", 2, 9,
                        (const char *[]) { NULL }, 3u);
}

static void
answer_silently (const char            *name,
                 GDBusMethodInvocation *invocation)
{
  static int fd = -1;

  if (g_str_equal (name, "Start"))
    {
      g_dbus_method_invocation_return_dbus_error (invocation, "com.example.Silent", "not here");
      return;
    }
  /* Stays open, so that nothing is lost before it is read. */
  if (fd == -1)
    fd = open (g_getenv (HEARTBEATS), O_RDWR | O_CLOEXEC);
  g_assert_cmpint (write (fd, "\n", 1), ==, 1);
  g_object_unref (invocation);
}

static void
call_cb (GDBusConnection       *connection,
         const char            *sender G_GNUC_UNUSED,
         const char            *path G_GNUC_UNUSED,
         const char            *interface G_GNUC_UNUSED,
         const char            *name,
         GVariant              *body G_GNUC_UNUSED,
         GDBusMethodInvocation *invocation,
         gpointer               user_data)
{
  Agent *self = user_data;
  g_autoptr (GError) error = NULL;

  if (g_str_equal (name, "Hello"))
    g_dbus_method_invocation_return_value (invocation, make_hello (self));
  else if (g_str_equal (self->way, "silent"))
    answer_silently (name, invocation);
  else if (g_str_equal (name, "Start") && g_str_equal (self->start_type, "(sus)"))
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(sus)", "a", 1, "b"));
  else if (g_str_equal (name, "Start"))
    {
      g_dbus_method_invocation_return_value (invocation,
                                             g_variant_new ("(ibb)", 4711, FALSE, FALSE));
      g_dbus_connection_emit_signal (connection, NULL, "/org/gmproc/Worker/1",
                                     "org.gmproc.Process1", "Ended", g_variant_new ("(s)", "ended"),
                                     &error);
      g_assert_no_error (error);
    }
  else
    g_dbus_method_invocation_return_value (invocation, NULL);
}

static void
append_arguments (GString    *xml,
                  const char *direction,
                  const char *type)
{
  g_autoptr (GVariantType) tuple = g_variant_type_new (type);

  for (const GVariantType *t = g_variant_type_first (tuple); t != NULL; t = g_variant_type_next (t))
    g_string_append_printf (xml, "<arg direction='%s' type='%.*s'/>", direction,
                            (int) g_variant_type_get_string_length (t),
                            g_variant_type_peek_string (t));
}

static void
export (Agent           *self,
        GDBusConnection *connection)
{
  static const GDBusInterfaceVTable vtable = { call_cb, NULL, NULL, { NULL } };
  g_autoptr (GString) xml = g_string_new ("<node><interface name='org.gmproc.Agent1'>"
                                          "<method name='Ping'><arg type='d'/></method>"
                                          "<method name='Hello'>");
  g_autoptr (GDBusNodeInfo) node = NULL;
  g_autoptr (GError) error = NULL;

  append_arguments (xml, "out", self->hello_type);
  g_string_append (xml, "</method><method name='Start'>");
  append_arguments (xml, "in", self->start_arguments);
  append_arguments (xml, "out", self->start_type);
  g_string_append (xml, "</method></interface></node>");
  node = g_dbus_node_info_new_for_xml (xml->str, &error);
  g_assert_no_error (error);
  g_dbus_connection_register_object (connection, AGENT_PATH, node->interfaces[0], &vtable, self,
                                     NULL, &error);
  g_assert_no_error (error);
}

static gboolean
accept_cb (void)
{
  return TRUE;
}

static GDBusConnection *
connect_to (guint16     port,
            const char *name)
{
  g_autofree char *greeting = g_strconcat ("gmp2:", name, NULL);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) socket = NULL;
  g_autoptr (GIOStream) tls = NULL;
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection;

  socket = g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, &error);
  g_assert_no_error (error);
  g_socket_send (g_socket_connection_get_socket (socket), greeting, strlen (greeting), NULL,
                 &error);
  g_assert_no_error (error);
  tls = g_initable_new (g_tls_backend_get_client_connection_type (g_tls_backend_get_default ()),
                        NULL, &error, "base-io-stream", socket, "database", NULL, NULL);
  g_assert_no_error (error);
  g_signal_connect (tls, "accept-certificate", G_CALLBACK (accept_cb), NULL);
  connection = g_dbus_connection_new_sync (
    tls, NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
    G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL, NULL, &error);
  g_assert_no_error (error);
  return connection;
}

static int
be_agent (const char *way)
{
  Agent self = { 0 };
  g_autofree char *line = g_malloc (64 * 1024);
  g_autoptr (GVariant) letter = NULL;
  g_autoptr (GDBusConnection) connection = NULL;
  const char *name = "";
  guint16 port = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    if (g_str_equal (ways[i].way, way))
      {
        self.way = way;
        self.hello_type = ways[i].hello_type;
        self.start_arguments = ways[i].start_arguments;
        self.start_type = ways[i].start_type;
      }
  g_assert_nonnull (fgets (line, 64 * 1024, stdin));
  letter = g_variant_parse (G_VARIANT_TYPE_VARDICT, line, NULL, NULL, NULL);
  g_variant_lookup (letter, "token", "s", &self.token);
  g_variant_lookup (letter, "node", "i", &self.node);
  g_variant_lookup (letter, "port", "q", &port);
  g_variant_lookup (letter, "greeting", "&s", &name);
  self.loop = g_main_loop_new (NULL, FALSE);
  connection = connect_to (port, name);
  export (&self, connection);
  g_signal_connect_swapped (connection, "closed", G_CALLBACK (g_main_loop_quit), self.loop);
  g_dbus_connection_start_message_processing (connection);
  g_main_loop_run (self.loop);
  g_main_loop_unref (self.loop);
  g_free (self.token);
  return EXIT_SUCCESS;
}

/* The test. */

static GVariant *
name_node (GVariant *params G_GNUC_UNUSED,
           GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string (g_getenv ("GMPROC_NODE"));
}

static GVariant *
run (GError **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  gmp_test_add_worker (workers, 1, name_node, NULL);
  return gmp_workers_run (workers, NULL, 0, NULL, error);
}

static char *program;

/* Each launcher has agents of its own. */
static void
set_launcher (const char *way,
              const char *nodes)
{
  g_autofree char *launcher = g_strdup_printf (
    "command:sh -c \"test {node} = good && exec {agent}; exec %s " AGENT " %s\"", program, way);

  g_setenv ("GMPROC_LAUNCHER", launcher, TRUE);
  g_setenv ("GMPROC_NODES", nodes, TRUE);
}

/* The user learns which versions there are. */
static void
test_other_version (void)
{
  g_autoptr (GError) error = NULL;

  set_launcher ("other-hello", "other");
  g_assert_null (run (&error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  g_assert_nonnull (strstr (error->message, "has started agents of gmproc 9.9.9"));
  test_agents_await_log ("of the command for other, has gmproc 9.9.9, which this program cannot "
                         "use");
}

/* A worker runs, on the good node. */
static void
check_good (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = run (&error);

  g_assert_no_error (error);
  gmp_test_check_int (results, 1, "'good'");
}

/* It does not keep the others from working. */
static void
test_mixed_versions (void)
{
  set_launcher ("other-hello ", "good other");
  check_good ();
  test_agents_await_log ("Workers have fewer nodes: the command for other (sh) has started agents "
                         "of gmproc 9.9.9");
}

static void
test_no_token (void)
{
  g_autoptr (GError) error = NULL;

  set_launcher ("no-token", "other");
  g_assert_null (run (&error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  g_assert_nonnull (strstr (error->message, "exited with status 0"));
}

/* An agent that cannot be understood after it was admitted is a lost node, not a wait. */
static void
lose_node (const char *way,
           const char *words)
{
  set_launcher (way, "other");
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (run (&error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_NODE_LOST);
      gmp_test_check_in (error->message, words);
      test_agents_await_log ("Node strange has gmproc 9.9.9, and this program");
    }
}

static void
test_other_start (void)
{
  lose_node ("other-start", "expected");
}

/* Nor is one that does not take the call at all. */
static void
test_other_arguments (void)
{
  lose_node ("other-arguments", "another build of gmproc, which does not understand this program");
}

/* Nor is the end of a worker missed. */
static void
test_other_end (void)
{
  lose_node ("other-end", "has reported the end of a worker in a way that this program does not");
}

static void
await_heartbeats (const char *path,
                  guint       n)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  char byte;

  for (guint i = 0; i < n; i++)
    g_assert_cmpint (read (fd, &byte, 1), ==, 1);
  close (fd);
}

/* A node that does not answer heartbeats, but is not lost yet, gets a worker when the others have
 * no slot left, and not before. */
static void
test_silent (void)
{
  g_autofree char *folder = g_dir_make_tmp (NULL, NULL);
  g_autofree char *path = g_build_filename (folder, "heartbeats", NULL);
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) first = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (mkfifo (path, 0600));
  g_setenv (HEARTBEATS, path, TRUE);
  g_setenv ("SLURM_CPUS_ON_NODE", "1", TRUE);
  g_setenv ("GMPROC_NODE_TIMEOUT", "12", TRUE);
  set_launcher ("silent", "good other");
  /* Begins both. The worker may still be on either. */
  first = run (NULL);
  await_heartbeats (path, 2);
  for (int i = 0; i < 4; i++)
    check_good ();
  for (int i = 0; i < 2; i++)
    gmp_test_add_worker (workers, i, name_node, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  gmp_test_check_in (error->message, "on node strange: not here");
  g_unsetenv ("SLURM_CPUS_ON_NODE");
  g_unsetenv ("GMPROC_NODE_TIMEOUT");
  g_remove (path);
  g_rmdir (folder);
}

int
main (int    argc,
      char **argv)
{
  if (argc == 3 && g_str_equal (argv[1], AGENT))
    return be_agent (argv[2]);
  program = g_file_read_link ("/proc/self/exe", NULL);
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("");
  test_agents_take_log ();
  test_agents_add ("/cluster/strange/other-version", test_other_version);
  test_agents_add ("/cluster/strange/mixed-versions", test_mixed_versions);
  test_agents_add ("/cluster/strange/no-token", test_no_token);
  test_agents_add ("/cluster/strange/other-start", test_other_start);
  test_agents_add ("/cluster/strange/other-arguments", test_other_arguments);
  test_agents_add ("/cluster/strange/other-end", test_other_end);
  test_agents_add ("/cluster/strange/silent", test_silent);
  return g_test_run ();
}
