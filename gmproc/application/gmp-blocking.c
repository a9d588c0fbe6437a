/* gmp-blocking.c: waits for an asynchronous call without the caller's main context
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-blocking-private.h"

#include "application/gmp-runner-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-signals-private.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>

/* The first Ctrl-C asks the workers to end. */
static void
interrupt (GmpBlocking *self)
{
  self->n_interrupts++;
  if (self->n_interrupts == 1)
    g_cancellable_cancel (self->cancellable);
  else
    self->kill (self->object, NULL);
}

static gboolean
interrupt_cb (gpointer user_data)
{
  interrupt (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
signal_cb (int          fd G_GNUC_UNUSED,
           GIOCondition condition G_GNUC_UNUSED,
           gpointer     user_data)
{
  GmpBlocking *self = user_data;
  GError *error = NULL;

  if (gmp_signals_handle (&error))
    return G_SOURCE_CONTINUE;
  if (self->failure == NULL)
    self->failure = g_steal_pointer (&error);
  g_clear_error (&error);
  interrupt (self);
  return G_SOURCE_CONTINUE;
}

/* Attaches @source before the next of many requests to an application that is the server. */
static GSource *
attach (GmpBlocking *self,
        GSource     *source,
        GSourceFunc  callback)
{
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, callback, self, NULL);
  g_source_attach (source, self->context);
  return source;
}

static void
watch_signals (GmpBlocking *self)
{
  int fd = gmp_signals_get_fd ();

  if (fd != -1)
    self->signal_source = attach (self, g_unix_fd_source_new (fd, G_IO_IN),
                                  G_SOURCE_FUNC (signal_cb));
}

static void
unwatch_signals (GmpBlocking *self)
{
  if (self->signal_source == NULL)
    return;
  g_source_destroy (self->signal_source);
  g_source_unref (self->signal_source);
}

/* The number of runs, in all threads, that watch for Ctrl-C now. */
G_LOCK_DEFINE_STATIC (n_watching);
static guint n_watching;

/* A forked child does not count the runs of its parent. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (n_watching), 0, sizeof G_LOCK_NAME (n_watching));
  n_watching = 0;
}

GMP_FORK_FORGETS (forget)

/* TRUE if Ctrl-C would kill this process, or another run watches for it. */
static gboolean
may_watch_locked (void)
{
  struct sigaction action;

  return n_watching > 0 || (sigaction (SIGINT, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
}

/* Ctrl-C would kill this process before it could stop its workers in order. A program that handles
 * Ctrl-C itself keeps its handler. */
static void
watch_interrupts (GmpBlocking *self)
{
  G_LOCK (n_watching);
  if (may_watch_locked ())
    {
      n_watching++;
      self->interrupt_source = g_unix_signal_source_new (SIGINT);
    }
  G_UNLOCK (n_watching);
  if (self->interrupt_source != NULL)
    attach (self, self->interrupt_source, interrupt_cb);
}

static void
unwatch_interrupts (GmpBlocking *self)
{
  if (self->interrupt_source == NULL)
    return;
  g_source_destroy (self->interrupt_source);
  G_LOCK (n_watching);
  n_watching -= MIN (n_watching, 1);
  /* GLib restores the signal's disposition with the last of them. */
  g_source_unref (self->interrupt_source);
  G_UNLOCK (n_watching);
}

static void
outer_cancelled_cb (GCancellable *outer G_GNUC_UNUSED,
                    gpointer      user_data)
{
  g_cancellable_cancel (user_data);
}

void
gmp_blocking_begin (GmpBlocking  *self,
                    GMainContext *context,
                    GObject      *object,
                    GFunc         kill,
                    GCancellable *cancellable)
{
  *self = (GmpBlocking) {
    .context = context,
    .cancellable = g_cancellable_new (),
    .outer = cancellable,
    .kill = kill,
    .object = object,
  };
  g_main_context_push_thread_default (self->context);
  if (cancellable != NULL)
    self->outer_handler = g_cancellable_connect (cancellable, G_CALLBACK (outer_cancelled_cb),
                                                 g_object_ref (self->cancellable), g_object_unref);
  watch_interrupts (self);
  watch_signals (self);
}

void
gmp_blocking_done_cb (GObject      *source G_GNUC_UNUSED,
                      GAsyncResult *result,
                      gpointer      user_data)
{
  GmpBlocking *self = user_data;

  self->result = g_object_ref (result);
}

/* %FALSE in a process that user code has forked since: the run belongs to the parent, and there is
 * nothing to wait for. */
static gboolean
wait_for_result (GmpBlocking *self,
                 GError     **error)
{
  guint generation = gmp_fork_get_generation ();

  while (self->result == NULL && generation == gmp_fork_get_generation ())
    g_main_context_iteration (self->context, TRUE);
  if (self->result != NULL)
    return TRUE;
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_FAILED,
                       "This process was forked during the run, which belongs to its parent");
  return FALSE;
}

/* Marks a cancelled @error as interrupted, or replaces it by the error of the handler that
 * failed. */
static void
end (GmpBlocking *self,
     GError     **error)
{
  if (self->n_interrupts > 0 && error != NULL &&
      g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      if (self->failure == NULL)
        {
          g_prefix_error (error, "Interrupted: ");
          gmp_runner_set_interrupted (GMP_RUNNER (self->object));
        }
      else
        {
          g_clear_error (error);
          *error = g_steal_pointer (&self->failure);
        }
    }
  g_clear_error (&self->failure);
  g_cancellable_disconnect (self->outer, self->outer_handler);
  unwatch_interrupts (self);
  unwatch_signals (self);
  g_clear_object (&self->result);
  g_main_context_pop_thread_default (self->context);
  g_object_unref (self->cancellable);
}

/* Waits for the call, and returns what its task does: a pointer, or %NULL with an error. */
gpointer
gmp_blocking_finish (GmpBlocking *self,
                     GError     **error)
{
  gpointer value = NULL;
  GError *local = NULL;

  if (wait_for_result (self, &local))
    value = g_task_propagate_pointer (G_TASK (self->result), &local);
  end (self, &local);
  if (local != NULL)
    g_propagate_error (error, local);
  return value;
}
