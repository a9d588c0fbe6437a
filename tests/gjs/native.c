/* native.c: workers in C for programs in JavaScript
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

GVariant *test_increment (GVariant *params,
                          GError  **error);
GVariant *test_fail      (GVariant *params,
                          GError  **error);

GVariant *
test_increment (GVariant *params,
                GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (g_variant_get_int32 (params) + 1);
}

GVariant *
test_fail (GVariant *params G_GNUC_UNUSED,
           GError  **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "Busy in C");
  return NULL;
}

/* A server that responds with the next number. */

#define TEST_TYPE_SERVER (test_server_get_type ())
G_MODULE_EXPORT
G_DECLARE_FINAL_TYPE (TestServer, test_server, TEST, SERVER, GmpServerWorker)

struct _TestServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (TestServer, test_server, GMP_TYPE_SERVER_WORKER)

static GVariant *
test_server_process (GmpServerWorker *server G_GNUC_UNUSED,
                     const char      *client_id G_GNUC_UNUSED,
                     GVariant        *request,
                     GError         **error)
{
  return test_increment (request, error);
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

/* A client that sends its number three times. */

#define TEST_TYPE_CLIENT (test_client_get_type ())
G_MODULE_EXPORT
G_DECLARE_FINAL_TYPE (TestClient, test_client, TEST, CLIENT, GmpClientWorker)

struct _TestClient
{
  GmpClientWorker parent_instance;

  int number;
  int n_turns;
};

G_DEFINE_FINAL_TYPE (TestClient, test_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
test_client_start (GmpWorker *worker,
                   GVariant  *params,
                   GError   **error G_GNUC_UNUSED)
{
  TEST_CLIENT (worker)->number = g_variant_get_int32 (params);
  return TRUE;
}

static gboolean
test_client_done (GmpWorker *worker,
                  GError   **error G_GNUC_UNUSED)
{
  return TEST_CLIENT (worker)->n_turns == 3;
}

static GVariant *
test_client_process (GmpClientWorker *client,
                     GError         **error G_GNUC_UNUSED)
{
  TEST_CLIENT (client)->n_turns++;
  return g_variant_new_int32 (TEST_CLIENT (client)->number);
}

static gboolean
test_client_update (GmpClientWorker *client,
                    GVariant        *response,
                    GError         **error G_GNUC_UNUSED)
{
  TEST_CLIENT (client)->number = g_variant_get_int32 (response);
  return TRUE;
}

static GVariant *
test_client_finish (GmpWorker *worker,
                    GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (TEST_CLIENT (worker)->number);
}

static void
test_client_class_init (TestClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = test_client_start;
  GMP_WORKER_CLASS (klass)->done = test_client_done;
  GMP_WORKER_CLASS (klass)->finish = test_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_client_update;
}

static void
test_client_init (TestClient *self G_GNUC_UNUSED)
{
}
