/* gmp-process-cache-default.c: the one cache of this process, and how long it lingers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-cache-core-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-thread-private.h"

#include <string.h>

/* The seconds that processes started ahead wait for another object that has workers. The variable
 * sets another number. */
#define LINGER 5
#define LINGER_VARIABLE "GMPROC_LINGER"

/* The seconds for which nothing is started ahead after such processes were in the way. */
#define SHORTAGE 10

G_LOCK_DEFINE_STATIC (default_cache);
static GmpProcessCache *default_cache;

/* Under the lock: a thread that ends the cache after it has had no reference for long enough. */
static gboolean is_lingering;
static gint64 end_time;
static gint64 short_until; /* until then nothing is started ahead: there was no room */
static GCond linger_cond;

/* All started processes belong to the parent of a forked child. */
static void
forget (void)
{
  memset (&G_LOCK_NAME (default_cache), 0, sizeof G_LOCK_NAME (default_cache));
  memset (&linger_cond, 0, sizeof linger_cond);
  is_lingering = FALSE;
  default_cache = NULL;
}

GMP_FORK_FORGETS (forget)

/* TRUE if this process was forked from the one that created @self. */
gboolean
gmp_process_cache_is_foreign (GmpProcessCache *self)
{
  return self->generation != gmp_fork_get_generation ();
}

/* %NULL if the last reference was dropped. */
GmpProcessCache *
gmp_process_cache_ref_if_any (void)
{
  GmpProcessCache *self;

  G_LOCK (default_cache);
  self = default_cache;
  if (self != NULL)
    self->n_references++;
  G_UNLOCK (default_cache);
  return self;
}

GmpProcessCache *
gmp_process_cache_ref (GmpProcessCache *self)
{
  G_LOCK (default_cache);
  self->n_references++;
  G_UNLOCK (default_cache);
  return self;
}

/* The existing one, or a new one. */
GmpProcessCache *
gmp_process_cache_ref_default (void)
{
  GmpProcessCache *self;

  G_LOCK (default_cache);
  if (default_cache == NULL)
    default_cache = gmp_process_cache_new ();
  self = default_cache;
  self->n_references++;
  G_UNLOCK (default_cache);
  return self;
}

static gboolean
is_short_locked (void)
{
  return short_until > g_get_monotonic_time ();
}

static gpointer
linger_thread (gpointer unused G_GNUC_UNUSED)
{
  GmpProcessCache *self;

  G_LOCK (default_cache);
  while (default_cache != NULL)
    {
      if (default_cache->n_references > 0 && is_short_locked ())
        {
          is_lingering = FALSE;
          G_UNLOCK (default_cache);
          return NULL;
        }
      if (default_cache->n_references > 0)
        g_cond_wait (&linger_cond, &G_LOCK_NAME (default_cache));
      else if (!g_cond_wait_until (&linger_cond, &G_LOCK_NAME (default_cache), end_time) &&
               default_cache->n_references == 0)
        break;
    }
  self = g_steal_pointer (&default_cache);
  is_lingering = FALSE;
  G_UNLOCK (default_cache);
  if (self != NULL)
    gmp_process_cache_free (self);
  return NULL;
}

/* A program that ends leaves no process behind, not even for the moment that a server needs to
 * notice its closed socket. */
__attribute__ ((destructor)) static void
end_lingering (void)
{
  GmpProcessCache *self = NULL;

  G_LOCK (default_cache);
  if (default_cache != NULL && default_cache->n_references == 0 &&
      !gmp_process_cache_is_foreign (default_cache))
    self = g_steal_pointer (&default_cache);
  G_UNLOCK (default_cache);
  if (self != NULL)
    gmp_process_cache_free (self);
}

/* A process or a thread is lacking: for a while nothing is started ahead, and nothing outlives the
 * last reference, which would take a thread. */
void
gmp_process_cache_run_short (void)
{
  G_LOCK (default_cache);
  short_until = g_get_monotonic_time () + SHORTAGE * G_TIME_SPAN_SECOND;
  g_cond_signal (&linger_cond);
  G_UNLOCK (default_cache);
}

gboolean
gmp_process_cache_is_short (void)
{
  gboolean result;

  G_LOCK (default_cache);
  result = is_short_locked ();
  G_UNLOCK (default_cache);
  return result;
}

/* %FALSE if the cache has to end at once. */
static gboolean
linger_locked (double seconds)
{
  end_time = g_get_monotonic_time () + (gint64) (seconds * G_USEC_PER_SEC);
  if (!is_lingering && seconds > 0)
    is_lingering = gmp_thread_start (NULL, "gmproc-linger", linger_thread, NULL, NULL);
  g_cond_signal (&linger_cond);
  return is_lingering && seconds > 0;
}

/* Processes started ahead outlive the last reference for some seconds, for programs that create an
 * object for each call. They always end with the program, because their sockets close. */
void
gmp_process_cache_unref (GmpProcessCache *self)
{
  double seconds = gmp_environment_get_seconds (LINGER_VARIABLE, 0, LINGER);
  gboolean ends;

  if (gmp_process_cache_is_foreign (self))
    return;
  G_LOCK (default_cache);
  ends = --self->n_references == 0 &&
         (is_short_locked () ||
          !((is_lingering || self->kinds.length > 0) && linger_locked (seconds)));
  if (ends)
    default_cache = NULL;
  G_UNLOCK (default_cache);
  if (ends)
    gmp_process_cache_free (self);
}
