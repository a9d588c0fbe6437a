/* gmp-process.c: a process that a launcher started
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-private.h"

#include <signal.h>

G_DEFINE_ABSTRACT_TYPE (GmpProcess, gmp_process, G_TYPE_OBJECT)

static GmpProcessUsage
gmp_process_real_get_usage (GmpProcess *self G_GNUC_UNUSED)
{
  return (GmpProcessUsage) { 0, 0 };
}

static void
gmp_process_class_init (GmpProcessClass *klass)
{
  klass->get_usage = gmp_process_real_get_usage;
}

static void
gmp_process_init (GmpProcess *self G_GNUC_UNUSED)
{
}

int
gmp_process_get_pid (GmpProcess *self)
{
  return GMP_PROCESS_GET_CLASS (self)->get_pid (self);
}

void
gmp_process_send_signal (GmpProcess *self,
                         int         signum)
{
  GMP_PROCESS_GET_CLASS (self)->send_signal (self, signum);
}

void
gmp_process_wait_async (GmpProcess         *self,
                        int                 priority,
                        GCancellable       *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  GMP_PROCESS_GET_CLASS (self)->wait_async (self, priority, cancellable, callback, user_data);
}

gboolean
gmp_process_wait_finish (GmpProcess   *self,
                         GAsyncResult *result,
                         int          *wait_status,
                         GError      **error)
{
  return GMP_PROCESS_GET_CLASS (self)->wait_finish (self, result, wait_status, error);
}

GmpProcessUsage
gmp_process_get_usage (GmpProcess *self)
{
  return GMP_PROCESS_GET_CLASS (self)->get_usage (self);
}

static gboolean
kill_cb (gpointer user_data)
{
  gmp_process_send_signal (user_data, SIGKILL);
  return G_SOURCE_REMOVE;
}

static void
waited_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  int wait_status;

  gmp_process_wait_finish (GMP_PROCESS (source), result, &wait_status, NULL);
  *(gboolean *) user_data = TRUE;
}

/* Waits for a process that has no reason to go on, and kills it after @limit milliseconds. It runs
 * nothing but this: no callback of the user's, and no context of the caller's. */
void
gmp_process_end_sync (GmpProcess *self,
                      guint       limit)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) source = g_timeout_source_new (limit);
  gboolean has_ended = FALSE;

  g_main_context_push_thread_default (context);
  g_source_set_callback (source, kill_cb, self, NULL);
  g_source_attach (source, context);
  gmp_process_wait_async (self, G_PRIORITY_DEFAULT, NULL, waited_cb, &has_ended);
  while (!has_ended)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (source);
  g_main_context_pop_thread_default (context);
}
