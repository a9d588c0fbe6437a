/* application-server.c: an application that is itself the server, and hands out work to clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>

/* The application cuts the numbers below END into pieces. A client that asks gets the next one, so
 * a quick client does more of them; when there are no more it gets nothing. */

#define END   1000000
#define PIECE 10000

#define EXAMPLE_TYPE_APPLICATION (example_application_get_type ())
G_DECLARE_FINAL_TYPE (ExampleApplication, example_application, EXAMPLE, APPLICATION,
                      GmpClientServer)

struct _ExampleApplication
{
  GmpClientServer parent_instance;

  guint next;
  guint n_primes;
};

G_DEFINE_FINAL_TYPE (ExampleApplication, example_application, GMP_TYPE_CLIENT_SERVER)

static gboolean
example_application_start (GmpClientServer *application G_GNUC_UNUSED,
                           GVariant        *params G_GNUC_UNUSED,
                           GError         **error G_GNUC_UNUSED)
{
  printf ("Looking for primes in %d pieces\n", END / PIECE);
  return TRUE;
}

static GVariant *
example_application_process (GmpClientServer *application,
                             const char      *client_id G_GNUC_UNUSED,
                             GVariant        *request,
                             GError         **error G_GNUC_UNUSED)
{
  ExampleApplication *self = EXAMPLE_APPLICATION (application);
  guint piece = self->next;

  /* A client that comes for its first piece has found nothing yet. */
  if (request != NULL)
    self->n_primes += g_variant_get_uint32 (request);
  if (piece == END)
    return NULL;
  self->next += PIECE;
  return g_variant_new_uint32 (piece);
}

static GVariant *
example_application_finish (GmpClientServer *application,
                            GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (EXAMPLE_APPLICATION (application)->n_primes);
}

static void
example_application_class_init (ExampleApplicationClass *klass)
{
  GmpClientServerClass *parent_class = GMP_CLIENT_SERVER_CLASS (klass);

  parent_class->start = example_application_start;
  parent_class->process = example_application_process;
  parent_class->finish = example_application_finish;
}

static void
example_application_init (ExampleApplication *self G_GNUC_UNUSED)
{
}

/* A client reports what it found in its piece, and gets the next. */

#define EXAMPLE_TYPE_CLIENT (example_client_get_type ())
G_DECLARE_FINAL_TYPE (ExampleClient, example_client, EXAMPLE, CLIENT, GmpClientWorker)

struct _ExampleClient
{
  GmpClientWorker parent_instance;

  GVariant *piece; /* (nullable): none yet, or no more */
  guint n_pieces;
  gboolean is_done;
};

G_DEFINE_FINAL_TYPE (ExampleClient, example_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
is_prime (guint n)
{
  for (guint divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return FALSE;
  return n >= 2;
}

static GVariant *
example_client_process (GmpClientWorker *client,
                        GError         **error G_GNUC_UNUSED)
{
  ExampleClient *self = EXAMPLE_CLIENT (client);
  guint first, n_primes = 0;

  if (self->piece == NULL)
    return NULL;
  first = g_variant_get_uint32 (self->piece);
  for (guint n = first; n < first + PIECE; n++)
    n_primes += is_prime (n);
  self->n_pieces++;
  return g_variant_new_uint32 (n_primes);
}

static gboolean
example_client_update (GmpClientWorker *client,
                       GVariant        *response,
                       GError         **error G_GNUC_UNUSED)
{
  ExampleClient *self = EXAMPLE_CLIENT (client);

  g_clear_pointer (&self->piece, g_variant_unref);
  self->piece = response != NULL ? g_variant_ref (response) : NULL;
  self->is_done = response == NULL;
  return TRUE;
}

static gboolean
example_client_done (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return EXAMPLE_CLIENT (worker)->is_done;
}

static GVariant *
example_client_finish (GmpWorker *worker,
                       GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_uint32 (EXAMPLE_CLIENT (worker)->n_pieces);
}

static void
example_client_finalize (GObject *object)
{
  g_clear_pointer (&EXAMPLE_CLIENT (object)->piece, g_variant_unref);
  G_OBJECT_CLASS (example_client_parent_class)->finalize (object);
}

static void
example_client_class_init (ExampleClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = example_client_finalize;
  GMP_WORKER_CLASS (klass)->done = example_client_done;
  GMP_WORKER_CLASS (klass)->finish = example_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = example_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = example_client_update;
}

static void
example_client_init (ExampleClient *self G_GNUC_UNUSED)
{
}

static void
print_results (GmpClientServer *application,
               GVariant        *results)
{
  g_autoptr (GVariant) n_primes = gmp_client_server_get_server_result (application);
  GVariantIter iter;
  GVariant *value;
  guint n_pieces = 0;

  g_variant_iter_init (&iter, results);
  while (g_variant_iter_next (&iter, "{sv}", NULL, &value))
    {
      n_pieces += g_variant_get_uint32 (value);
      g_variant_unref (value);
    }
  printf ("%d clients did %u pieces\n", (int) g_variant_n_children (results), n_pieces);
  printf ("There are %u primes below %d\n", g_variant_get_uint32 (n_primes), END);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GmpClientServer) application = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  /* Worker processes look the type up by name. */
  g_type_ensure (EXAMPLE_TYPE_CLIENT);
  gmp_init (&argc, &argv);

  /* Without a server type, the application is the server. */
  application = g_object_new (EXAMPLE_TYPE_APPLICATION, NULL);
  if (gmp_client_server_add_clients (application, 4, EXAMPLE_TYPE_CLIENT, NULL, &error))
    results = gmp_client_server_run (application, NULL, NULL, &error);
  if (results == NULL)
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  print_results (application, results);
  return EXIT_SUCCESS;
}
