/* gmp-room.c: checks for descriptors and processes for another worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-room-private.h"

#include "base/gmp-fork-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The descriptors that are left free beside several workers: GLib aborts the process if it cannot
 * create one that it needs. */
#define SPARE_DESCRIPTORS 64

/* The descriptors that a single worker takes during its start, and GLib meanwhile. */
#define LEAST_DESCRIPTORS 16

/* The most that a worker takes. */
#define HELD_DESCRIPTORS 8

/* The number of forks that may be pending: more of them would not arrive sooner. */
#define MAX_PROMISED 32

/* After a shortage of processes, the time during which no more workers run than had a process. */
#define SHORTAGE (10 * G_TIME_SPAN_SECOND)

/* If no running worker can make room, unknown processes may be about to end: the interval and the
 * duration of retries. */
#define RETRY (50 * G_TIME_SPAN_MILLISECOND)
#define PATIENCE (2 * G_TIME_SPAN_SECOND)

G_LOCK_DEFINE_STATIC (room);
static guint n_inside; /* workers */
static guint n_running; /* of these: those that end without the program's help, and so make room */
static guint n_starting; /* of all: their processes have taken no descriptors yet */
static int n_promised; /* pending forks */
static guint n_fit = G_MAXUINT; /* the known number of simultaneous processes */
static gint64 fit_end;          /* when to try more */
static gint64 refused_since;    /* 0: the last one had a process */
static gint64 next_try;
static GSList *waiting; /* of GSource */

/* When the main loop of this thread last started a worker: see gmp_room_source_new(). */
static __thread gint64 last_turn;

static void
forget (void)
{
  memset (&G_LOCK_NAME (room), 0, sizeof G_LOCK_NAME (room));
  n_inside = 0;
  n_running = 0;
  n_starting = 0;
  n_promised = 0;
  n_fit = G_MAXUINT;
  refused_since = 0;
  waiting = NULL;
}

GMP_FORK_FORGETS (forget)

/* The lowest descriptor that is free. */
static int
find_free (void)
{
  int fd = open ("/", O_PATH | O_CLOEXEC);

  if (fd == -1)
    return G_MAXINT;
  close (fd);
  return fd;
}

/* TRUE if @n descriptors are free beside @fd. */
static gboolean
has_beside (int fd,
            int n)
{
  struct rlimit limit;

  return getrlimit (RLIMIT_NOFILE, &limit) != 0 || (gint64) fd + n < (gint64) limit.rlim_cur;
}

/* TRUE if another worker may take @fd and the following descriptors. It checks for more, because
 * workers that were started before take some of their descriptors later. */
gboolean
gmp_room_allows (int fd)
{
  G_LOCK (room);
  n_starting -= MIN (n_starting, 1);
  G_UNLOCK (room);
  return has_beside (fd, LEAST_DESCRIPTORS);
}

/* TRUE if a process can be started ahead without being in the way of a requested one. */
gboolean
gmp_room_is_ample (void)
{
  return has_beside (find_free (), 2 * SPARE_DESCRIPTORS);
}

static gboolean
is_wide_locked (void)
{
  return has_beside (find_free (), SPARE_DESCRIPTORS + n_promised +
                                   HELD_DESCRIPTORS * (1 + (int) n_starting));
}

/* TRUE if there is room for another worker beside the existing ones. */
gboolean
gmp_room_is_wide (void)
{
  gboolean result;

  G_LOCK (room);
  result = is_wide_locked ();
  G_UNLOCK (room);
  return result;
}

/* %FALSE if a worker has to wait for others: @source, of gmp_room_source_new(), is then dispatched
 * again when one of them has ended, in any thread. */
gboolean
gmp_room_await (GSource *source)
{
  gint64 now = g_get_monotonic_time ();
  gboolean result;

  G_LOCK (room);
  if (n_running == 0 && refused_since != 0 && now < next_try)
    {
      g_source_set_ready_time (source, next_try);
      G_UNLOCK (room);
      return FALSE;
    }
  if (fit_end < now)
    n_fit = G_MAXUINT;
  result = n_running == 0 ||
           (n_running < n_fit && n_promised < MAX_PROMISED && is_wide_locked ());
  if (!result)
    {
      g_source_set_ready_time (source, -1);
      waiting = g_slist_prepend (waiting, g_source_ref (source));
    }
  G_UNLOCK (room);
  return result;
}

/* A worker begins. @starts: a process is started for it. @ends: it ends without the program's help.
 * A worker of a pool does not, nor does a client, which may wait for a response of the program. If
 * the program waited for their end, it would wait forever. */
void
gmp_room_enter (gboolean ends,
                gboolean starts)
{
  G_LOCK (room);
  n_inside++;
  n_running += ends ? 1 : 0;
  n_starting += starts ? 1 : 0;
  G_UNLOCK (room);
}

static void
wake (gpointer source)
{
  g_source_set_ready_time (source, 0);
  g_source_unref (source);
}

/* Adds @n pending forks, each of which brings a descriptor that is not opened here. A negative @n
 * means that they have arrived, or will not; then a waiting worker may try again. */
void
gmp_room_promise (int n)
{
  GSource *woken = NULL;

  G_LOCK (room);
  n_promised += n;
  while (n < 0 && waiting != NULL && woken == NULL)
    {
      woken = waiting->data;
      waiting = g_slist_delete_link (waiting, waiting);
      if (g_source_is_destroyed (woken))
        g_clear_pointer (&woken, g_source_unref);
    }
  G_UNLOCK (room);
  if (woken != NULL)
    wake (woken);
}

static void
leave_locked (gboolean ends)
{
  n_inside -= MIN (n_inside, 1);
  n_running -= ends ? MIN (n_running, 1) : 0;
  n_starting = MIN (n_starting, n_inside);
}

/* It has ended. @ends is as it was. */
void
gmp_room_leave (gboolean ends)
{
  GSList *woken;

  G_LOCK (room);
  leave_locked (ends);
  refused_since = 0;
  woken = g_steal_pointer (&waiting);
  G_UNLOCK (room);
  g_slist_free_full (woken, wake);
}

/* A worker got no process or thread: no more than the running ones fit for now. Returns TRUE if it
 * may wait, with gmp_room_await(). */
gboolean
gmp_room_refuse (gboolean ends)
{
  gint64 now = g_get_monotonic_time ();
  GSList *woken = NULL;
  gboolean result;

  G_LOCK (room);
  leave_locked (ends);
  n_fit = MIN (n_fit, MAX (n_running, 1));
  fit_end = now + SHORTAGE;
  next_try = now + RETRY;
  if (refused_since == 0)
    refused_since = now;
  result = n_running > 0 || now < refused_since + PATIENCE;
  /* Waiting for the end of another worker would never end. */
  if (n_running == 0)
    woken = g_steal_pointer (&waiting);
  G_UNLOCK (room);
  g_slist_free_full (woken, wake);
  return result;
}

static gboolean
room_dispatch (GSource    *source,
               GSourceFunc callback,
               gpointer    user_data)
{
  gint64 now = g_source_get_time (source);

  if (now == last_turn)
    return G_SOURCE_CONTINUE;
  last_turn = now;
  return callback (user_data);
}

static GSourceFuncs room_funcs = { .dispatch = room_dispatch };

/* Calls back once in each iteration of the main loop, even if there are several such sources.
 * Starting a process takes most of a millisecond, so the loop can handle other sources after each,
 * however many runs there are. */
GSource *
gmp_room_source_new (void)
{
  GSource *source = g_source_new (&room_funcs, sizeof (GSource));

  g_source_set_ready_time (source, 0);
  return source;
}
