/* mixed.c: a server in C, and clients in C, Python and JavaScript that all talk to it
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>

/* Adds up what all clients send, and answers each with its own number and one more. */

#define MIXED_TYPE_SERVER (mixed_server_get_type ())
G_DECLARE_FINAL_TYPE (MixedServer, mixed_server, MIXED, SERVER, GmpServerWorker)

struct _MixedServer
{
  GmpServerWorker parent_instance;

  gint64 sum;
};

G_DEFINE_FINAL_TYPE (MixedServer, mixed_server, GMP_TYPE_SERVER_WORKER)

/* Each language chooses a type for a small number. */
static gint64
to_int (GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    return g_variant_get_int64 (value);
  return g_variant_get_int32 (value);
}

static GVariant *
mixed_server_process (GmpServerWorker *server,
                      const char      *client_id G_GNUC_UNUSED,
                      GVariant        *request,
                      GError         **error)
{
  if (request == NULL || !g_variant_type_is_subtype_of (g_variant_get_type (request),
                                                        G_VARIANT_TYPE_BASIC))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "A client did not send a number");
      return NULL;
    }
  MIXED_SERVER (server)->sum += to_int (request);
  return g_variant_new_int32 ((gint32) to_int (request) + 1);
}

static GVariant *
mixed_server_finish (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_int64 (MIXED_SERVER (worker)->sum);
}

static void
mixed_server_class_init (MixedServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->finish = mixed_server_finish;
  GMP_SERVER_WORKER_CLASS (klass)->process = mixed_server_process;
}

static void
mixed_server_init (MixedServer *self G_GNUC_UNUSED)
{
}

/* Sends its number ten times, and takes the answer for it; client.py and client.js do the same. */

#define MIXED_TYPE_CLIENT (mixed_client_get_type ())
G_DECLARE_FINAL_TYPE (MixedClient, mixed_client, MIXED, CLIENT, GmpClientWorker)

struct _MixedClient
{
  GmpClientWorker parent_instance;

  gint32 number;
  int n_turns;
};

G_DEFINE_FINAL_TYPE (MixedClient, mixed_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
mixed_client_start (GmpWorker *worker,
                    GVariant  *params,
                    GError   **error G_GNUC_UNUSED)
{
  MIXED_CLIENT (worker)->number = g_variant_get_int32 (params);
  return TRUE;
}

static gboolean
mixed_client_done (GmpWorker *worker,
                   GError   **error G_GNUC_UNUSED)
{
  return MIXED_CLIENT (worker)->n_turns == 10;
}

static GVariant *
mixed_client_process (GmpClientWorker *client,
                      GError         **error G_GNUC_UNUSED)
{
  MIXED_CLIENT (client)->n_turns++;
  return g_variant_new_int32 (MIXED_CLIENT (client)->number);
}

static gboolean
mixed_client_update (GmpClientWorker *client,
                     GVariant        *response,
                     GError         **error G_GNUC_UNUSED)
{
  MIXED_CLIENT (client)->number = g_variant_get_int32 (response);
  return TRUE;
}

static GVariant *
mixed_client_finish (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (MIXED_CLIENT (worker)->number);
}

static void
mixed_client_class_init (MixedClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = mixed_client_start;
  GMP_WORKER_CLASS (klass)->done = mixed_client_done;
  GMP_WORKER_CLASS (klass)->finish = mixed_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = mixed_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = mixed_client_update;
}

static void
mixed_client_init (MixedClient *self G_GNUC_UNUSED)
{
}

static GVariant *
run (const char *folder,
     GError    **error)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (MIXED_TYPE_SERVER);
  g_autofree char *absolute = g_canonicalize_filename (folder, NULL);
  g_autofree char *path = g_build_filename (absolute, "client.js", NULL);
  g_autofree char *uri = g_filename_to_uri (path, NULL, NULL);
  g_autofree char *javascript = g_strdup_printf ("gjs:%s#MixedClient", uri);
  g_autofree char *search_path = NULL;
  g_autoptr (GVariant) sum = NULL;
  GVariant *results;

  /* The path where Python finds the module `client`. */
  search_path = g_strdup_printf ("%s:%s", absolute,
                                 g_getenv ("PYTHONPATH") != NULL ? g_getenv ("PYTHONPATH") : "");
  g_setenv ("PYTHONPATH", search_path, TRUE);

  if (!gmp_client_server_add_client (application, "C", MIXED_TYPE_CLIENT,
                                     g_variant_new_int32 (100), error) ||
      !gmp_client_server_add_client_target (application, "Python", "python:client:MixedClient",
                                            g_variant_new_int32 (200), error) ||
      !gmp_client_server_add_client_target (application, "JavaScript", javascript,
                                            g_variant_new_int32 (300), error))
    return NULL;
  results = gmp_client_server_run (application, NULL, NULL, error);
  sum = gmp_client_server_get_server_result (application);
  if (results != NULL)
    printf ("the server added up %" G_GINT64_FORMAT "\n", g_variant_get_int64 (sum));
  return results;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  GVariantIter iter;
  const char *id;

  g_type_ensure (MIXED_TYPE_SERVER);
  g_type_ensure (MIXED_TYPE_CLIENT);
  gmp_init (&argc, &argv);

  if (argc != 2)
    {
      g_printerr ("Usage: %s FOLDER\nFOLDER has client.py and client.js in it.\n", argv[0]);
      return EXIT_FAILURE;
    }
  results = run (argv[1], &error);
  if (results == NULL)
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "{&sv}", &id, &value))
    printf ("the client in %s has reached %" G_GINT64_FORMAT "\n", id, to_int (value));
  return EXIT_SUCCESS;
}
