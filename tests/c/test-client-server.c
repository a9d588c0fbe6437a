/* test-client-server.c: a server and a client whose parameters select what they do
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-client-server.h"

#include "gmp-test.h"

#include <signal.h>
#include <stdio.h>

/* The parts that the server and the client have in common. */
typedef struct {
  GVariantDict params;
  GString *trace;
  guint n_turns;
} Script;

static void
script_init (Script *self)
{
  g_variant_dict_init (&self->params, NULL);
  self->trace = g_string_new (NULL);
}

static void
script_clear (Script *self)
{
  g_variant_dict_clear (&self->params);
  g_string_free (self->trace, TRUE);
}

static gboolean
script_names (Script     *self,
              const char *key,
              const char *method)
{
  const char *named;

  return g_variant_dict_lookup (&self->params, key, "&s", &named) && g_str_equal (named, method);
}

static gboolean
script_is (Script     *self,
           const char *key)
{
  gboolean value;

  return g_variant_dict_lookup (&self->params, key, "b", &value) && value;
}

static void
wait_for_cancel (void)
{
  GPollFD fd;

  gmp_worker_report (g_variant_new_string ("hanging"), NULL);
  g_cancellable_make_pollfd (gmp_worker_get_cancellable (), &fd);
  g_poll (&fd, 1, -1);
  g_cancellable_release_fd (gmp_worker_get_cancellable ());
}

/* Every method calls this first. */
static gboolean
script_enter (Script     *self,
              const char *method,
              GError    **error)
{
  g_string_append_printf (self->trace, "%s ", method);
  if (script_names (self, "report", method))
    gmp_worker_report (g_variant_new_string (method), NULL);
  if (script_names (self, "say", method))
    {
      printf ("%s\n", method);
      g_log ("some", G_LOG_LEVEL_MESSAGE, "in %s", method);
    }
  if (script_names (self, "kill", method))
    raise (SIGKILL);
  if (script_names (self, "hang", method))
    wait_for_cancel ();
  if (!script_names (self, "fail", method))
    return TRUE;
  g_set_error (error, TEST_ERROR, 7, "%s fails", method);
  return FALSE;
}

static gboolean
script_start (Script   *self,
              GVariant *params,
              GError  **error)
{
  const char *meeting;

  if (params != NULL)
    {
      g_variant_dict_clear (&self->params);
      g_variant_dict_init (&self->params, params);
    }
  if (!script_enter (self, params != NULL ? "start" : "start(NULL)", error))
    return FALSE;
  if (g_variant_dict_lookup (&self->params, "meet", "&s", &meeting))
    gmp_test_meet (meeting);
  return TRUE;
}

static GVariant *
script_finish (Script  *self,
               GError **error)
{
  if (!script_enter (self, "finish", error) || script_is (self, "null"))
    return NULL;
  return g_variant_new_string (self->trace->str);
}

/* The server. */

struct _TestServer
{
  GmpServerWorker parent_instance;

  Script script;
};

G_DEFINE_FINAL_TYPE (TestServer, test_server, GMP_TYPE_SERVER_WORKER)

static gboolean
test_server_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error)
{
  TestServer *self = TEST_SERVER (worker);

  g_string_append_printf (self->script.trace, "%s:%u ", gmp_worker_get_id (worker),
                          gmp_server_worker_get_n_clients (GMP_SERVER_WORKER (worker)));
  return script_start (&self->script, params, error);
}

static GVariant *
test_server_process (GmpServerWorker *server,
                     const char      *client_id,
                     GVariant        *request,
                     GError         **error)
{
  TestServer *self = TEST_SERVER (server);

  if (!script_enter (&self->script, "process", error))
    return NULL;
  g_string_append_printf (self->script.trace, "%s ", client_id);
  self->script.n_turns++;
  return request != NULL ? g_variant_ref (request) : NULL;
}

static gboolean
test_server_wait (GmpWorker *worker,
                  GError   **error)
{
  return script_enter (&TEST_SERVER (worker)->script, "wait", error);
}

static gboolean
test_server_done (GmpWorker *worker,
                  GError   **error)
{
  TestServer *self = TEST_SERVER (worker);
  guint turns;

  if (!script_enter (&self->script, "done", error))
    return FALSE;
  if (script_is (&self->script, "never-done"))
    return FALSE;
  if (g_variant_dict_lookup (&self->script.params, "turns", "u", &turns))
    return self->script.n_turns >= turns;
  return GMP_WORKER_CLASS (test_server_parent_class)->done (worker, error);
}

static GVariant *
test_server_finish (GmpWorker *worker,
                    GError   **error)
{
  return script_finish (&TEST_SERVER (worker)->script, error);
}

static void
test_server_finalize (GObject *object)
{
  script_clear (&TEST_SERVER (object)->script);
  G_OBJECT_CLASS (test_server_parent_class)->finalize (object);
}

static void
test_server_class_init (TestServerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_server_finalize;
  GMP_WORKER_CLASS (klass)->start = test_server_start;
  GMP_WORKER_CLASS (klass)->wait = test_server_wait;
  GMP_WORKER_CLASS (klass)->done = test_server_done;
  GMP_WORKER_CLASS (klass)->finish = test_server_finish;
  GMP_SERVER_WORKER_CLASS (klass)->process = test_server_process;
}

static void
test_server_init (TestServer *self)
{
  script_init (&self->script);
}

/* The client. */

struct _TestClient
{
  GmpClientWorker parent_instance;

  Script script;
};

G_DEFINE_FINAL_TYPE (TestClient, test_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_client_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error)
{
  TestClient *self = TEST_CLIENT (worker);

  g_string_append_printf (self->script.trace, "%s ", gmp_worker_get_id (worker));
  return script_start (&self->script, params, error);
}

static GVariant *
test_client_process (GmpClientWorker *client,
                     GError         **error)
{
  TestClient *self = TEST_CLIENT (client);
  g_autoptr (GVariant) boxed = NULL;

  if (!script_enter (&self->script, "process", error))
    return NULL;
  self->script.n_turns++;
  boxed = g_variant_dict_lookup_value (&self->script.params, "request", G_VARIANT_TYPE_MAYBE);
  if (boxed == NULL)
    return g_variant_new_uint32 (self->script.n_turns);
  return g_variant_get_maybe (boxed);
}

static gboolean
test_client_update (GmpClientWorker *client,
                    GVariant        *response,
                    GError         **error)
{
  TestClient *self = TEST_CLIENT (client);
  g_autofree char *text = response != NULL ? g_variant_print (response, FALSE) : g_strdup ("NULL");

  if (!script_enter (&self->script, "update", error))
    return FALSE;
  g_string_append_printf (self->script.trace, "%s ", text);
  return TRUE;
}

static gboolean
test_client_wait (GmpWorker *worker,
                  GError   **error)
{
  return script_enter (&TEST_CLIENT (worker)->script, "wait", error);
}

static gboolean
test_client_done (GmpWorker *worker,
                  GError   **error)
{
  TestClient *self = TEST_CLIENT (worker);
  guint turns = 1;

  if (!script_enter (&self->script, "done", error))
    return FALSE;
  g_variant_dict_lookup (&self->script.params, "turns", "u", &turns);
  return self->script.n_turns >= turns;
}

static GVariant *
test_client_finish (GmpWorker *worker,
                    GError   **error)
{
  return script_finish (&TEST_CLIENT (worker)->script, error);
}

static void
test_client_finalize (GObject *object)
{
  script_clear (&TEST_CLIENT (object)->script);
  G_OBJECT_CLASS (test_client_parent_class)->finalize (object);
}

static void
test_client_class_init (TestClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_client_finalize;
  GMP_WORKER_CLASS (klass)->start = test_client_start;
  GMP_WORKER_CLASS (klass)->wait = test_client_wait;
  GMP_WORKER_CLASS (klass)->done = test_client_done;
  GMP_WORKER_CLASS (klass)->finish = test_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_client_update;
}

static void
test_client_init (TestClient *self)
{
  script_init (&self->script);
}

/* Parses a floating a{sv}. */
GVariant *
test_params (const char *params)
{
  GVariant *result = params != NULL ? g_variant_new_parsed (params) : NULL;

  if (result != NULL)
    g_assert_cmpstr (g_variant_get_type_string (result), ==, "a{sv}");
  return result;
}

void
test_add_client (GmpClientServer *application,
                 const char      *id,
                 const char      *params)
{
  g_autoptr (GError) error = NULL;

  gmp_client_server_add_client (application, id, TEST_TYPE_CLIENT, test_params (params), &error);
  g_assert_no_error (error);
}

void
test_run_init (TestRun *self,
               GType    server_type,
               GType    application_type,
               gboolean is_application)
{
  *self = (TestRun) {
    .application = is_application ? g_object_new (application_type, NULL)
                                  : gmp_client_server_new (server_type),
  };
}

void
test_run_add (TestRun    *self,
              const char *id,
              const char *params)
{
  test_add_client (self->application, id, params);
}

/* Call it once. @params are the server's. */
void
test_run_go (TestRun    *self,
             const char *params)
{
  g_autoptr (GVariant) server = NULL;

  self->results = gmp_client_server_run (self->application, test_params (params), NULL,
                                         &self->error);
  server = gmp_client_server_get_server_result (self->application);
  if (server != NULL)
    self->trace = g_variant_dup_string (server, NULL);
}

void
test_run_clear (TestRun *self)
{
  g_clear_object (&self->application);
  g_clear_pointer (&self->results, g_variant_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->trace, g_free);
}
