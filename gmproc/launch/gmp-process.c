/* gmp-process.c: a process that a launcher started
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-private.h"

#include "base/gmp-fork-private.h"

#include <signal.h>

typedef struct {
  guint generation; /* of this process, by gmp_fork_get_generation() */
} GmpProcessPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpProcess, gmp_process, G_TYPE_OBJECT)

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
gmp_process_init (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  priv->generation = gmp_fork_get_generation ();
}

/* Whether it belongs to the process that this one was forked from: then it is neither ended nor
 * waited for here. */
gboolean
gmp_process_is_foreign (GmpProcess *self)
{
  GmpProcessPrivate *priv = gmp_process_get_instance_private (self);

  return priv->generation != gmp_fork_get_generation ();
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
  if (!gmp_process_is_foreign (self))
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

static void
waited_cb (GObject      *source G_GNUC_UNUSED,
           GAsyncResult *result,
           gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gboolean
cancel_cb (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

/* %FALSE where it has not ended after @limit milliseconds. */
static gboolean
wait_sync (GmpProcess *self,
           guint       limit)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) source = g_timeout_source_new (limit);
  g_autoptr (GAsyncResult) result = NULL;
  gboolean has_ended;
  int wait_status;

  g_main_context_push_thread_default (context);
  g_source_set_callback (source, cancel_cb, cancellable, NULL);
  g_source_attach (source, context);
  gmp_process_wait_async (self, G_PRIORITY_DEFAULT, cancellable, waited_cb, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  has_ended = gmp_process_wait_finish (self, result, &wait_status, NULL);
  g_source_destroy (source);
  g_main_context_pop_thread_default (context);
  return has_ended;
}

/* Waits for a process that has no reason to go on, and kills it after @limit milliseconds. It runs
 * nothing but this: no callback of the user's, and no context of the caller's. One that cannot be
 * killed is left to itself after as long again. */
void
gmp_process_end_sync (GmpProcess *self,
                      guint       limit)
{
  if (gmp_process_is_foreign (self) || wait_sync (self, limit))
    return;
  gmp_process_send_signal (self, SIGKILL);
  if (!wait_sync (self, limit))
    g_message ("Process %d does not end, and cannot be killed", gmp_process_get_pid (self));
}
