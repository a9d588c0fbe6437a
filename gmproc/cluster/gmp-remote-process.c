/* gmp-remote-process.c: a process that an agent has started
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-remote-process-private.h"


struct _GmpRemoteProcess
{
  GmpProcess parent_instance;

  GmpBus *bus;
  char *node;
  guint number;
  int pid; /* atomic; 0: not known yet */
  gboolean is_out_of_memory;
  guint n_lines; /* that were reported, since the last TakeLines */
  GmpLineReader *readers[2]; /* by GmpOutputStream */
};

G_DEFINE_FINAL_TYPE (GmpRemoteProcess, gmp_remote_process, GMP_TYPE_PROCESS)

static int
gmp_remote_process_get_pid (GmpProcess *process)
{
  return g_atomic_int_get (&GMP_REMOTE_PROCESS (process)->pid);
}

static const char *
gmp_remote_process_get_node (GmpProcess *process)
{
  return GMP_REMOTE_PROCESS (process)->node;
}

/* Called in any thread, so without a reply, whose main context might be freed by then. */
static void
call_agent (GmpRemoteProcess *self,
            const char       *name,
            GVariant         *body)
{
  g_autoptr (GDBusMessage) call = g_dbus_message_new_method_call (NULL, GMP_AGENT_PATH,
                                                                  GMP_AGENT_INFO->name, name);

  g_dbus_message_set_flags (call, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_message_set_body (call, body);
  g_dbus_connection_send_message (gmp_bus_get_connection (self->bus), call,
                                  G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

static void
gmp_remote_process_send_signal (GmpProcess *process,
                                int         signum)
{
  GmpRemoteProcess *self = GMP_REMOTE_PROCESS (process);

  call_agent (self, "Signal", g_variant_new ("(ui)", self->number, signum));
}

static void
gmp_remote_process_take_line (GmpProcess *process)
{
  GmpRemoteProcess *self = GMP_REMOTE_PROCESS (process);

  if (++self->n_lines < GMP_LINES_PART)
    return;
  call_agent (self, "TakeLines", g_variant_new ("(uu)", self->number, self->n_lines));
  self->n_lines = 0;
}

static void
gmp_remote_process_finalize (GObject *object)
{
  GmpRemoteProcess *self = GMP_REMOTE_PROCESS (object);

  gmp_line_reader_free (self->readers[GMP_OUTPUT_STDOUT]);
  gmp_line_reader_free (self->readers[GMP_OUTPUT_STDERR]);
  g_object_unref (self->bus);
  g_free (self->node);
  G_OBJECT_CLASS (gmp_remote_process_parent_class)->finalize (object);
}

static void
gmp_remote_process_class_init (GmpRemoteProcessClass *klass)
{
  GmpProcessClass *process_class = GMP_PROCESS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gmp_remote_process_finalize;
  process_class->get_pid = gmp_remote_process_get_pid;
  process_class->send_signal = gmp_remote_process_send_signal;
  process_class->get_node = gmp_remote_process_get_node;
  process_class->take_line = gmp_remote_process_take_line;
}

static void
gmp_remote_process_init (GmpRemoteProcess *self)
{
  self->readers[GMP_OUTPUT_STDOUT] = gmp_line_reader_new_fed ();
  self->readers[GMP_OUTPUT_STDERR] = gmp_line_reader_new_fed ();
}

GmpRemoteProcess *
gmp_remote_process_new (GmpBus     *bus,
                        const char *node,
                        guint       number)
{
  GmpRemoteProcess *self = g_object_new (GMP_TYPE_REMOTE_PROCESS, NULL);

  self->bus = g_object_ref (bus);
  self->node = g_strdup (node);
  self->number = number;
  return self;
}

void
gmp_remote_process_set_pid (GmpRemoteProcess *self,
                            int               pid)
{
  g_atomic_int_set (&self->pid, pid);
}

/* Its output, for a GmpWorkerProcess. */
GmpLineReader *
gmp_remote_process_get_reader (GmpRemoteProcess *self,
                               GmpOutputStream   stream)
{
  return gmp_line_reader_ref (self->readers[stream]);
}

static void
take_lines (GmpRemoteProcess *self,
            GVariant         *body)
{
  g_autoptr (GVariantIter) iter = NULL;
  const char *line;
  guint stream;

  g_variant_get (body, "(a(us))", &iter);
  while (g_variant_iter_loop (iter, "(u&s)", &stream, &line))
    if (stream < G_N_ELEMENTS (self->readers))
      gmp_line_reader_feed (self->readers[stream], line);
}

static void
take_end (GmpRemoteProcess *self,
          GVariant         *body)
{
  g_autofree const char **tail = NULL;
  GmpProcessUsage usage = { .out_of_memory = self->is_out_of_memory };
  int status;

  g_variant_get (body, "(itd^a&s)", &status, &usage.peak_memory, &usage.cpu_time, &tail);
  for (const char **line = tail; *line != NULL; line++)
    gmp_line_reader_feed (self->readers[GMP_OUTPUT_STDERR], *line);
  if (!gmp_process_has_ended (GMP_PROCESS (self)))
    gmp_process_set_ended (GMP_PROCESS (self), status, usage);
}

/* Of org.gmproc.Process1. */
void
gmp_remote_process_take_signal (GmpRemoteProcess *self,
                                const char       *name,
                                GVariant         *body)
{
  if (g_str_equal (name, "Lines") && g_variant_is_of_type (body, G_VARIANT_TYPE ("(a(us))")))
    take_lines (self, body);
  else if (g_str_equal (name, "Ended") && g_variant_is_of_type (body, GMP_REMOTE_ENDED))
    take_end (self, body);
  else if (g_str_equal (name, "OutOfMemory"))
    self->is_out_of_memory = TRUE;
}
