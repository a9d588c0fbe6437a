/* control.c: fuzz target: messages of a worker on its control connection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire.h"

#include "base/gmp-error.h"
#include "supervision/gmp-worker-connection-private.h"

#include <unistd.h>

/* The input, as of wire_send(): D-Bus messages, sent after the application has called Run, with
 * serial 1. In the end the run must have failed or returned a value. */

typedef struct {
  GmpWorkerConnection *link; /* (nullable) */
  gboolean is_connected;
  gboolean has_returned;
  gboolean has_caught_up;
  GVariant *value; /* (nullable) */
  GError *error;   /* (nullable): NULL without a value means that the connection was lost */
} Run;

static void
ready_cb (guint    pid G_GNUC_UNUSED,
          gpointer user_data)
{
  g_assert_false (((Run *) user_data)->has_returned);
}

static void
loaded_cb (const char **names,
           gpointer     user_data G_GNUC_UNUSED)
{
  g_assert_nonnull (names);
}

static void
progress_cb (GVariant *value,
             GError   *error,
             gpointer  user_data G_GNUC_UNUSED)
{
  if (error != NULL)
    fuzz_check_error (error);
  else if (value != NULL)
    fuzz_use_value (value);
}

static void
late_cb (const char *client_id G_GNUC_UNUSED,
         gpointer    user_data G_GNUC_UNUSED)
{
}

static void
log_cb (const char    *domain,
        GLogLevelFlags level,
        const char    *message,
        gpointer       user_data G_GNUC_UNUSED)
{
  g_assert_true (g_utf8_validate (domain, -1, NULL) && g_utf8_validate (message, -1, NULL));
  g_assert_cmphex (level & ~G_LOG_LEVEL_MASK, ==, 0);
}

static void
refused_cb (GError  *error,
            gpointer user_data G_GNUC_UNUSED)
{
  fuzz_check_error (error);
  g_error_free (error);
}

static void
ran_cb (gboolean  has_value,
        GVariant *value,
        GError   *error,
        gpointer  user_data)
{
  Run *run = user_data;

  g_assert_false (run->has_returned || (has_value && error != NULL));
  run->has_returned = TRUE;
  run->value = value != NULL ? g_variant_ref (value) : NULL;
  run->error = error;
}

static void
caught_up_cb (gpointer user_data)
{
  Run *run = user_data;

  g_assert_false (run->has_returned || run->has_caught_up);
  run->has_caught_up = TRUE;
}

static const GmpWorkerConnectionEvents events = {
  ready_cb, loaded_cb, progress_cb, progress_cb, late_cb, log_cb, refused_cb, ran_cb, caught_up_cb,
};

static void
connected_cb (GmpWorkerConnection *connection,
              GError              *error,
              gpointer             user_data)
{
  Run *run = user_data;

  g_assert_no_error (error);
  run->link = connection;
  run->is_connected = TRUE;
}

static void
run_link (Run       *run,
          int        fd,
          FuzzInput *input)
{
  GmpWorkerConnection *link = run->link;
  GmpJob *asked;
  g_autoptr (GError) error = NULL;
  g_auto (GmpJobSpec) spec = { 0, };

  gmp_job_spec_init (&spec, "call", "1", "native::nothing", NULL);
  asked = gmp_job_new (&spec);
  gmp_worker_connection_begin (link, G_PRIORITY_DEFAULT, &events, run);
  gmp_worker_connection_run (link, asked, g_variant_new ("a{sv}", NULL), 1 << 20, &error);
  g_assert_no_error (error);
  wire_wait (fd);
  wire_send (fd, input);
  gmp_worker_connection_catch_up (link);
  while (!run->has_returned)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  if (run->error != NULL)
    fuzz_check_error (run->error);
  else if (run->value != NULL)
    fuzz_use_value (run->value);
  gmp_worker_connection_free (link);
  gmp_job_free (asked);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  GMainContext *context = g_main_context_new ();
  Run run = { 0, };
  int other_end;
  int fd = wire_begin (&other_end);

  gmp_error_quark ();
  /* The greeting. */
  g_assert_cmpint (write (fd, "", 1), ==, 1);
  g_main_context_push_thread_default (context);
  gmp_worker_connection_open (other_end, G_PRIORITY_DEFAULT, NULL, connected_cb, &run);
  while (!run.is_connected)
    g_main_context_iteration (context, TRUE);
  g_assert_nonnull (run.link);
  run_link (&run, fd, &input);
  close (fd);
  g_clear_pointer (&run.value, g_variant_unref);
  g_clear_error (&run.error);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return 0;
}
