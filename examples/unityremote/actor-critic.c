/* actor-critic.c: a server in C for players in Python, which learn together
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <stdio.h>
#include <stdlib.h>

#define N_PLAYERS 4
#define N_WEIGHTS 27  /* as many as the network in player.py has */
/* With 0.3 the weights diverge in one run of a hundred: gradients are of earlier weights. */
#define LEARNING_RATE 0.15

/* Holds the weights, and adds the gradients to them as they come. */

#define LEARNER_TYPE_SERVER (learner_server_get_type ())
G_DECLARE_FINAL_TYPE (LearnerServer, learner_server, LEARNER, SERVER, GmpServerWorker)

struct _LearnerServer
{
  GmpServerWorker parent_instance;

  double weights[N_WEIGHTS];
  gint64 n_gradients;
};

G_DEFINE_FINAL_TYPE (LearnerServer, learner_server, GMP_TYPE_SERVER_WORKER)

static gboolean
learner_server_learn (LearnerServer *self,
                      GVariant      *gradient,
                      GError       **error)
{
  const double *slopes = NULL;
  gsize n = 0;

  if (g_variant_is_of_type (gradient, G_VARIANT_TYPE ("ad")))
    slopes = g_variant_get_fixed_array (gradient, &n, sizeof (double));
  if (n != N_WEIGHTS)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "A player did not send a gradient of %d numbers", N_WEIGHTS);
      return FALSE;
    }
  for (gsize i = 0; i < n; i++)
    self->weights[i] += LEARNING_RATE * slopes[i];
  self->n_gradients++;
  return TRUE;
}

static GVariant *
learner_server_process (GmpServerWorker *server,
                        const char      *client_id G_GNUC_UNUSED,
                        GVariant        *request,
                        GError         **error)
{
  LearnerServer *self = LEARNER_SERVER (server);

  /* The first request of a player, who has no weights yet, is NULL. */
  if (request != NULL && !learner_server_learn (self, request, error))
    return NULL;
  return g_variant_new_fixed_array (G_VARIANT_TYPE_DOUBLE, self->weights, N_WEIGHTS,
                                    sizeof (double));
}

static GVariant *
learner_server_finish (GmpWorker *worker,
                       GError   **error G_GNUC_UNUSED)
{
  return g_variant_new_int64 (LEARNER_SERVER (worker)->n_gradients);
}

static void
learner_server_class_init (LearnerServerClass *klass)
{
  GMP_WORKER_CLASS (klass)->finish = learner_server_finish;
  GMP_SERVER_WORKER_CLASS (klass)->process = learner_server_process;
}

static void
learner_server_init (LearnerServer *self G_GNUC_UNUSED)
{
}

/* The mean length of the first five episodes of each player, or of the last five. */
static double
get_mean (GVariant *results,
          gboolean  is_last)
{
  GVariantIter iter;
  GVariant *lengths;
  double sum = 0;

  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "{&sv}", NULL, &lengths))
    {
      gsize n = g_variant_n_children (lengths);

      for (gsize i = 0; i < 5; i++)
        {
          g_autoptr (GVariant) boxed = g_variant_get_child_value (lengths, is_last ? n - 5 + i : i);
          g_autoptr (GVariant) length = g_variant_get_variant (boxed);

          sum += g_variant_get_int32 (length);
        }
    }
  return sum / (5 * N_PLAYERS);
}

static GVariant *
run (GmpClientServer *application,
     const char      *folder,
     guint            output_port,
     guint            input_port,
     GError         **error)
{
  const char *old = g_getenv ("PYTHONPATH");
  g_autofree char *absolute = g_canonicalize_filename (folder, NULL);
  g_autofree char *search_path = g_strdup_printf ("%s:%s", absolute, old != NULL ? old : "");

  /* The path where Python finds the module `player`. */
  g_setenv ("PYTHONPATH", search_path, TRUE);
  for (guint i = 0; i < N_PLAYERS; i++)
    {
      g_autofree char *id = g_strdup_printf ("%u", i);
      GVariant *ports = g_variant_new ("(uu)", output_port + i, input_port + i);

      if (!gmp_client_server_add_client_target (application, id, "python:player:Player", ports,
                                                error))
        return NULL;
    }
  return gmp_client_server_run (application, NULL, NULL, error);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GmpClientServer) application = NULL;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GVariant) n_gradients = NULL;
  g_autoptr (GError) error = NULL;

  g_type_ensure (LEARNER_TYPE_SERVER);
  gmp_init (&argc, &argv);

  if (argc != 2 && argc != 4)
    {
      g_printerr ("Usage: %s FOLDER [OUTPUT_PORT INPUT_PORT]\nFOLDER has player.py in it.\n",
                  argv[0]);
      return EXIT_FAILURE;
    }
  application = gmp_client_server_new (LEARNER_TYPE_SERVER);
  results = run (application, argv[1], argc == 4 ? (guint) atoi (argv[2]) : 17070,
                 argc == 4 ? (guint) atoi (argv[3]) : 18080, &error);
  if (results == NULL)
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  n_gradients = gmp_client_server_get_server_result (application);
  printf ("%" G_GINT64_FORMAT " gradients of %d players\n", g_variant_get_int64 (n_gradients),
          N_PLAYERS);
  printf ("steps to the end of the corridor: %.1f in the first five games, %.1f in the last five\n",
          get_mean (results, FALSE), get_mean (results, TRUE));
  return EXIT_SUCCESS;
}
