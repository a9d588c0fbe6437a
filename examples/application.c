/* application.c: an application whose main loop runs on while workers count prime numbers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define N_WORKERS 4
#define SHARE     500000

typedef struct {
  GApplication *application;
  GCancellable *cancellable;
  guint n_ticks;
  int status;
} Program;

static gboolean
is_prime (guint n)
{
  for (guint divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return FALSE;
  return n >= 2;
}

/* Runs in its own process, so it may take any time. */
static GVariant *
count_primes (GVariant *params,
              GError  **error G_GNUC_UNUSED)
{
  guint first, end, n_primes = 0;

  g_variant_get (params, "(uu)", &first, &end);
  for (guint n = first; n < end; n++)
    n_primes += is_prime (n);
  return g_variant_new_uint32 (n_primes);
}

/* In a window this would be an animation, or the user's input. */
static gboolean
tick_cb (gpointer user_data)
{
  Program *self = user_data;

  self->n_ticks++;
  return G_SOURCE_CONTINUE;
}

static void
print_results (GVariant *results)
{
  GVariantIter iter;
  GVariant *value;
  guint n_primes = 0;
  int id;

  g_variant_iter_init (&iter, results);
  while (g_variant_iter_next (&iter, "{iv}", &id, &value))
    {
      printf ("Worker %d found %u primes\n", id, g_variant_get_uint32 (value));
      n_primes += g_variant_get_uint32 (value);
      g_variant_unref (value);
    }
  printf ("There are %u primes below %d\n", n_primes, N_WORKERS * SHARE);
}

static void
ran_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  Program *self = user_data;
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  results = gmp_workers_run_finish (GMP_WORKERS (source), result, &error);
  if (results == NULL)
    g_printerr ("%s\n", error->message);
  else
    {
      print_results (results);
      printf ("Meanwhile the main loop %s\n", self->n_ticks > 0 ? "ticked on" : "stood still");
      self->status = self->n_ticks > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
  g_application_release (self->application);
}

static void
activate_cb (GApplication *application,
             Program      *self)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GError) error = NULL;

  for (int id = 0; id < N_WORKERS; id++)
    if (!gmp_workers_add (workers, id, count_primes,
                          g_variant_new ("(uu)", id * SHARE, (id + 1) * SHARE), &error))
      {
        g_printerr ("%s\n", error->message);
        return;
      }

  printf ("%d workers look for primes\n", N_WORKERS);
  /* The run keeps its own reference to the workers, and the application alive until it ends. */
  g_application_hold (application);
  gmp_workers_run_async (workers, NULL, 0, self->cancellable, ran_cb, self);
}

/* Ctrl-C: with run_async() the application decides its meaning. */
static gboolean
interrupt_cb (gpointer user_data)
{
  Program *self = user_data;

  g_cancellable_cancel (self->cancellable);
  return G_SOURCE_CONTINUE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GApplication) application = NULL;
  g_autoptr (GCancellable) cancellable = NULL;
  Program self = { .status = EXIT_FAILURE };
  guint tick_id, interrupt_id;

  /* Before all else: in a worker's process it runs the worker, and does not return. */
  gmp_init (&argc, &argv);

  application = self.application = g_application_new ("org.gmproc.Example",
                                                      G_APPLICATION_NON_UNIQUE);
  cancellable = self.cancellable = g_cancellable_new ();
  g_signal_connect (application, "activate", G_CALLBACK (activate_cb), &self);
  tick_id = g_timeout_add (10, tick_cb, &self);
  interrupt_id = g_unix_signal_add (SIGINT, interrupt_cb, &self);
  g_application_run (application, argc, argv);

  g_source_remove (tick_id);
  g_source_remove (interrupt_id);
  return self.status;
}
