/* gmproc-echo.c: our messages of all sizes, there and back
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>

#define MEASURE_TYPE_SERVER (measure_server_get_type ())
G_DECLARE_FINAL_TYPE (MeasureServer, measure_server, MEASURE, SERVER, GmpServerWorker)

struct _MeasureServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (MeasureServer, measure_server, GMP_TYPE_SERVER_WORKER)

static GVariant *
measure_server_process (GmpServerWorker *server G_GNUC_UNUSED,
                        const char      *client_id G_GNUC_UNUSED,
                        GVariant        *request,
                        GError         **error G_GNUC_UNUSED)
{
  return g_variant_ref (request);
}

static void
measure_server_class_init (MeasureServerClass *klass)
{
  GMP_SERVER_WORKER_CLASS (klass)->process = measure_server_process;
}

static void
measure_server_init (MeasureServer *self G_GNUC_UNUSED)
{
}

#define MEASURE_TYPE_CLIENT (measure_client_get_type ())
G_DECLARE_FINAL_TYPE (MeasureClient, measure_client, MEASURE, CLIENT, GmpClientWorker)

struct _MeasureClient
{
  GmpClientWorker parent_instance;

  WorkEcho echo;
  gboolean is_over;
};

G_DEFINE_FINAL_TYPE (MeasureClient, measure_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
measure_client_start (GmpWorker *worker,
                      GVariant  *params,
                      GError   **error G_GNUC_UNUSED)
{
  g_autofree const char **sizes = NULL;
  double seconds;

  g_variant_get (params, "(d^a&s)", &seconds, &sizes);
  work_echo_init (&MEASURE_CLIENT (worker)->echo, seconds, sizes);
  return TRUE;
}

static gboolean
measure_client_done (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return MEASURE_CLIENT (worker)->is_over;
}

/* The bytes belong to the client, and do not change before the response has arrived. */
static GVariant *
measure_client_process (GmpClientWorker *client,
                        GError         **error G_GNUC_UNUSED)
{
  gsize size;
  gconstpointer data = work_echo_next (&MEASURE_CLIENT (client)->echo, &size);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, NULL, NULL);
}

static gboolean
measure_client_update (GmpClientWorker *client,
                       GVariant        *response,
                       GError         **error G_GNUC_UNUSED)
{
  MeasureClient *self = MEASURE_CLIENT (client);
  gsize size;
  gconstpointer data = g_variant_get_fixed_array (response, &size, 1);

  self->is_over = !work_echo_take (&self->echo, data, size);
  return TRUE;
}

static GVariant *
measure_client_finish (GmpWorker *worker,
                       GError   **error G_GNUC_UNUSED)
{
  g_autofree char *text = work_echo_get (&MEASURE_CLIENT (worker)->echo);

  return g_variant_new_string (text);
}

static void
measure_client_class_init (MeasureClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = measure_client_start;
  GMP_WORKER_CLASS (klass)->done = measure_client_done;
  GMP_WORKER_CLASS (klass)->finish = measure_client_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = measure_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = measure_client_update;
}

static void
measure_client_init (MeasureClient *self G_GNUC_UNUSED)
{
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GmpClientServer) application = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  const char *text;

  g_type_ensure (MEASURE_TYPE_SERVER);
  g_type_ensure (MEASURE_TYPE_CLIENT);
  gmp_init (&argc, &argv);

  if (argc < 4 || !g_str_equal (argv[1], "echo"))
    work_fail ("Usage: %s echo SECONDS SIZE...", argv[0]);
  application = gmp_client_server_new (MEASURE_TYPE_SERVER);
  if (gmp_client_server_new_worker (application, "0", MEASURE_TYPE_CLIENT,
                                    g_variant_new ("(d^as)", g_ascii_strtod (argv[2], NULL),
                                                   argv + 3), &error))
    results = gmp_client_server_run (application, NULL, NULL, &error);
  if (results == NULL)
    work_fail ("%s", error->message);
  g_variant_lookup (results, "0", "&s", &text);
  printf ("{\"seconds\": %s}\n", text);
  return EXIT_SUCCESS;
}
