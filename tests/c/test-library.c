/* test-library.c: functions and types in a shared library
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-library.h"

struct _TestLibraryClient
{
  GmpClientWorker parent_instance;

  GVariant *response;
};

G_DEFINE_FINAL_TYPE (TestLibraryClient, test_library_client, GMP_TYPE_CLIENT_WORKER)

static GVariant *
test_library_client_process (GmpClientWorker *client G_GNUC_UNUSED,
                             GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_string ("asked");
}

static gboolean
test_library_client_update (GmpClientWorker *client,
                            GVariant        *response,
                            GError         **error G_GNUC_UNUSED)
{
  TEST_LIBRARY_CLIENT (client)->response = g_variant_ref (response);
  return TRUE;
}

static gboolean
test_library_client_done (GmpWorker *worker,
                          GError   **error G_GNUC_UNUSED)
{
  return TEST_LIBRARY_CLIENT (worker)->response != NULL;
}

static GVariant *
test_library_client_finish (GmpWorker *worker,
                            GError   **error G_GNUC_UNUSED)
{
  return g_variant_new ("(sv)", "library", TEST_LIBRARY_CLIENT (worker)->response);
}

static void
test_library_client_finalize (GObject *object)
{
  g_clear_pointer (&TEST_LIBRARY_CLIENT (object)->response, g_variant_unref);
  G_OBJECT_CLASS (test_library_client_parent_class)->finalize (object);
}

static void
test_library_client_class_init (TestLibraryClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_library_client_finalize;
  GMP_WORKER_CLASS (klass)->done = test_library_client_done;
  GMP_WORKER_CLASS (klass)->finish = test_library_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = test_library_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = test_library_client_update;
}

static void
test_library_client_init (TestLibraryClient *self G_GNUC_UNUSED)
{
}

GVariant *
test_library_answer (GVariant *params G_GNUC_UNUSED,
                     GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string ("library's answer");
}

static GVariant *
hidden (GVariant *params G_GNUC_UNUSED,
        GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_string ("library's hidden");
}

GmpMethod
test_library_get_hidden (void)
{
  return hidden;
}
