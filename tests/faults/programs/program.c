/* program.c: an application whose workers misbehave as its argument selects; as program.py
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "deeds.h"
#include "rest.h"
#include "soak.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static guint
get_uint (GVariant   *params,
          const char *name)
{
  int value = 0;

  g_variant_lookup (params, name, "i", &value);
  return (guint) value;
}

/* Rests, if a rest is due after the i-th of n operations. */
static gboolean
rest_if_due (GVariant   *config,
             const char *id,
             int         i,
             int         n,
             GError    **error)
{
  const char *folder = NULL;

  if (!faults_is_due ((int) get_uint (config, "rests"), i, n))
    return TRUE;
  g_variant_lookup (config, "folder", "&s", &folder);
  faults_print_held (0);
  return faults_rest (folder, id, error);
}

static GVariant *
work (GVariant *params,
      GError  **error)
{
  Fault fault;

  fault_set (&fault, params);
  return fault_at (&fault, "process", error) ? g_variant_new_string ("fine") : NULL;
}

/* The client */

#define TYPE_CLIENT (client_get_type ())
G_DECLARE_FINAL_TYPE (Client, client, FAULT, CLIENT, GmpClientWorker)

struct _Client
{
  GmpClientWorker parent_instance;

  int turn;
  int turns;
  int n_rests;
  GVariant *params;
  GVariant *bytes;
  Fault fault;
};

G_DEFINE_FINAL_TYPE (Client, client, GMP_TYPE_CLIENT_WORKER)

static gboolean
client_start (GmpWorker *worker,
              GVariant  *params,
              GError   **error)
{
  Client *self = FAULT_CLIENT (worker);
  gsize size = get_uint (params, "size");
  g_autofree char *bytes = g_malloc0 (size);

  self->params = g_variant_ref (params);
  self->turns = (int) get_uint (params, "turns");
  self->n_rests = (int) get_uint (params, "rests");
  self->bytes = g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size,
                                                               1));
  fault_set (&self->fault, params);
  return fault_at (&self->fault, "start", error);
}

static GVariant *
client_process (GmpClientWorker *client,
                GError         **error)
{
  Client *self = FAULT_CLIENT (client);
  gboolean rests;

  if (self->turn == 1 && !fault_at (&self->fault, "process", error))
    return NULL;
  rests = faults_is_due (self->n_rests, self->turn + 1, self->turns);
  return g_variant_new ("(ibb@ay)", (int) getpid (),
                        self->turn == 1 && g_str_equal (self->fault.moment, "between"), rests,
                        rests ? g_variant_new_bytestring ("") : self->bytes);
}

static gboolean
client_update (GmpClientWorker *client,
               GVariant        *response,
               GError         **error G_GNUC_UNUSED)
{
  Client *self = FAULT_CLIENT (client);
  int pid;

  g_variant_get_child (response, 0, "i", &pid);
  g_assert_cmpint (pid, ==, (int) getpid ());
  self->turn++;
  return TRUE;
}

static gboolean
client_wait (GmpWorker *worker,
             GError   **error)
{
  Client *self = FAULT_CLIENT (worker);

  return rest_if_due (self->params, gmp_worker_get_id (worker), self->turn, self->turns, error);
}

static gboolean
client_done (GmpWorker *worker,
             GError   **error G_GNUC_UNUSED)
{
  return FAULT_CLIENT (worker)->turn == FAULT_CLIENT (worker)->turns;
}

static GVariant *
client_finish (GmpWorker *worker,
               GError   **error)
{
  if (!fault_at (&FAULT_CLIENT (worker)->fault, "finish", error))
    return NULL;
  return g_variant_new_int32 (FAULT_CLIENT (worker)->turn);
}

static void
client_class_init (ClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = client_start;
  GMP_WORKER_CLASS (klass)->wait = client_wait;
  GMP_WORKER_CLASS (klass)->done = client_done;
  GMP_WORKER_CLASS (klass)->finish = client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = client_update;
}

static void
client_init (Client *self G_GNUC_UNUSED)
{
  hang_at ("client");
}

/* The server's work, in its own process or in the application */

static guint server_turn;
static Fault server_fault;

static GVariant *
answer (GVariant *request,
        GError  **error)
{
  int pid;
  gboolean between, rests;

  if (++server_turn == 3 && !fault_at (&server_fault, "process", error))
    return NULL;
  g_variant_get_child (request, 0, "i", &pid);
  g_variant_get_child (request, 1, "b", &between);
  g_variant_get_child (request, 2, "b", &rests);
  if (rests)
    faults_print_held (0);
  if (between)
    {
      print_line ("at %d %" G_GINT64_FORMAT, pid, g_get_monotonic_time ());
      kill (pid, SIGKILL);
    }
  return g_variant_ref (request);
}

#define TYPE_SERVER (server_get_type ())
G_DECLARE_FINAL_TYPE (Server, server, FAULT, SERVER, GmpServerWorker)

struct _Server
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (Server, server, GMP_TYPE_SERVER_WORKER)

static gboolean
server_start (GmpWorker *worker G_GNUC_UNUSED,
              GVariant  *params,
              GError   **error)
{
  fault_set (&server_fault, params);
  return fault_at (&server_fault, "start", error);
}

static GVariant *
server_process (GmpServerWorker *server G_GNUC_UNUSED,
                const char      *client_id G_GNUC_UNUSED,
                GVariant        *request,
                GError         **error)
{
  return answer (request, error);
}

static gboolean
server_wait (GmpWorker *worker G_GNUC_UNUSED,
             GError   **error)
{
  return server_turn != 3 || fault_at (&server_fault, "wait", error);
}

static GVariant *
server_finish (GmpWorker *worker G_GNUC_UNUSED,
               GError   **error)
{
  fault_at (&server_fault, "finish", error);
  return NULL;
}

static void
server_class_init (ServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = server_start;
  GMP_WORKER_CLASS (klass)->wait = server_wait;
  GMP_WORKER_CLASS (klass)->finish = server_finish;
  GMP_SERVER_WORKER_CLASS (klass)->process = server_process;
}

static void
server_init (Server *self G_GNUC_UNUSED)
{
  hang_at ("server");
}

#define TYPE_APPLICATION (application_get_type ())
G_DECLARE_FINAL_TYPE (Application, application, FAULT, APPLICATION, GmpClientServer)

struct _Application
{
  GmpClientServer parent_instance;
};

G_DEFINE_FINAL_TYPE (Application, application, GMP_TYPE_CLIENT_SERVER)

static gboolean
application_start (GmpClientServer *self G_GNUC_UNUSED,
                   GVariant        *params,
                   GError         **error)
{
  fault_set (&server_fault, params);
  return fault_at (&server_fault, "start", error);
}

static GVariant *
application_process (GmpClientServer *self G_GNUC_UNUSED,
                     const char      *client_id G_GNUC_UNUSED,
                     GVariant        *request,
                     GError         **error)
{
  return answer (request, error);
}

static GVariant *
application_finish (GmpClientServer *self G_GNUC_UNUSED,
                    GError         **error)
{
  fault_at (&server_fault, "finish", error);
  return NULL;
}

static void
application_class_init (ApplicationClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->start = application_start;
  GMP_CLIENT_SERVER_CLASS (klass)->process = application_process;
  GMP_CLIENT_SERVER_CLASS (klass)->finish = application_finish;
}

static void
application_init (Application *self G_GNUC_UNUSED)
{
}

/* Workers and applications */

static GError *refused; /* why the first worker could not be added */

static GmpRunner *
make_workers (GVariant *config)
{
  GmpWorkers *workers = gmp_workers_new ();
  const char *target = NULL;
  g_autoptr (GVariant) fine = g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {}"));

  g_variant_lookup (config, "target", "&s", &target);
  if (target != NULL)
    gmp_workers_add_target (workers, 0, target, NULL, NULL);
  for (int id = 1; id <= (int) get_uint (config, "n"); id++)
    gmp_workers_add (workers, id, work, id == 1 ? config : fine,
                     refused == NULL ? &refused : NULL);
  return GMP_RUNNER (workers);
}

static GmpRunner *
make_client_server (GVariant   *config,
                    const char *role)
{
  GmpClientServer *self;
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (config);
  g_autoptr (GVariant) fine = NULL;

  g_variant_dict_remove (&dict, "fault");
  fine = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (g_str_has_suffix (role, "local"))
    self = g_object_new (TYPE_APPLICATION, NULL);
  else
    self = gmp_client_server_new (TYPE_SERVER);
  for (guint i = 1; i <= get_uint (config, "n"); i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);
      gboolean bad = strstr (role, "client") != NULL && i == 1;

      gmp_client_server_new_worker (self, id, TYPE_CLIENT, bad ? config : fine,
                                    refused == NULL ? &refused : NULL);
    }
  return GMP_RUNNER (self);
}

static void
set_options (GmpRunner *application,
             GVariant  *config)
{
  g_autoptr (GVariant) options = g_variant_lookup_value (config, "options", G_VARIANT_TYPE_VARDICT);
  GVariantIter iter;
  const char *name;
  GVariant *option;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &option))
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_dbus_gvariant_to_gvalue (option, &value);
      g_object_set_property (G_OBJECT (application), name, &value);
    }
}

/* While other workers may still run. */
static void
failed_cb (gpointer user_data G_GNUC_UNUSED)
{
  print_line ("failed %" G_GINT64_FORMAT, g_get_monotonic_time ());
}

static GmpRunner *
prepare (GVariant   *config,
         const char *role)
{
  GmpRunner *application;

  if (g_str_equal (role, "worker"))
    application = make_workers (config);
  else if (g_str_equal (role, "soak"))
    application = soak_make_application (config);
  else
    application = make_client_server (config, role);
  set_options (application, config);
  if (!g_str_equal (role, "soak"))
    g_signal_connect_swapped (application, "failed", G_CALLBACK (failed_cb), NULL);
  return application;
}

/* The outcome, as a line. */
static char *
run (GmpRunner  *application,
     GVariant   *config,
     const char *role)
{
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gboolean at_server = strstr (role, "server") != NULL || g_str_equal (role, "local") ||
                       g_str_equal (role, "soak");
  gint64 time;

  if (refused != NULL)
    error = g_error_copy (refused);
  else if (GMP_IS_WORKERS (application))
    results = gmp_workers_run (GMP_WORKERS (application), NULL, 0, NULL, &error);
  else
    results = gmp_client_server_run (GMP_CLIENT_SERVER (application),
                                     at_server ? config : g_variant_new_parsed ("@a{sv} {}"),
                                     NULL, &error);
  time = g_get_monotonic_time ();
  if (error == NULL)
    return g_strdup_printf ("end %" G_GINT64_FORMAT " %zu - 0 -", time,
                            g_variant_n_children (results));
  results = GMP_IS_WORKERS (application)
              ? gmp_workers_get_results (GMP_WORKERS (application))
              : gmp_client_server_get_results (GMP_CLIENT_SERVER (application));
  text = g_uri_escape_string (error->message, NULL, FALSE);
  return g_strdup_printf ("end %" G_GINT64_FORMAT " %zu %s %d %s", time,
                          g_variant_n_children (results), g_quark_to_string (error->domain),
                          error->code, text);
}

/* One object after the other, each used many times. Returns the outcome of the last. */
static char *
run_all (GVariant   *config,
         const char *role)
{
  g_autoptr (GmpRunner) application = NULL;
  guint runs = get_uint (config, "runs");
  guint n = get_uint (config, "objects") * runs;
  char *line = NULL;

  for (guint i = 0; i < n; i++)
    {
      if (i % runs == 0)
        {
          g_clear_object (&application);
          application = prepare (config, role);
        }
      g_free (line);
      line = run (application, config, role);
      if (!rest_if_due (config, "0", (int) i + 1, (int) n, NULL))
        break;
    }
  return line;
}

static guint
count (const char *text,
       const char *word)
{
  guint n = 0;

  for (; (text = strstr (text, word)) != NULL; text++)
    n++;
  return n;
}

/* Includes zombies. */
static guint
count_children (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", name, "children", NULL);
      g_autofree char *text = NULL;

      if (g_file_get_contents (path, &text, NULL, NULL))
        n += count (text, " ");
    }
  return n;
}

/* The number of gmproc's files that this process still has open or mapped. */
static guint
count_shared_memory (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  g_autofree char *maps = NULL;
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *link = g_file_read_link (path, NULL);

      n += link != NULL && g_str_has_prefix (link, "/memfd:");
    }
  g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL);
  return n + count (maps, "/memfd:gmproc");
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GVariant) config = NULL;
  g_autofree char *line = NULL;
  const char *role;

  g_type_ensure (TYPE_CLIENT);
  g_type_ensure (TYPE_SERVER);
  soak_ensure_types ();
  if (g_getenv ("GMPROC_WORKER") != NULL)
    hang_at ("program");
  gmp_init (&argc, &argv);

  config = g_variant_parse (G_VARIANT_TYPE_VARDICT, argv[1], NULL, NULL, NULL);
  g_assert_nonnull (config);
  g_assert_true (g_variant_lookup (config, "role", "&s", &role));
  line = run_all (config, role);
  print_line ("%s", line);
  if (g_file_test ("/proc/self/fd", G_FILE_TEST_EXISTS))
    print_line ("left %u %u", count_children (), count_shared_memory ());
  return 0;
}
