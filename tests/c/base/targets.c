/* targets.c: how functions and types are found in a worker's process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-library.h"

#include <dlfcn.h>
#include <gmodule.h>

/* The server of all clients here: it responds with the sender's id. */

#define TEST_TYPE_SERVER (test_server_get_type ())
G_DECLARE_FINAL_TYPE (TestServer, test_server, TEST, SERVER, GmpServerWorker)

struct _TestServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (TestServer, test_server, GMP_TYPE_SERVER_WORKER)

static GVariant *
test_server_process (GmpServerWorker *server G_GNUC_UNUSED,
                     const char      *client_id,
                     GVariant        *request G_GNUC_UNUSED,
                     GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_string (client_id);
}

static void
test_server_class_init (TestServerClass *klass)
{
  GMP_SERVER_WORKER_CLASS (klass)->process = test_server_process;
}

static void
test_server_init (TestServer *self G_GNUC_UNUSED)
{
}

/* A client that is registered in the application only, by a static function. */

typedef GmpClientWorker TestLateClient;
typedef GmpClientWorkerClass TestLateClientClass;

static GType test_late_client_get_type (void);

G_DEFINE_TYPE (TestLateClient, test_late_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_late_client_done (GmpWorker *worker G_GNUC_UNUSED,
                       GError   **error G_GNUC_UNUSED)
{
  return TRUE;
}

static void
test_late_client_class_init (TestLateClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->done = test_late_client_done;
}

static void
test_late_client_init (TestLateClient *self G_GNUC_UNUSED)
{
}

static GVariant *
hidden (GVariant *params G_GNUC_UNUSED,
        GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string ("program's hidden");
}

static GVariant *
run_one (GmpWorkers *workers,
         GError    **error)
{
  g_autoptr (GVariant) results = gmp_workers_run (workers, NULL, 0, NULL, error);

  return results != NULL ? gmp_test_get_int (results, 1) : NULL;
}

static GVariant *
run_method (GmpMethod method,
            GError  **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  return gmp_workers_add (workers, 1, method, NULL, error) ? run_one (workers, error) : NULL;
}

static GVariant *
run_target (const char *target,
            GError    **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  return gmp_workers_add_target (workers, 1, target, NULL, error) ? run_one (workers, error) : NULL;
}

static void
check_method (GmpMethod   method,
              const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = run_method (method, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

static void
check_target (const char *module,
              const char *name,
              const char *expected)
{
  g_autofree char *target = g_strdup_printf ("native:%s:%s", module, name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = run_target (target, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

static void
check_bad_target (const char *target,
                  GmpError    code,
                  const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (run_target (target, &error));
  g_assert_error (error, GMP_ERROR, (int) code);
  g_test_message ("%s", error->message);
  gmp_test_check_in (error->message, part);
}

static gpointer
load (const char *path,
      const char *name)
{
  GModule *module = g_module_open (path, G_MODULE_BIND_LOCAL);
  gpointer symbol = NULL;

  if (module == NULL || !g_module_symbol (module, name, &symbol))
    g_error ("%s", g_module_error ());
  g_module_make_resident (module);
  return symbol;
}

static void
test_functions (void)
{
  check_method (hidden, "program's hidden");
  check_method (test_library_answer, "library's answer");
  check_method (test_library_get_hidden (), "library's hidden");
}

static void
test_plugin (void)
{
  g_autofree char *path = gmp_test_find_built ("test-plugin-a.so");

  check_method (load (path, "test_plugin_answer"), "plugin a");
  check_method (((GmpMethod (*) (void)) load (path, "test_plugin_get_hidden")) (),
                "plugin a's hidden");
}

/* A plugin without a build id, which another process could not recognize. A function of it is
 * found by name. */
static void
test_plugin_without_id (void)
{
  g_autofree char *path = gmp_test_find_built ("test-plugin-without-id.so");
  g_autoptr (GError) error = NULL;

  g_assert_null (run_method (load (path, "test_plugin_answer"), &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "link it with -Wl,--build-id");
  check_target (path, "test_plugin_answer", "plugin without id");
}

static void
test_strings (void)
{
  g_autofree char *library = gmp_test_find_built ("libtest-library.so");
  g_autofree char *plugin = gmp_test_find_built ("test-plugin-b.so");

  check_target (library, "test_library_answer", "library's answer");
  check_target ("libtest-library.so", "test_library_answer", "library's answer");
  check_target ("", "test_library_answer", "library's answer");
  check_target (plugin, "test_plugin_answer", "plugin b");
}

static void
test_missing (void)
{
  g_autofree char *library = gmp_test_find_built ("libtest-library.so");
  g_autofree char *target = g_strdup_printf ("native:%s:test_library_anwser", library);
  g_autofree char *offset = g_strdup_printf ("native:%s:offset=0x0@0123", library);

  check_bad_target (target, GMP_ERROR_NOT_FOUND, library);
  check_bad_target (target, GMP_ERROR_NOT_FOUND, "test_library_anwser");
  check_bad_target (offset, GMP_ERROR_NOT_FOUND, library);
  check_bad_target ("native:libtest-nowhere.so:answer", GMP_ERROR_NOT_FOUND, "libtest-nowhere.so");
  check_bad_target ("native:/nowhere/plugin.so:answer", GMP_ERROR_NOT_FOUND, "/nowhere/plugin.so");
  check_bad_target ("native::test_nothing", GMP_ERROR_NOT_FOUND, "test_nothing");
  check_bad_target ("native:libtest-library.so:type=GmpNothing", GMP_ERROR_NOT_FOUND, "GmpNothing");
  check_bad_target ("native:libtest-library.so:type=GObject", GMP_ERROR_NOT_FOUND, "GObject");
}

static void
test_bad_strings (void)
{
  const char *strings[] = { "", ":", "native", "native:", ":x:y", "nothing at all" };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    check_bad_target (strings[i], GMP_ERROR_NOT_FOUND, "RUNTIME:DESCRIPTION");
  check_bad_target ("native:\377:answer", GMP_ERROR_NOT_FOUND, "in UTF-8");
  check_bad_target ("native:no-symbol", GMP_ERROR_NOT_FOUND, "no-symbol");
  check_bad_target ("native:libtest-library.so:", GMP_ERROR_NOT_FOUND, "MODULE:SYMBOL");
  check_bad_target ("native:libtest-library.so:offset=", GMP_ERROR_NOT_FOUND, "libtest-library.so");
  check_bad_target ("cobol:payroll:main", GMP_ERROR_LAUNCH, "cobol");
}

/* Memory that belongs to no file, as a language binding allocates it for a closure. */
static void
test_closure (void)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autofree char *memory = g_malloc (64);
  g_autoptr (GError) error = NULL;

  g_assert_false (gmp_workers_add (workers, 1, (GmpMethod) (gpointer) memory, NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
}

static void
copy_file (const char *from,
           const char *to)
{
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_file_get_contents (from, &contents, &length, &error);
  g_assert_no_error (error);
  g_file_set_contents_full (to, contents, (gssize) length, G_FILE_SET_CONTENTS_CONSISTENT, 0700,
                            &error);
  g_assert_no_error (error);
}

/* A plugin is updated while the application runs: another function may be at the same offset. */
static void
test_replaced (void)
{
  g_autofree char *first = gmp_test_find_built ("test-plugin-a.so");
  g_autofree char *second = gmp_test_find_built ("test-plugin-b.so");
  g_autofree char *path = gmp_test_build_path ("plugin.so");
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  copy_file (first, path);
  gmp_workers_add (workers, 1, load (path, "test_plugin_answer"), NULL, &error);
  g_assert_no_error (error);
  value = run_one (workers, &error);
  g_assert_no_error (error);
  gmp_test_check_value (value, "'plugin a'");

  copy_file (second, path);
  g_assert_null (run_one (workers, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, path);
}

static GVariant *
run_client (GType       type,
            const char *target,
            GError    **error)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (TEST_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  gboolean added;

  /* Under valgrind a process may take longer than 5 seconds to exit. */
  g_object_set (application, "kill-grace", gmp_test_stretch (5), NULL);
  if (target != NULL)
    added = gmp_client_server_new_worker_target (application, "c", target, NULL, error);
  else
    added = gmp_client_server_new_worker (application, "c", type, NULL, error);
  if (added)
    results = gmp_client_server_run (application, NULL, NULL, error);
  return results != NULL ? gmp_test_get_string (results, "c") : NULL;
}

static void
check_client (GType       type,
              const char *target,
              const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = run_client (type, target, &error);

  g_assert_no_error (error);
  gmp_test_check_value (value, expected);
}

static void
test_type_in_library (void)
{
  g_autofree char *library = gmp_test_find_built ("libtest-library.so");
  g_autofree char *target = g_strdup_printf ("native:%s:test_library_client_get_type", library);

  check_client (TEST_TYPE_LIBRARY_CLIENT, NULL, "('library', <'c'>)");
  check_client (G_TYPE_INVALID, target, "('library', <'c'>)");
  check_client (G_TYPE_INVALID, "native::test_library_client_get_type", "('library', <'c'>)");
  check_client (G_TYPE_INVALID, "native::type=TestLibraryClient", "('library', <'c'>)");
}

static void
test_type_in_plugin (void)
{
  g_autofree char *path = gmp_test_find_built ("test-plugin-a.so");
  g_autofree char *target = g_strdup_printf ("native:%s:type=TestPluginClient", path);
  GType (*get_type) (void) = (GType (*) (void)) load (path, "test_plugin_client_get_type");

  check_client (get_type (), NULL, "'plugin a'");
  check_client (G_TYPE_INVALID, target, "'plugin a'");
}

static void
test_type_late (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (run_client (test_late_client_get_type (), NULL, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND);
  gmp_test_check_in (error->message, "TestLateClient");
  gmp_test_check_in (error->message, "g_type_ensure");
  gmp_test_check_in (error->message, program);
  /* The error appears once, not once for each side. */
  g_assert_null (strstr (strstr (error->message, "TestLateClient ") + 1, "TestLateClient "));
}

/* Programs other than this one. */

/* A copy in another folder does not find a library that was linked by a relative path. */
static char **
make_environment (void)
{
  g_autofree char *folder = NULL;
  Dl_info info;

  g_assert_true (dladdr ((gpointer) gmp_init, &info) != 0);
  folder = g_path_get_dirname (info.dli_fname);
  return g_environ_setenv (g_get_environ (), "LD_LIBRARY_PATH", folder, TRUE);
}

static char *
run_program (const char *path,
             const char *mode,
             int         expected_status)
{
  const char *argv[] = { path, mode, NULL };
  g_auto (GStrv) environment = make_environment ();
  g_autoptr (GError) error = NULL;
  char *output = NULL;
  int wait_status;

  g_spawn_sync (NULL, (char **) argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL,
                &wait_status, &error);
  g_assert_no_error (error);
  g_test_message ("%s", output);
  g_assert_cmpint (wait_status, ==, expected_status << 8);
  return output;
}

static void
check_program (const char *name)
{
  g_autofree char *path = gmp_test_find_built (name);
  g_autofree char *output = run_program (path, NULL, 0);

  g_assert_cmpstr (output, ==, "{1: <42>}\n");
}

static void
test_pie (void)
{
  check_program ("target-program-pie");
}

static void
test_fixed (void)
{
  check_program ("target-program-fixed");
}

static void
test_stripped (void)
{
  const char *programs[] = { "target-program-pie", "target-program-fixed" };

  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    {
      g_autofree char *path = gmp_test_find_built (programs[i]);
      g_autofree char *copy = gmp_test_build_path (programs[i]);
      const char *argv[] = { "strip", "--strip-all", copy, NULL };
      g_autofree char *output = NULL;
      g_autoptr (GError) error = NULL;
      int wait_status;

      copy_file (path, copy);
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                    &wait_status, &error);
      if (g_error_matches (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
        {
          g_test_skip ("There is no strip");
          return;
        }
      g_assert_no_error (error);
      g_assert_cmpint (wait_status, ==, 0);
      output = run_program (copy, NULL, 0);
      g_assert_cmpstr (output, ==, "{1: <42>}\n");
    }
}

static void
test_no_init (void)
{
  g_autofree char *path = gmp_test_find_built ("target-program-pie");
  g_autofree char *output = run_program (path, "no-init", 1);
  g_autofree char *expected = g_strdup_printf ("%s %d", g_quark_to_string (GMP_ERROR),
                                               GMP_ERROR_LAUNCH);

  gmp_test_check_in (output, expected);
  gmp_test_check_in (output, "gmp_init ()");
}

static void
test_early_exit (void)
{
  g_autofree char *path = gmp_test_find_built ("target-program-pie");
  g_autofree char *output = run_program (path, "early-exit", 1);

  gmp_test_check_in (output, g_quark_to_string (GMP_ERROR));
  gmp_test_check_in (output, "status 9");
  gmp_test_check_in (output, "gmp_init ()");
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (TEST_TYPE_SERVER);
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/targets/functions", test_functions);
  gmp_test_add ("/targets/plugin", test_plugin);
  gmp_test_add ("/targets/plugin-without-id", test_plugin_without_id);
  gmp_test_add ("/targets/strings", test_strings);
  gmp_test_add ("/targets/missing", test_missing);
  gmp_test_add ("/targets/bad-strings", test_bad_strings);
  gmp_test_add ("/targets/closure", test_closure);
  gmp_test_add ("/targets/replaced", test_replaced);
  gmp_test_add ("/targets/type-in-library", test_type_in_library);
  gmp_test_add ("/targets/type-in-plugin", test_type_in_plugin);
  gmp_test_add ("/targets/type-late", test_type_late);
  gmp_test_add ("/targets/pie", test_pie);
  gmp_test_add ("/targets/fixed", test_fixed);
  gmp_test_add ("/targets/stripped", test_stripped);
  gmp_test_add ("/targets/no-init", test_no_init);
  gmp_test_add ("/targets/early-exit", test_early_exit);
  return g_test_run ();
}
