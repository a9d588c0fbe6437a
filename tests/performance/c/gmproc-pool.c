/* gmproc-pool.c: our pool: calls on one kept process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <gmproc.h>

#include <stdlib.h>

typedef struct {
  GmpPool *pool;
  GMainLoop *loop;
  guint n_sent;
  guint n_done;
  guint n_warm;  /* calls before the measurement */
  guint n_calls; /* measured calls */
  gint64 begin;
  guint64 sum;   /* of the results */
} Caller;

static GVariant *
add_one (GVariant *params,
         GError  **error G_GNUC_UNUSED)
{
  return g_variant_new_int32 (g_variant_get_int32 (params) + 1);
}

static void called_cb (GObject      *source,
                       GAsyncResult *result,
                       gpointer      user_data);

static void
send_one (Caller *self)
{
  if (self->n_sent < self->n_calls)
    gmp_pool_call_async (self->pool, add_one, g_variant_new_int32 ((gint32) self->n_sent++), NULL,
                         called_cb, self);
}

/* The results arrive in any order, so their sum is checked. */
static void
called_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Caller *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = gmp_pool_call_finish (GMP_POOL (source), result, &error);

  if (value == NULL)
    work_fail ("%s", error->message);
  self->sum += (guint64) g_variant_get_int32 (value);
  self->n_done++;
  if (self->n_done == self->n_warm)
    self->begin = work_now ();
  if (self->n_done == self->n_calls)
    g_main_loop_quit (self->loop);
  send_one (self);
}

static void
measure_pending (Caller *self,
                 guint   n_pending)
{
  self->loop = g_main_loop_new (NULL, FALSE);
  for (guint i = 0; i < n_pending; i++)
    send_one (self);
  g_main_loop_run (self->loop);
  g_main_loop_unref (self->loop);
  if (self->sum != (guint64) self->n_calls * (self->n_calls + 1) / 2)
    work_fail ("The sum of the results of %u calls is %" G_GUINT64_FORMAT, self->n_calls,
               self->sum);
}

static void
measure_single (Caller *self)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < self->n_calls; i++)
    {
      g_autoptr (GVariant) value = NULL;

      if (i == self->n_warm)
        self->begin = work_now ();
      value = gmp_pool_call (self->pool, add_one, g_variant_new_int32 ((gint32) i), NULL, &error);
      if (value == NULL)
        work_fail ("%s", error->message);
      if ((guint) g_variant_get_int32 (value) != i + 1)
        work_fail ("The result of %u is %d", i, g_variant_get_int32 (value));
    }
}

int
main (int    argc,
      char **argv)
{
  Caller self = { NULL };
  guint n;

  gmp_init (&argc, &argv);
  if (argc != 3)
    work_fail ("Usage: %s PENDING COUNT, where 1 pending call is a blocking one", argv[0]);
  n = (guint) strtoul (argv[2], NULL, 10);
  self.pool = gmp_pool_new (1);
  self.n_warm = n / 10 + 1;
  self.n_calls = self.n_warm + n;
  if (g_str_equal (argv[1], "1"))
    measure_single (&self);
  else
    measure_pending (&self, (guint) strtoul (argv[1], NULL, 10));
  work_print ((double) (work_now () - self.begin) / 1e9 / n, n);
  g_object_unref (self.pool);
  return EXIT_SUCCESS;
}
