/* client-server.c: the guide's second program: two clients that count in steps, and their server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>

/* The server prints each request, and answers with it. */

#define EXAMPLE_TYPE_SERVER (example_server_get_type ())
G_DECLARE_FINAL_TYPE (ExampleServer, example_server, EXAMPLE, SERVER, GmpServerWorker)

struct _ExampleServer
{
  GmpServerWorker parent_instance;

  const char *name;
};

G_DEFINE_FINAL_TYPE (ExampleServer, example_server, GMP_TYPE_SERVER_WORKER)

static gboolean
example_server_start (GmpWorker *worker,
                 GVariant  *params G_GNUC_UNUSED,
                 GError   **error G_GNUC_UNUSED)
{
  printf ("starting server %s\n", EXAMPLE_SERVER (worker)->name);
  return TRUE;
}

static GVariant *
example_server_process (GmpServerWorker *server G_GNUC_UNUSED,
                   const char      *client_id,
                   GVariant        *request,
                   GError         **error G_GNUC_UNUSED)
{
  printf ("Msg from client %s is %d\n", client_id, g_variant_get_int32 (request));
  return g_variant_ref (request);
}

static gboolean
example_server_wait (GmpWorker *worker G_GNUC_UNUSED,
                GError   **error G_GNUC_UNUSED)
{
  g_usleep (100 * 1000);
  return TRUE;
}

static void
example_server_class_init (ExampleServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = example_server_start;
  GMP_WORKER_CLASS (klass)->wait = example_server_wait;
  GMP_SERVER_WORKER_CLASS (klass)->process = example_server_process;
}

static void
example_server_init (ExampleServer *self)
{
  self->name = "myserver";
}

/* A client sends its state and two more, and takes the answer as its state. */

#define EXAMPLE_TYPE_CLIENT (example_client_get_type ())
G_DECLARE_FINAL_TYPE (ExampleClient, example_client, EXAMPLE, CLIENT, GmpClientWorker)

struct _ExampleClient
{
  GmpClientWorker parent_instance;

  int counter;
  int state;
};

G_DEFINE_FINAL_TYPE (ExampleClient, example_client, GMP_TYPE_CLIENT_WORKER)

static int
add2 (int n)
{
  return n + 2;
}

static gboolean
example_client_start (GmpWorker *worker,
                      GVariant  *params,
                      GError   **error G_GNUC_UNUSED)
{
  ExampleClient *self = EXAMPLE_CLIENT (worker);

  self->state = g_variant_get_int32 (params);
  printf ("starting client %s with state %d\n", gmp_worker_get_id (worker), self->state);
  return TRUE;
}

static GVariant *
example_client_process (GmpClientWorker *client,
                        GError         **error G_GNUC_UNUSED)
{
  ExampleClient *self = EXAMPLE_CLIENT (client);

  self->counter++;
  return g_variant_new_int32 (add2 (self->state));
}

static gboolean
example_client_update (GmpClientWorker *client,
                       GVariant        *response,
                       GError         **error G_GNUC_UNUSED)
{
  EXAMPLE_CLIENT (client)->state = g_variant_get_int32 (response);
  return TRUE;
}

static gboolean
example_client_wait (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  printf ("Client %s waiting\n", gmp_worker_get_id (worker));
  return TRUE;
}

static gboolean
example_client_done (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return EXAMPLE_CLIENT (worker)->counter > 10;
}

static GVariant *
example_client_finish (GmpWorker *worker,
                       GError   **error G_GNUC_UNUSED)
{
  printf ("Client %s is finishing...\n", gmp_worker_get_id (worker));
  return NULL;
}

static void
example_client_class_init (ExampleClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = example_client_start;
  GMP_WORKER_CLASS (klass)->done = example_client_done;
  GMP_WORKER_CLASS (klass)->wait = example_client_wait;
  GMP_WORKER_CLASS (klass)->finish = example_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = example_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = example_client_update;
}

static void
example_client_init (ExampleClient *self G_GNUC_UNUSED)
{
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GmpClientServer) application = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  /* Worker processes look the types up by name. */
  g_type_ensure (EXAMPLE_TYPE_SERVER);
  g_type_ensure (EXAMPLE_TYPE_CLIENT);
  gmp_init (&argc, &argv);

  application = gmp_client_server_new (EXAMPLE_TYPE_SERVER);
  if (gmp_client_server_add_client (application, "par", EXAMPLE_TYPE_CLIENT,
                                    g_variant_new_int32 (2), &error) &&
      gmp_client_server_add_client (application, "impar", EXAMPLE_TYPE_CLIENT,
                                    g_variant_new_int32 (1), &error))
    results = gmp_client_server_run (application, NULL, NULL, &error);
  if (results != NULL)
    return EXIT_SUCCESS;
  g_printerr ("%s\n", error->message);
  return EXIT_FAILURE;
}
