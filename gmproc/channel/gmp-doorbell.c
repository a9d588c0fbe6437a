/* gmp-doorbell.c: wakes a thread, or a main loop, that waits for messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-doorbell-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* An epoll that reports each event once (EPOLLET). An eventfd is rung by a write and never read, so
 * a wake-up costs one system call, and no process can consume another's ring. A forked process
 * shares its parent's epoll and would consume the parent's rings, so it does not use it. */
struct _GmpDoorbell
{
  guint generation; /* of this process, by gmp_fork_get_generation() */
  gatomicrefcount ref_count;
  int epoll;
  int event; /* rung by this process */
  GArray *keys; /* of guint: of the bells that have rung; the waiting side's */
  int fault;    /* why this process could not wait, as errno */
};

static GmpDoorbell *
fail (GmpDoorbell *self,
      GError     **error)
{
  int code = errno;

  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               "Cannot make a descriptor to wait for messages: %s%s", g_strerror (code),
               gmp_limit_describe (code));
  gmp_doorbell_unref (self);
  return NULL;
}

GmpDoorbell *
gmp_doorbell_new (GError **error)
{
  GmpDoorbell *self = g_new0 (GmpDoorbell, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->generation = gmp_fork_get_generation ();
  self->event = -1;
  self->keys = g_array_new (FALSE, FALSE, sizeof (guint));
  self->epoll = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll == -1)
    return fail (self, error);
  self->event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (self->event == -1 || !gmp_doorbell_listen (self, self->event, EPOLLIN, NULL))
    return fail (self, error);
  return self;
}

GmpDoorbell *
gmp_doorbell_ref (GmpDoorbell *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
gmp_doorbell_unref (GmpDoorbell *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  if (self->epoll != -1)
    close (self->epoll);
  if (self->event != -1)
    close (self->event);
  g_array_unref (self->keys);
  g_free (self);
}

static gboolean
is_inherited (GmpDoorbell *self)
{
  return self->generation != gmp_fork_get_generation ();
}

/* Called in any thread. */
void
gmp_doorbell_ring (GmpDoorbell *self)
{
  /* It fails only if the counter is full, and then it has been rung. */
  if (!is_inherited (self))
    eventfd_write (self->event, 1);
}

/* Makes @events (EPOLLIN and so on) of @fd ring too. @bell (nullable) must stay valid until
 * gmp_doorbell_forget(). */
gboolean
gmp_doorbell_listen (GmpDoorbell *self,
                     int          fd,
                     guint32      events,
                     GmpBell     *bell)
{
  struct epoll_event event = { .events = events | EPOLLET, .data.ptr = bell };

  return epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void
gmp_doorbell_forget (GmpDoorbell *self,
                     int          fd)
{
  if (!is_inherited (self))
    epoll_ctl (self->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void
note (GmpDoorbell *self,
      GmpBell     *bell)
{
  if (bell == NULL)
    return;
  bell->has_rung = TRUE;
  if (bell->key != 0)
    g_array_append_val (self->keys, bell->key);
}

/* Sleeps until it is rung, or for @limit milliseconds (0: not at all, -1: without limit). Returns
 * TRUE if it was rung, perhaps by a ring that has been handled already, so check for messages. */
gboolean
gmp_doorbell_wait (GmpDoorbell *self,
                   int          limit)
{
  struct epoll_event events[64];
  int n;

  if (is_inherited (self))
    return FALSE;
  do
    n = epoll_wait (self->epoll, events, G_N_ELEMENTS (events), limit);
  while (n == -1 && errno == EINTR);

  if (G_UNLIKELY (n == -1))
    self->fault = errno;
  for (int i = 0; i < n; i++)
    note (self, events[i].data.ptr);
  return n > 0;
}

/* %FALSE with an error if this process could not wait. */
gboolean
gmp_doorbell_check (GmpDoorbell *self,
                    GError     **error)
{
  if (G_LIKELY (self->fault == 0))
    return TRUE;
  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (self->fault),
               "Process %d cannot wait for messages: %s%s", (int) getpid (),
               g_strerror (self->fault), gmp_limit_describe (self->fault));
  return FALSE;
}

/* The key of a bell that has rung, once for each ring; 0 for none. Its channel may have gone
 * meanwhile. */
guint
gmp_doorbell_take_key (GmpDoorbell *self)
{
  guint key;

  if (self->keys->len == 0)
    return 0;
  key = g_array_index (self->keys, guint, self->keys->len - 1);
  g_array_set_size (self->keys, self->keys->len - 1);
  return key;
}

/* For a main loop: readable when it was rung; gmp_doorbell_wait() with 0 resets it. */
int
gmp_doorbell_get_fd (GmpDoorbell *self)
{
  return self->epoll;
}
