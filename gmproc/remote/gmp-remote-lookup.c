/* gmp-remote-lookup.c: the search for the address of a game's host
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "remote/gmp-remote-lookup-private.h"

#include "base/gmp-error.h"
#include "base/gmp-thread-private.h"

/* A name server may take minutes, and nothing ends getaddrinfo(). So a thread calls it, and is left
 * to itself when the time is over. */
typedef struct {
  GResolver *resolver;
  char *host;
  GMutex lock;
  GCond changed;
  /* Under the lock: */
  gboolean has_ended;
  GList *addresses;
  GError *error;
} Lookup;

static void
lookup_clear (gpointer data)
{
  Lookup *self = data;

  g_object_unref (self->resolver);
  g_free (self->host);
  g_resolver_free_addresses (self->addresses);
  g_clear_error (&self->error);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
}

static void
lookup_unref (Lookup *self)
{
  g_atomic_rc_box_release_full (self, lookup_clear);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lookup, lookup_unref)

static gpointer
lookup_thread (gpointer data)
{
  g_autoptr (Lookup) self = data;
  g_autoptr (GError) error = NULL;
  GList *addresses = g_resolver_lookup_by_name_with_flags (self->resolver, self->host,
                                                           GMP_REMOTE_LOOKUP, NULL, &error);

  g_mutex_lock (&self->lock);
  self->has_ended = TRUE;
  self->addresses = addresses;
  self->error = g_steal_pointer (&error);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
  return NULL;
}

static void
cancelled_cb (GCancellable *cancellable G_GNUC_UNUSED,
              gpointer      user_data)
{
  Lookup *self = user_data;

  g_mutex_lock (&self->lock);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* FALSE if the lookup has not ended in time, or before it was cancelled. */
static gboolean
lookup_wait (Lookup       *self,
             double        timeout,
             GCancellable *cancellable)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) (timeout * G_USEC_PER_SEC);
  gboolean is_over = FALSE;
  gboolean has_ended;

  g_mutex_lock (&self->lock);
  while (!self->has_ended && !is_over && !g_cancellable_is_cancelled (cancellable))
    {
      if (timeout > 0)
        is_over = !g_cond_wait_until (&self->changed, &self->lock, deadline);
      else
        g_cond_wait (&self->changed, &self->lock);
    }
  has_ended = self->has_ended;
  g_mutex_unlock (&self->lock);
  return has_ended;
}

/* The addresses of @host, which are to be freed with g_resolver_free_addresses(); they have to be
 * found within @timeout seconds, or 0 for no limit. */
GList *
gmp_remote_lookup (const char   *host,
                   double        timeout,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_autoptr (Lookup) self = g_atomic_rc_box_new0 (Lookup);
  gulong handler = 0;
  gboolean has_ended;

  self->resolver = g_resolver_get_default ();
  self->host = g_strdup (host);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  if (!gmp_thread_start (NULL, "gmproc-lookup", lookup_thread, g_atomic_rc_box_acquire (self),
                         error))
    {
      lookup_unref (self);
      return NULL;
    }
  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), self, NULL);
  has_ended = lookup_wait (self, timeout, cancellable);
  g_cancellable_disconnect (cancellable, handler);
  if (has_ended && self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  else if (!has_ended && !g_cancellable_set_error_if_cancelled (cancellable, error))
    g_set_error (error, GMP_ERROR, GMP_ERROR_TIMED_OUT, "'%s' was not found within %g s", host,
                 timeout);
  return has_ended ? g_steal_pointer (&self->addresses) : NULL;
}
