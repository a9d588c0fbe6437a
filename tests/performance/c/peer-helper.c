/* peer-helper.c: a helper that a program asks over pipes: GSubprocess and a GMainLoop
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
  GMainLoop *loop;
  GOutputStream *input; /* of the helper */
  GInputStream *output;
  gint32 answer;
  guint n_sent;
  guint n_done;
  guint n_warm;  /* calls before the measurement */
  guint n_calls; /* measured calls */
  gint64 begin;
} Caller;

/* The helper: adds one to what it reads, until its standard input is closed. */
static int
help (void)
{
  gint32 number;

  while (read (STDIN_FILENO, &number, sizeof number) == sizeof number)
    {
      number++;
      if (write (STDOUT_FILENO, &number, sizeof number) != sizeof number)
        return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}

static void read_one (Caller *self);

static void
send_one (Caller *self)
{
  g_autoptr (GError) error = NULL;
  gint32 number = (gint32) self->n_sent;

  if (self->n_sent == self->n_calls)
    return;
  self->n_sent++;
  /* A pipe has room for all pending calls. */
  if (!g_output_stream_write_all (self->input, &number, sizeof number, NULL, NULL, &error))
    work_fail ("%s", error->message);
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  Caller *self = user_data;
  g_autoptr (GError) error = NULL;
  gsize size = 0;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &size, &error))
    work_fail ("%s", error->message);
  if (size != sizeof self->answer || (guint) self->answer != ++self->n_done)
    work_fail ("Answer %u is %d", self->n_done, self->answer);
  if (self->n_done == self->n_warm)
    self->begin = work_now ();
  if (self->n_done == self->n_calls)
    {
      g_main_loop_quit (self->loop);
      return;
    }
  send_one (self);
  read_one (self);
}

static void
read_one (Caller *self)
{
  g_input_stream_read_all_async (self->output, &self->answer, sizeof self->answer,
                                 G_PRIORITY_DEFAULT, NULL, read_cb, self);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  Caller self = { NULL };
  guint n;

  if (argc == 2 && g_str_equal (argv[1], "help"))
    return help ();
  if (argc != 3)
    work_fail ("Usage: %s PENDING COUNT", argv[0]);
  n = (guint) strtoul (argv[2], NULL, 10);
  self.n_warm = n / 10 + 1;
  self.n_calls = self.n_warm + n;
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                              &error, argv[0], "help", NULL);
  if (process == NULL)
    work_fail ("%s", error->message);
  self.input = g_subprocess_get_stdin_pipe (process);
  self.output = g_subprocess_get_stdout_pipe (process);
  self.loop = g_main_loop_new (NULL, FALSE);
  for (guint i = (guint) strtoul (argv[1], NULL, 10); i > 0; i--)
    send_one (&self);
  read_one (&self);
  g_main_loop_run (self.loop);
  g_main_loop_unref (self.loop);
  work_print ((double) (work_now () - self.begin) / 1e9 / n, n);
  return EXIT_SUCCESS;
}
