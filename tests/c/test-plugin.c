/* test-plugin.c: a plugin, built three times with another TEST_PLUGIN_NAME
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#define TEST_TYPE_PLUGIN_CLIENT (test_plugin_client_get_type ())
G_DECLARE_FINAL_TYPE (TestPluginClient, test_plugin_client, TEST, PLUGIN_CLIENT, GmpClientWorker)

GVariant *test_plugin_answer     (GVariant *params,
                                  GError  **error);
GmpMethod test_plugin_get_hidden (void);

/* A client that sends one request. */
struct _TestPluginClient
{
  GmpClientWorker parent_instance;

  gboolean has_asked;
};

G_DEFINE_FINAL_TYPE (TestPluginClient, test_plugin_client, GMP_TYPE_CLIENT_WORKER)

static GVariant *
test_plugin_client_process (GmpClientWorker *client,
                            GError         **error G_GNUC_UNUSED)
{
  TEST_PLUGIN_CLIENT (client)->has_asked = TRUE;
  return NULL;
}

static gboolean
test_plugin_client_done (GmpWorker *worker,
                         GError   **error G_GNUC_UNUSED)
{
  return TEST_PLUGIN_CLIENT (worker)->has_asked;
}

static GVariant *
test_plugin_client_finish (GmpWorker *worker G_GNUC_UNUSED,
                           GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_string (TEST_PLUGIN_NAME);
}

static void
test_plugin_client_class_init (TestPluginClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->done = test_plugin_client_done;
  GMP_WORKER_CLASS (klass)->finish = test_plugin_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_plugin_client_process;
}

static void
test_plugin_client_init (TestPluginClient *self G_GNUC_UNUSED)
{
}

static GVariant *
hidden (GVariant *params G_GNUC_UNUSED,
        GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string (TEST_PLUGIN_NAME "'s hidden");
}

GVariant *
test_plugin_answer (GVariant *params G_GNUC_UNUSED,
                    GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string (TEST_PLUGIN_NAME);
}

GmpMethod
test_plugin_get_hidden (void)
{
  return hidden;
}
