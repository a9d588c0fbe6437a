/* defaults.c: default methods, properties, and invalid targets
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc-binding.h>

#include "gmp-test.h"

#include <math.h>
#include <stdlib.h>

/* The test covers deprecated names too. */
#undef GLIB_DEPRECATED_MACRO_FOR
#define GLIB_DEPRECATED_MACRO_FOR(name)
G_GNUC_BEGIN_IGNORE_DEPRECATIONS

/* A server and a client that check their own state only. */

#define TEST_TYPE_IDLE (test_idle_get_type ())
G_DECLARE_FINAL_TYPE (TestIdle, test_idle, TEST, IDLE, GmpServerWorker)

struct _TestIdle
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (TestIdle, test_idle, GMP_TYPE_SERVER_WORKER)

static void
test_idle_class_init (TestIdleClass *klass G_GNUC_UNUSED)
{
}

static void
test_idle_init (TestIdle *self G_GNUC_UNUSED)
{
}

#define TEST_TYPE_MIRROR (test_mirror_get_type ())
G_DECLARE_FINAL_TYPE (TestMirror, test_mirror, TEST, MIRROR, GmpServerWorker)

struct _TestMirror
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (TestMirror, test_mirror, GMP_TYPE_SERVER_WORKER)

static GVariant *
test_mirror_process (GmpServerWorker *self,
                     const char      *client_id G_GNUC_UNUSED,
                     GVariant        *request G_GNUC_UNUSED,
                     GError         **error G_GNUC_UNUSED)
{
  g_autofree char *id = NULL;
  guint n_clients;

  g_object_get (self, "id", &id, "n-clients", &n_clients, NULL);
  return g_variant_new ("(su)", id, n_clients);
}

static void
test_mirror_class_init (TestMirrorClass *klass)
{
  GMP_SERVER_WORKER_CLASS (klass)->process = test_mirror_process;
}

static void
test_mirror_init (TestMirror *self G_GNUC_UNUSED)
{
}

/* Sends one request, and returns its own id and the response. */

#define TEST_TYPE_ASKER (test_asker_get_type ())
G_DECLARE_FINAL_TYPE (TestAsker, test_asker, TEST, ASKER, GmpClientWorker)

struct _TestAsker
{
  GmpClientWorker parent_instance;

  GVariant *answer;
};

G_DEFINE_FINAL_TYPE (TestAsker, test_asker, GMP_TYPE_CLIENT_WORKER)

static GVariant *
test_asker_process (GmpClientWorker *self G_GNUC_UNUSED,
                    GError         **error G_GNUC_UNUSED)
{
  return NULL;
}

static gboolean
test_asker_update (GmpClientWorker *self,
                   GVariant        *response,
                   GError         **error G_GNUC_UNUSED)
{
  TEST_ASKER (self)->answer = g_variant_ref (response);
  return TRUE;
}

static gboolean
test_asker_done (GmpWorker *self,
                 GError   **error G_GNUC_UNUSED)
{
  return TEST_ASKER (self)->answer != NULL;
}

static GVariant *
test_asker_finish (GmpWorker *worker,
                   GError   **error G_GNUC_UNUSED)
{
  g_autoptr (GVariant) answer = g_steal_pointer (&TEST_ASKER (worker)->answer);
  g_autofree char *id = NULL;

  g_object_get (worker, "id", &id, NULL);
  return g_variant_new ("(s@(su))", id, answer);
}

static void
test_asker_class_init (TestAskerClass *klass)
{
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_asker_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_asker_update;
  GMP_WORKER_CLASS (klass)->done = test_asker_done;
  GMP_WORKER_CLASS (klass)->finish = test_asker_finish;
}

static void
test_asker_init (TestAsker *self G_GNUC_UNUSED)
{
}

/* Applications that override nothing. */

#define TEST_TYPE_LAZY_WORKERS (test_lazy_workers_get_type ())
G_DECLARE_FINAL_TYPE (TestLazyWorkers, test_lazy_workers, TEST, LAZY_WORKERS, GmpWorkers)

struct _TestLazyWorkers
{
  GmpWorkers parent_instance;
};

G_DEFINE_FINAL_TYPE (TestLazyWorkers, test_lazy_workers, GMP_TYPE_WORKERS)

static GVariant *
test_lazy_workers_process (GmpWorkers *self,
                           int         id,
                           GVariant   *params,
                           GError    **error)
{
  return GMP_WORKERS_CLASS (test_lazy_workers_parent_class)->process (self, id, params, error);
}

static void
test_lazy_workers_class_init (TestLazyWorkersClass *klass)
{
  GMP_WORKERS_CLASS (klass)->process = test_lazy_workers_process;
}

static void
test_lazy_workers_init (TestLazyWorkers *self G_GNUC_UNUSED)
{
}

#define TEST_TYPE_LAZY_SERVER (test_lazy_server_get_type ())
G_DECLARE_FINAL_TYPE (TestLazyServer, test_lazy_server, TEST, LAZY_SERVER, GmpClientServer)

struct _TestLazyServer
{
  GmpClientServer parent_instance;
};

G_DEFINE_FINAL_TYPE (TestLazyServer, test_lazy_server, GMP_TYPE_CLIENT_SERVER)

static GVariant *
test_lazy_server_process (GmpClientServer *self,
                          const char      *client_id,
                          GVariant        *request,
                          GError         **error)
{
  GmpClientServerClass *parent_class = GMP_CLIENT_SERVER_CLASS (test_lazy_server_parent_class);

  return parent_class->process (self, client_id, request, error);
}

static void
test_lazy_server_class_init (TestLazyServerClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = test_lazy_server_process;
}

static void
test_lazy_server_init (TestLazyServer *self G_GNUC_UNUSED)
{
}

/* A host that implements nothing, for a process of this program. */

#define BARE_HOST "--bare-host"

#define TEST_TYPE_BARE_HOST (test_bare_host_get_type ())
G_DECLARE_FINAL_TYPE (TestBareHost, test_bare_host, TEST, BARE_HOST, GmpHost)

struct _TestBareHost
{
  GmpHost parent_instance;
};

G_DEFINE_FINAL_TYPE (TestBareHost, test_bare_host, GMP_TYPE_HOST)

static void
test_bare_host_class_init (TestBareHostClass *klass G_GNUC_UNUSED)
{
}

static void
test_bare_host_init (TestBareHost *self G_GNUC_UNUSED)
{
}

/* A host whose processes cannot be forked, and that does not tell why. */

#define FORKLESS_HOST "--forkless-host"

/* Of no process here. */
#define STRANGER 65432

#define TEST_TYPE_FORKLESS_HOST (test_forkless_host_get_type ())
G_DECLARE_FINAL_TYPE (TestForklessHost, test_forkless_host, TEST, FORKLESS_HOST, GmpHost)

struct _TestForklessHost
{
  GmpHost parent_instance;
};

G_DEFINE_FINAL_TYPE (TestForklessHost, test_forkless_host, GMP_TYPE_HOST)

static GVariant *
test_forkless_host_call (GmpHost    *host G_GNUC_UNUSED,
                         const char *description G_GNUC_UNUSED,
                         const char *id G_GNUC_UNUSED,
                         GVariant   *params G_GNUC_UNUSED,
                         GError    **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (7);
}

/* The process -1 stands for all processes of its user, so this one gets a user of its own. */
static int
test_forkless_host_fork (GmpHost *host G_GNUC_UNUSED,
                         GError **error G_GNUC_UNUSED)
{
  if (setresuid (STRANGER, STRANGER, STRANGER) != 0)
    exit (EXIT_FAILURE);
  return -1;
}

static void
test_forkless_host_class_init (TestForklessHostClass *klass)
{
  klass->parent_class.call = test_forkless_host_call;
  klass->parent_class.fork = test_forkless_host_fork;
}

static void
test_forkless_host_init (TestForklessHost *self G_GNUC_UNUSED)
{
}

static GmpClientServer *
new_application (GType server)
{
  GmpClientServer *application = gmp_client_server_new (server);
  g_autoptr (GError) error = NULL;

  gmp_client_server_new_worker (application, "asker", TEST_TYPE_ASKER, NULL, &error);
  g_assert_no_error (error);
  return application;
}

static void
test_no_process (void)
{
  g_autoptr (GmpClientServer) application = new_application (TEST_TYPE_IDLE);
  g_autoptr (GError) error = NULL;

  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_FAILED);
  gmp_test_check_in (error->message, "TestIdle does not override process");
}

static void
test_properties (void)
{
  g_autoptr (GmpClientServer) application = new_application (TEST_TYPE_MIRROR);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autofree char *runtime = NULL;
  guint64 limit;

  g_object_set (application, "shared-memory-limit", (guint64) 1024 * 1024, NULL);
  g_object_get (application, "shared-memory-limit", &limit, "runtime", &runtime, NULL);
  g_assert_cmpuint (limit, ==, 1024 * 1024);
  g_assert_cmpstr (runtime, ==, "native");
  results = gmp_client_server_run (application, NULL, NULL, &error);
  g_assert_no_error (error);
  gmp_test_check_string (results, "asker", "('asker', ('server', uint32 1))");
}

static void
test_no_process_of_applications (void)
{
  g_autoptr (GmpWorkers) workers = g_object_new (TEST_TYPE_LAZY_WORKERS, NULL);
  g_autoptr (GmpClientServer) application = g_object_new (TEST_TYPE_LAZY_SERVER, NULL);
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "TestLazyWorkers does not override process");
  g_clear_error (&error);
  gmp_client_server_new_worker (application, "asker", TEST_TYPE_ASKER, NULL, &error);
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_FAILED);
  gmp_test_check_in (error->message, "TestLazyServer does not override process");
}

static void
test_bare_host (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *command[] = { program, BARE_HOST, NULL };
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GmpClientServer) application = gmp_client_server_new_for_target ("bare:class");
  g_autoptr (GError) error = NULL;

  gmp_runtime_set_command ("bare", command);
  gmp_workers_add_target (workers, 1, "bare:function", NULL, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "TestBareHost cannot run functions");
  g_clear_error (&error);
  gmp_client_server_new_worker (application, "asker", TEST_TYPE_ASKER, NULL, &error);
  g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "TestBareHost cannot run servers and clients");
}

/* Processes inherit the environment of a worker, but none of its descriptors. */
static void
test_no_socket (void)
{
  const char *numbers[] = { "77", "1", "x" };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
      g_autoptr (GSubprocessLauncher) launcher =
        g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
      g_autoptr (GSubprocess) process = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;

      g_subprocess_launcher_setenv (launcher, "GMPROC_WORKER", numbers[i], TRUE);
      process = g_subprocess_launcher_spawn (launcher, &error, program, NULL);
      g_assert_no_error (error);
      g_subprocess_communicate_utf8 (process, NULL, NULL, NULL, &text, &error);
      g_assert_no_error (error);
      g_assert_cmpint (g_subprocess_get_exit_status (process), ==, EXIT_FAILURE);
      gmp_test_check_in (text, "GMPROC_WORKER is set, but names no socket");
    }
}

static void
test_version (void)
{
  g_autofree char *version = g_strdup_printf ("%d.%d.%d", GMP_MAJOR_VERSION, GMP_MINOR_VERSION,
                                              GMP_MICRO_VERSION);

  g_assert_cmpstr (gmp_get_version_string (), ==, version);
}

static void
check_target (const char *target,
              const char *reason)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add_target (workers, 1, target, NULL, &error);
  g_assert_no_error (error);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, reason);
}

static void
test_targets (void)
{
  check_target ("native:nothing", "write it as native:MODULE:SYMBOL");
  check_target ("native::offset=12", "0xADDRESS@BUILD_ID");
  check_target ("native:/nowhere/libnone.so:offset=0x10@00ff", "/nowhere/libnone.so");
  check_target ("native::there_is_no_such_function", "there_is_no_such_function");
  check_target ("native::type=GObject", "GObject cannot be called");
  check_target ("native::type=NoSuchType", "no_such_type_get_type");
}

static void
test_kinds (void)
{
  const char *kinds[] = { ":type=GObject", ":type=GInputStream", "nothing" };
  const char *reasons[] = {
    "GObject is not a worker class", "GInputStream is abstract", "write it as native:MODULE:SYMBOL",
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *target = g_strdup_printf ("native:%s", kinds[i]);
      g_autoptr (GmpClientServer) application = gmp_client_server_new_for_target (target);
      g_autoptr (GError) error = NULL;

      gmp_client_server_new_worker (application, "asker", TEST_TYPE_ASKER, NULL, &error);
      g_assert_no_error (error);
      g_assert_null (gmp_client_server_run (application, NULL, NULL, &error));
      g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
      gmp_test_check_in (error->message, reasons[i]);
    }
}

static GVariant *
nothing (GVariant *params G_GNUC_UNUSED,
         GError  **error G_GNUC_UNUSED)
{
  return NULL;
}

static void
check_refused (const char *property,
               const char *value,
               const char *reason)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, nothing, NULL, &error);
  g_assert_no_error (error);
  g_object_set (workers, property, value, NULL);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_LAUNCH);
  gmp_test_check_in (error->message, reason);
}

static void
test_limits (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  check_refused ("affinity", "0,x", "is not a list of processors");
  check_refused ("affinity", "3-1", "is not a list of processors");
  check_refused ("affinity", "1023", "they do not exist");
  /* The same in a process that is kept. */
  gmp_workers_add (workers, 1, nothing, NULL, &error);
  g_object_set (workers, "cpu-time-limit", 100.0, NULL);
  results = gmp_workers_run (workers, NULL, 0, NULL, &error);
  g_assert_no_error (error);
}

static void
test_wrap (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  gmp_workers_add (workers, 1, nothing, NULL, &error);
  g_setenv ("GMPROC_WRAP", "env 'unfinished", TRUE);
  g_assert_null (gmp_workers_run (workers, NULL, 0, NULL, &error));
  g_unsetenv ("GMPROC_WRAP");
  g_assert_nonnull (error);
  gmp_test_check_in (error->message, "GMPROC_WRAP=env 'unfinished");
}

/* Deprecated names still compile, and mean the same. */
G_GNUC_BEGIN_IGNORE_DEPRECATIONS

static void
test_older_names (void)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_MIRROR);
  g_autoptr (GPtrArray) failures = NULL;
  g_autoptr (GError) error = NULL;
  GmpApplication *older = GMP_APPLICATION (application);

  g_assert_true (GMP_IS_APPLICATION (older));
  g_assert_cmpuint (GMP_TYPE_APPLICATION, ==, GMP_TYPE_RUNNER);
  failures = gmp_application_get_failures (older);
  g_assert_cmpuint (failures->len, ==, 0);
  g_assert_true (gmp_client_server_new_workers (application, 2, TEST_TYPE_ASKER, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (gmp_client_server_add_client (application, "1", TEST_TYPE_ASKER, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_EXISTS);
}

G_GNUC_END_IGNORE_DEPRECATIONS

static void
test_forkless_host (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *command[] = { program, FORKLESS_HOST, NULL };
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *reason = NULL;
  g_autoptr (GError) error = NULL;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root, which can give a process another user");
      return;
    }
  gmp_runtime_set_command ("native", command);
  gmp_workers_add_target (workers, 1, "native:function", NULL, &error);
  g_assert_no_error (error);
  while ((reason = gmp_runtime_get_cold_start_reason ("native")) == NULL)
    {
      g_autoptr (GVariant) results = gmp_test_run (workers);

      gmp_test_check_int (results, 1, "7");
    }
  gmp_test_check_in (reason, "without an error");
  command[1] = NULL;
  gmp_runtime_set_command ("native", command);
}

/* GObject's answer is a warning, in newer versions a critical one. */
static void
count_refusal (const char    *domain G_GNUC_UNUSED,
               GLogLevelFlags level G_GNUC_UNUSED,
               const char    *message,
               gpointer       n_refused)
{
  gmp_test_check_in (message, "out of range");
  (*(guint *) n_refused)++;
}

static gboolean
is_fatal (const char    *domain,
          GLogLevelFlags level G_GNUC_UNUSED,
          const char    *message G_GNUC_UNUSED,
          gpointer       user_data G_GNUC_UNUSED)
{
  return g_strcmp0 (domain, "GLib-GObject") != 0;
}

/* Comparisons with it are false, so a range lets it through that is checked by two of them. */
static void
refuse_not_a_number (GType type)
{
  g_autoptr (GObject) object = g_object_new (type, NULL);
  g_autofree GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object),
                                                                  NULL);
  const GLogLevelFlags levels = G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FLAG_FATAL;

  for (GParamSpec **spec = specs; *spec != NULL; spec++)
    {
      guint n_refused = 0;
      guint handler;
      double value;

      if ((*spec)->value_type != G_TYPE_DOUBLE || ((*spec)->flags & G_PARAM_WRITABLE) == 0)
        continue;
      handler = g_log_set_handler ("GLib-GObject", levels, count_refusal, &n_refused);
      g_test_log_set_fatal_handler (is_fatal, NULL);
      g_object_set (object, (*spec)->name, (double) NAN, NULL);
      g_assert_cmpuint (n_refused, ==, 1);
      g_object_set (object, (*spec)->name, (double) INFINITY, NULL);
      g_assert_cmpuint (n_refused, ==, 2);
      g_test_log_set_fatal_handler (NULL, NULL);
      g_log_remove_handler ("GLib-GObject", handler);
      g_object_get (object, (*spec)->name, &value, NULL);
      g_assert_true (isfinite (value));
    }
}

static void
test_not_a_number (void)
{
  const GType types[] = {
    GMP_TYPE_WORKERS, GMP_TYPE_CLIENT_SERVER, GMP_TYPE_POOL, TEST_TYPE_IDLE,
    GMP_TYPE_REMOTE_ENV,
  };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    refuse_not_a_number (types[i]);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_IDLE);
  g_type_ensure (TEST_TYPE_MIRROR);
  g_type_ensure (TEST_TYPE_ASKER);
  g_type_ensure (G_TYPE_INPUT_STREAM);
  g_type_ensure (TEST_TYPE_LAZY_WORKERS);
  if (argc > 1 && g_str_equal (argv[1], BARE_HOST))
    {
      g_autoptr (GmpHost) host = g_object_new (TEST_TYPE_BARE_HOST, NULL);

      return gmp_host_run (host);
    }
  if (argc > 1 && g_str_equal (argv[1], FORKLESS_HOST))
    {
      g_autoptr (GmpHost) host = g_object_new (TEST_TYPE_FORKLESS_HOST, NULL);

      return gmp_host_run (host);
    }
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/defaults/no-process", test_no_process);
  gmp_test_add ("/defaults/no-process-of-applications", test_no_process_of_applications);
  gmp_test_add ("/defaults/bare-host", test_bare_host);
  gmp_test_add ("/defaults/forkless-host", test_forkless_host);
  gmp_test_add ("/defaults/no-socket", test_no_socket);
  gmp_test_add ("/defaults/version", test_version);
  gmp_test_add ("/defaults/properties", test_properties);
  gmp_test_add ("/defaults/not-a-number", test_not_a_number);
  gmp_test_add ("/defaults/targets", test_targets);
  gmp_test_add ("/defaults/kinds", test_kinds);
  gmp_test_add ("/defaults/limits", test_limits);
  gmp_test_add ("/defaults/wrap", test_wrap);
  gmp_test_add ("/defaults/older-names", test_older_names);
  return g_test_run ();
}
