/* window.c: a window that counts prime numbers in a worker, with progress and cancellation
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gmproc.h>
#include <gtk/gtk.h>

typedef struct {
  GtkWindow *window;
  GtkProgressBar *bar;
  GtkWidget *start;
  GtkWidget *cancel;
  GmpWorkers *workers;
  GCancellable *cancellable;
} Example;

static gboolean
is_prime (int n)
{
  for (int divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return FALSE;
  return n > 1;
}

/* Runs in its own process. It may take any time, and it may crash. */
static GVariant *
count_primes (GVariant *params,
              GError  **error)
{
  int limit = g_variant_get_int32 (params);
  int n_primes = 0;

  for (int n = 1; n <= limit; n++)
    {
      n_primes += is_prime (n) ? 1 : 0;
      if (n % (limit / 100) == 0 &&
          !gmp_worker_report (g_variant_new_double ((double) n / limit), error))
        return NULL;
    }
  return g_variant_new_int32 (n_primes);
}

static void
progress_cb (GmpWorkers *workers G_GNUC_UNUSED,
             int         id G_GNUC_UNUSED,
             GVariant   *value,
             gpointer    user_data)
{
  Example *self = user_data;

  gtk_progress_bar_set_fraction (self->bar, g_variant_get_double (value));
}

static void
counted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Example *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = gmp_workers_run_finish (GMP_WORKERS (source), result, &error);
  g_autoptr (GVariant) n_primes = NULL;
  g_autofree char *title = NULL;

  if (results != NULL)
    {
      g_variant_get_child (results, 0, "{iv}", NULL, &n_primes);
      title = g_strdup_printf ("%d primes", g_variant_get_int32 (n_primes));
    }
  else
    title = g_strdup (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? "Cancelled"
                                                                                  : error->message);
  gtk_window_set_title (self->window, title);
  gtk_widget_set_sensitive (self->start, TRUE);
  gtk_widget_set_sensitive (self->cancel, FALSE);
}

static void
start_cb (GtkButton *button G_GNUC_UNUSED,
          gpointer   user_data)
{
  Example *self = user_data;

  g_clear_object (&self->cancellable);
  self->cancellable = g_cancellable_new ();
  gtk_window_set_title (self->window, "Counting…");
  gtk_widget_set_sensitive (self->start, FALSE);
  gtk_widget_set_sensitive (self->cancel, TRUE);
  gmp_workers_run_async (self->workers, NULL, 0, self->cancellable, counted_cb, self);
}

static void
cancel_cb (GtkButton *button G_GNUC_UNUSED,
           gpointer   user_data)
{
  Example *self = user_data;

  g_cancellable_cancel (self->cancellable);
}

static void
activate_cb (GtkApplication *application,
             gpointer        user_data)
{
  Example *self = user_data;
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *bar = gtk_progress_bar_new ();

  self->window = GTK_WINDOW (gtk_application_window_new (application));
  self->bar = GTK_PROGRESS_BAR (bar);
  self->start = gtk_button_new_with_label ("Start");
  self->cancel = gtk_button_new_with_label ("Cancel");
  gtk_widget_set_sensitive (self->cancel, FALSE);
  g_signal_connect (self->start, "clicked", G_CALLBACK (start_cb), self);
  g_signal_connect (self->cancel, "clicked", G_CALLBACK (cancel_cb), self);

  gtk_box_append (GTK_BOX (box), bar);
  gtk_box_append (GTK_BOX (box), self->start);
  gtk_box_append (GTK_BOX (box), self->cancel);
  gtk_window_set_child (self->window, box);
  gtk_window_set_title (self->window, "Primes");
  gtk_window_present (self->window);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GtkApplication) application = NULL;
  Example self = { NULL, };
  int status;

  /* Before GTK: in a worker this runs count_primes () and does not return. */
  gmp_init (&argc, &argv);

  self.workers = gmp_workers_new ();
  gmp_workers_add (self.workers, 1, count_primes, g_variant_new_int32 (10000000), NULL);
  g_signal_connect (self.workers, "progress", G_CALLBACK (progress_cb), &self);

  application = gtk_application_new ("org.gmproc.Primes", G_APPLICATION_DEFAULT_FLAGS);
  g_signal_connect (application, "activate", G_CALLBACK (activate_cb), &self);
  status = g_application_run (G_APPLICATION (application), argc, argv);
  g_clear_object (&self.workers);
  g_clear_object (&self.cancellable);
  return status;
}
