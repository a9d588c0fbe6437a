/* gmp-worker-skeleton-reports.c: what a worker sends while user code runs
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-worker-skeleton-core-private.h"

#include "base/gmp-error.h"
#include "channel/gmp-value-private.h"
#include "peer/gmp-payload-private.h"

#include <unistd.h>

/* FALSE in a process that user code has forked. Its parent keeps using the connection, and may have
 * held any of the locks, so such a process must not call anything else here. */
static gboolean
is_worker (GmpWorkerSkeleton *self)
{
  return getpid () == self->pid;
}

/* May be called in any thread. Takes ownership of @body, floating. @handles is nullable. */
static gboolean
emit (GmpWorkerSkeleton *self,
      const char        *name,
      GVariant          *body,
      GUnixFDList       *handles,
      GError           **error)
{
  g_autoptr (GDBusMessage) message = g_dbus_message_new_signal (
    GMP_WORKER_PATH, GMP_WORKER_INFO->name, name);

  g_dbus_message_set_body (message, body);
  g_dbus_message_set_unix_fd_list (message, handles);
  return gmp_message_stream_send (self->stream, message, error);
}

void
gmp_worker_skeleton_loaded (GmpWorkerSkeleton  *self,
                            const char * const *names)
{
  GVariantBuilder builder;

  /* A fork server gets no other names (gmp_runtime_add_modules()). */
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("as"));
  for (gsize i = 0; names[i] != NULL; i++)
    if (g_utf8_validate (names[i], -1, NULL))
      g_variant_builder_add (&builder, "s", names[i]);
  emit (self, "Loaded", g_variant_new ("(as)", &builder), NULL, NULL);
}

void
gmp_worker_skeleton_ready (GmpWorkerSkeleton *self)
{
  emit (self, "Ready", g_variant_new ("(u)", getpid ()), NULL, NULL);
}

static const struct {
  const char *signal;
  const char *what;
} reports[] = {
  [GMP_REPORT_PROGRESS] = { "Progress", "progress" },
  [GMP_REPORT_TURN] = { "Turn", "a turn" },
  [GMP_REPORT_LATE] = { "Late", "a client" },
};

/* TRUE if the current run, if any, accepts such a report; of values up to @limit. */
static gboolean
check_report (GmpWorkerSkeleton *self,
              GmpReport          kind,
              guint64           *limit,
              GError           **error)
{
  gboolean is_running;
  gboolean has_turns;

  g_mutex_lock (&self->lock);
  is_running = self->running != NULL;
  has_turns = is_running && g_str_equal (self->running->spec.role, "call");
  if (is_running)
    g_variant_lookup (self->running->options, "value-size-limit", "t", limit);
  if (has_turns && kind == GMP_REPORT_TURN)
    self->running->has_turns = TRUE;
  g_mutex_unlock (&self->lock);
  if (is_running && (has_turns || kind != GMP_REPORT_TURN))
    return kind != GMP_REPORT_TURN ||
           !g_cancellable_set_error_if_cancelled (self->cancellable, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "Cannot report %s: %s", reports[kind].what,
               is_running ? "only workers of GmpWorkers have turns" : "the run has ended");
  return FALSE;
}

/* Returns a floating reference. */
static GVariant *
pack_report (GmpReport    kind,
             GVariant    *value,
             guint64      limit,
             GUnixFDList *handles,
             GError     **error)
{
  GVariant *packed = NULL;

  if (kind == GMP_REPORT_LATE)
    return g_variant_new_tuple (&value, 1);
  if (kind == GMP_REPORT_PROGRESS)
    packed = gmp_payload_pack_inline (value, error);
  else if (value == NULL ||
           (gmp_value_check_size (g_variant_get_size (value), limit, GMP_ERROR_BAD_PAYLOAD,
                                  error) &&
            gmp_value_check_sendable (value, error)))
    packed = gmp_payload_pack_message (value, handles, error);
  return packed != NULL ? g_variant_new_tuple (&packed, 1) : NULL;
}

/* Called in any thread of user code. A report after its run would be attributed to the next run. */
gboolean
gmp_worker_skeleton_report (GmpWorkerSkeleton *self,
                            GmpReport          kind,
                            GVariant          *value,
                            GError           **error)
{
  g_autoptr (GUnixFDList) handles = NULL;
  GVariant *body = NULL;
  gboolean is_sent;
  guint64 limit = 0;

  if (!is_worker (self))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "Cannot report %s: this process (pid %d) was forked by a worker, and is "
                   "not the worker itself (pid %d)", reports[kind].what, getpid (), self->pid);
      return FALSE;
    }
  if (kind == GMP_REPORT_TURN)
    handles = g_unix_fd_list_new ();
  g_mutex_lock (&self->reporting);
  if (check_report (self, kind, &limit, error))
    body = pack_report (kind, value, limit, handles, error);
  is_sent = body != NULL && emit (self, reports[kind].signal, body, handles, error);
  g_mutex_unlock (&self->reporting);
  return is_sent;
}

/* Called in any thread of user code. Returns FALSE if the application cannot be reached. */
gboolean
gmp_worker_skeleton_log (GmpWorkerSkeleton *self,
                         const char        *domain,
                         guint              level,
                         const char        *message)
{
  g_autofree char *valid_domain = NULL;
  g_autofree char *text = NULL;

  if (!is_worker (self))
    return FALSE;
  valid_domain = gmp_message_stream_limit_text (domain);
  text = gmp_message_stream_limit_text (message);
  return emit (self, "Log", g_variant_new ("(sus)", valid_domain, level, text), NULL, NULL);
}
