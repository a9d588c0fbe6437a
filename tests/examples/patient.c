/* patient.c: workers that run until they are stopped
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define N_WORKERS 3

/* Reports that it has started, and never returns. */
static void
work (gboolean is_stubborn)
{
  if (is_stubborn)
    signal (SIGTERM, SIG_IGN);
  printf ("working\n");
  for (;;)
    pause ();
}

static GVariant *
run_patient (GVariant *params G_GNUC_UNUSED,
             GError  **error G_GNUC_UNUSED)
{
  work (FALSE);
  return NULL;
}

static GVariant *
run_stubborn (GVariant *params G_GNUC_UNUSED,
              GError  **error G_GNUC_UNUSED)
{
  work (TRUE);
  return NULL;
}

/* Returns when it is cancelled. */
static GVariant *
run_polite (GVariant *params G_GNUC_UNUSED,
            GError  **error)
{
  GCancellable *cancellable = gmp_worker_get_cancellable ();
  GPollFD poll_fd;

  printf ("working\n");
  if (!g_cancellable_make_pollfd (cancellable, &poll_fd))
    abort ();
  while (!g_cancellable_is_cancelled (cancellable))
    g_poll (&poll_fd, 1, -1);
  g_cancellable_release_fd (cancellable);
  g_cancellable_set_error_if_cancelled (cancellable, error);
  return NULL;
}

/* A server that never responds. */

#define PATIENT_TYPE_SERVER (patient_server_get_type ())
G_DECLARE_FINAL_TYPE (PatientServer, patient_server, PATIENT, SERVER, GmpServerWorker)

struct _PatientServer
{
  GmpServerWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (PatientServer, patient_server, GMP_TYPE_SERVER_WORKER)

static GVariant *
patient_server_process (GmpServerWorker *server G_GNUC_UNUSED,
                        const char      *client_id G_GNUC_UNUSED,
                        GVariant        *request G_GNUC_UNUSED,
                        GError         **error G_GNUC_UNUSED)
{
  work (FALSE);
  return NULL;
}

static void
patient_server_class_init (PatientServerClass *klass)
{
  GMP_SERVER_WORKER_CLASS (klass)->process = patient_server_process;
}

static void
patient_server_init (PatientServer *self G_GNUC_UNUSED)
{
}

#define PATIENT_TYPE_CLIENT (patient_client_get_type ())
G_DECLARE_FINAL_TYPE (PatientClient, patient_client, PATIENT, CLIENT, GmpClientWorker)

struct _PatientClient
{
  GmpClientWorker parent_instance;
};

G_DEFINE_FINAL_TYPE (PatientClient, patient_client, GMP_TYPE_CLIENT_WORKER)

static GVariant *
patient_client_process (GmpClientWorker *client G_GNUC_UNUSED,
                        GError         **error G_GNUC_UNUSED)
{
  printf ("working\n");
  return NULL;
}

static void
patient_client_class_init (PatientClientClass *klass)
{
  GMP_CLIENT_WORKER_CLASS (klass)->process = patient_client_process;
}

static void
patient_client_init (PatientClient *self G_GNUC_UNUSED)
{
}

static GVariant *
run_client_server (GError **error)
{
  g_autoptr (GmpClientServer) application = gmp_client_server_new (PATIENT_TYPE_SERVER);

  if (!gmp_client_server_new_workers (application, N_WORKERS - 1, PATIENT_TYPE_CLIENT, NULL, error))
    return NULL;
  return gmp_client_server_run (application, NULL, NULL, error);
}

static GVariant *
run_workers (GmpMethod method,
             GError  **error)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();

  for (int id = 0; id < N_WORKERS; id++)
    if (!gmp_workers_add (workers, id, method, NULL, error))
      return NULL;
  return gmp_workers_run (workers, NULL, 0, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  const char *mode;

  g_type_ensure (PATIENT_TYPE_SERVER);
  g_type_ensure (PATIENT_TYPE_CLIENT);
  gmp_init (&argc, &argv);

  mode = argc > 1 ? argv[1] : "";
  if (g_str_equal (mode, "client-server"))
    results = run_client_server (&error);
  else if (g_str_equal (mode, "polite"))
    results = run_workers (run_polite, &error);
  else
    results = run_workers (g_str_equal (mode, "stubborn") ? run_stubborn : run_patient, &error);
  if (results != NULL)
    return EXIT_SUCCESS;
  g_printerr ("%s\n", error->message);
  return EXIT_FAILURE;
}
