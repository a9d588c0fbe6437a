/* gmproc-request.c: our requests and responses, an int each, through process on both sides
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The same arguments as the peers': see peer.h. */
#define SLEEP_US 1000

/* Prints the pids of idle processes, for the program that watches them. */
static void
print_pid (void)
{
  printf ("%d\n", getpid ());
  fflush (stdout);
}

/* A server that counts requests, or that adds one if its parameters are no number of clients. */

#define MEASURE_TYPE_SERVER (measure_server_get_type ())
G_DECLARE_FINAL_TYPE (MeasureServer, measure_server, MEASURE, SERVER, GmpServerWorker)

struct _MeasureServer
{
  GmpServerWorker parent_instance;

  gboolean  is_counting;
  WorkTally tally;
};

G_DEFINE_FINAL_TYPE (MeasureServer, measure_server, GMP_TYPE_SERVER_WORKER)

static gboolean
measure_server_start (GmpWorker *worker,
                      GVariant  *params,
                      GError   **error G_GNUC_UNUSED)
{
  MeasureServer *self = MEASURE_SERVER (worker);
  gboolean is_sitting;
  guint n_clients;
  double seconds;

  g_variant_get (params, "(udb)", &n_clients, &seconds, &is_sitting);
  self->is_counting = n_clients > 0;
  if (self->is_counting)
    work_tally_init (&self->tally, n_clients, seconds);
  else if (is_sitting)
    print_pid ();
  return TRUE;
}

static GVariant *
measure_server_process (GmpServerWorker *server,
                        const char      *client_id G_GNUC_UNUSED,
                        GVariant        *request,
                        GError         **error G_GNUC_UNUSED)
{
  MeasureServer *self = MEASURE_SERVER (server);
  gint32 number = g_variant_get_int32 (request);

  return g_variant_new_int32 (self->is_counting ? work_tally_answer (&self->tally, number)
                                                : number + 1);
}

static GVariant *
measure_server_finish (GmpWorker *worker,
                       GError   **error G_GNUC_UNUSED)
{
  MeasureServer *self = MEASURE_SERVER (worker);
  guint64 count;
  double seconds;

  if (!self->is_counting)
    return NULL;
  seconds = work_tally_get (&self->tally, &count);
  return g_variant_new ("(dt)", seconds, count);
}

static void
measure_server_class_init (MeasureServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = measure_server_start;
  GMP_WORKER_CLASS (klass)->finish = measure_server_finish;
  GMP_SERVER_WORKER_CLASS (klass)->process = measure_server_process;
}

static void
measure_server_init (MeasureServer *self G_GNUC_UNUSED)
{
}

/* A client that sends requests as fast as possible. */

#define MEASURE_TYPE_CLIENT (measure_client_get_type ())
G_DECLARE_FINAL_TYPE (MeasureClient, measure_client, MEASURE, CLIENT, GmpClientWorker)

struct _MeasureClient
{
  GmpClientWorker parent_instance;

  WorkAsker asker;
  gboolean  is_over;
};

G_DEFINE_FINAL_TYPE (MeasureClient, measure_client, GMP_TYPE_CLIENT_WORKER)

static gboolean
measure_client_start (GmpWorker *worker,
                      GVariant  *params,
                      GError   **error G_GNUC_UNUSED)
{
  work_asker_init (&MEASURE_CLIENT (worker)->asker, g_variant_get_uint32 (params));
  return TRUE;
}

static gboolean
measure_client_done (GmpWorker *worker,
                     GError   **error G_GNUC_UNUSED)
{
  return MEASURE_CLIENT (worker)->is_over;
}

static GVariant *
measure_client_process (GmpClientWorker *client,
                        GError         **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (work_asker_next (&MEASURE_CLIENT (client)->asker));
}

static gboolean
measure_client_update (GmpClientWorker *client,
                       GVariant        *response,
                       GError         **error G_GNUC_UNUSED)
{
  MeasureClient *self = MEASURE_CLIENT (client);

  self->is_over = !work_asker_take (&self->asker, g_variant_get_int32 (response));
  return TRUE;
}

static void
measure_client_class_init (MeasureClientClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = measure_client_start;
  GMP_WORKER_CLASS (klass)->done = measure_client_done;
  GMP_CLIENT_WORKER_CLASS (klass)->process = measure_client_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = measure_client_update;
}

static void
measure_client_init (MeasureClient *self G_GNUC_UNUSED)
{
}

/* A client that sleeps between its requests. Without a number of requests it sleeps forever
 * after the first. */

#define MEASURE_TYPE_SLEEPER (measure_sleeper_get_type ())
G_DECLARE_FINAL_TYPE (MeasureSleeper, measure_sleeper, MEASURE, SLEEPER, GmpClientWorker)

struct _MeasureSleeper
{
  GmpClientWorker parent_instance;

  guint     n;
  gint32    number;
  WorkTimes times;
};

G_DEFINE_FINAL_TYPE (MeasureSleeper, measure_sleeper, GMP_TYPE_CLIENT_WORKER)

static gboolean
measure_sleeper_start (GmpWorker *worker,
                       GVariant  *params,
                       GError   **error G_GNUC_UNUSED)
{
  MeasureSleeper *self = MEASURE_SLEEPER (worker);

  self->n = g_variant_get_uint32 (params);
  work_times_init (&self->times, self->n);
  return TRUE;
}

static gboolean
measure_sleeper_done (GmpWorker *worker,
                      GError   **error G_GNUC_UNUSED)
{
  return work_times_is_over (&MEASURE_SLEEPER (worker)->times);
}

static GVariant *
measure_sleeper_process (GmpClientWorker *client,
                         GError         **error G_GNUC_UNUSED)
{
  MeasureSleeper *self = MEASURE_SLEEPER (client);

  work_times_begin (&self->times);
  return g_variant_new_int32 (self->number);
}

static gboolean
measure_sleeper_update (GmpClientWorker *client,
                        GVariant        *response,
                        GError         **error G_GNUC_UNUSED)
{
  MeasureSleeper *self = MEASURE_SLEEPER (client);

  work_times_end (&self->times);
  if (g_variant_get_int32 (response) != ++self->number)
    work_fail ("A wrong answer to %d", self->number - 1);
  return TRUE;
}

static gboolean
measure_sleeper_wait (GmpWorker *worker,
                      GError   **error G_GNUC_UNUSED)
{
  if (MEASURE_SLEEPER (worker)->n > 0)
    {
      g_usleep (SLEEP_US);
      return TRUE;
    }
  print_pid ();
  for (;;)
    pause ();
}

static GVariant *
measure_sleeper_finish (GmpWorker *worker,
                        GError   **error G_GNUC_UNUSED)
{
  MeasureSleeper *self = MEASURE_SLEEPER (worker);

  return g_variant_new ("(dt)", work_times_get (&self->times), (guint64) self->n);
}

static void
measure_sleeper_class_init (MeasureSleeperClass *klass)
{
  GMP_WORKER_CLASS (klass)->start = measure_sleeper_start;
  GMP_WORKER_CLASS (klass)->done = measure_sleeper_done;
  GMP_WORKER_CLASS (klass)->wait = measure_sleeper_wait;
  GMP_WORKER_CLASS (klass)->finish = measure_sleeper_finish;
  GMP_CLIENT_WORKER_CLASS (klass)->process = measure_sleeper_process;
  GMP_CLIENT_WORKER_CLASS (klass)->update = measure_sleeper_update;
}

static void
measure_sleeper_init (MeasureSleeper *self G_GNUC_UNUSED)
{
}

/* An application that is the server, and counts. */

#define MEASURE_TYPE_APPLICATION (measure_application_get_type ())
G_DECLARE_FINAL_TYPE (MeasureApplication, measure_application, MEASURE, APPLICATION,
                      GmpClientServer)

struct _MeasureApplication
{
  GmpClientServer parent_instance;

  WorkTally tally;
};

G_DEFINE_FINAL_TYPE (MeasureApplication, measure_application, GMP_TYPE_CLIENT_SERVER)

static GVariant *
measure_application_process (GmpClientServer *application,
                             const char      *client_id G_GNUC_UNUSED,
                             GVariant        *request,
                             GError         **error G_GNUC_UNUSED)
{
  WorkTally *tally = &MEASURE_APPLICATION (application)->tally;

  return g_variant_new_int32 (work_tally_answer (tally, g_variant_get_int32 (request)));
}

static void
measure_application_class_init (MeasureApplicationClass *klass)
{
  GMP_CLIENT_SERVER_CLASS (klass)->process = measure_application_process;
}

static void
measure_application_init (MeasureApplication *self G_GNUC_UNUSED)
{
}

static void
run_application (guint  n_clients,
                 double seconds)
{
  g_autoptr (MeasureApplication) self = g_object_new (MEASURE_TYPE_APPLICATION, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  guint64 count;
  double result;

  for (guint i = 0; i < n_clients; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      gmp_client_server_add_client (GMP_CLIENT_SERVER (self), id, MEASURE_TYPE_CLIENT,
                                    g_variant_new_uint32 (i), &error);
      g_assert_no_error (error);
    }
  work_tally_init (&self->tally, n_clients, seconds);
  results = gmp_client_server_run (GMP_CLIENT_SERVER (self), NULL, NULL, &error);
  if (results == NULL)
    work_fail ("%s", error->message);
  result = work_tally_get (&self->tally, &count);
  work_print (result, count);
}

/* The application's side. */

static void
print_result (GVariant *result)
{
  double seconds;
  guint64 count;

  g_variant_get (result, "(dt)", &seconds, &count);
  work_print (seconds, count);
}

static void
run (guint  n_clients,
     double seconds,
     guint  n_times)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (MEASURE_TYPE_SERVER);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *params;

  for (guint i = 0; i < n_clients; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);

      gmp_client_server_new_worker (application, id, MEASURE_TYPE_CLIENT, g_variant_new_uint32 (i),
                                    &error);
      g_assert_no_error (error);
    }
  if (n_clients == 0)
    gmp_client_server_new_worker (application, "0", MEASURE_TYPE_SLEEPER,
                                  g_variant_new_uint32 (n_times), &error);
  g_assert_no_error (error);
  params = g_variant_new ("(udb)", n_clients, seconds, n_clients == 0 && n_times == 0);
  results = gmp_client_server_run (application, params, NULL, &error);
  if (results == NULL)
    work_fail ("%s", error->message);
  if (n_clients > 0)
    result = gmp_client_server_get_server_result (application);
  else
    g_variant_lookup (results, "0", "@(dt)", &result);
  print_result (result);
}

int
main (int    argc,
      char **argv)
{
  g_type_ensure (MEASURE_TYPE_SERVER);
  g_type_ensure (MEASURE_TYPE_CLIENT);
  g_type_ensure (MEASURE_TYPE_SLEEPER);
  gmp_init (&argc, &argv);

  if (argc == 4 && g_str_equal (argv[1], "request"))
    run (strtoul (argv[2], NULL, 10), g_ascii_strtod (argv[3], NULL), 0);
  else if (argc == 4 && g_str_equal (argv[1], "application"))
    run_application (strtoul (argv[2], NULL, 10), g_ascii_strtod (argv[3], NULL));
  else if (argc == 3 && g_str_equal (argv[1], "asleep"))
    run (0, 0, strtoul (argv[2], NULL, 10));
  else if (argc == 2 && g_str_equal (argv[1], "sit"))
    run (0, 0, 0);
  else
    work_fail ("Usage: %s request|application CLIENTS SECONDS | asleep COUNT | sit", argv[0]);
  return EXIT_SUCCESS;
}
