/* gmp-doorbell.c: wakes a thread, or a main loop, that waits for messages
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-doorbell-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct _GmpDoorbell
{
  gatomicrefcount ref_count;
  int fd;
};

GmpDoorbell *
gmp_doorbell_new (GError **error)
{
  GmpDoorbell *self;
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  if (fd == -1)
    {
      int code = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                   "Cannot make an eventfd: %s", g_strerror (code));
      return NULL;
    }
  self = g_new0 (GmpDoorbell, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->fd = fd;
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
  close (self->fd);
  g_free (self);
}

void
gmp_doorbell_ring (GmpDoorbell *self)
{
  /* The only failure is a full counter, and then it has been rung. */
  eventfd_write (self->fd, 1);
}

void
gmp_doorbell_clear (GmpDoorbell *self)
{
  eventfd_t count;

  eventfd_read (self->fd, &count);
}

/* Sleeps until the bell is rung or @stop is cancelled. Look for messages after gmp_doorbell_clear()
 * and before this, or one that came in between is slept through. */
void
gmp_doorbell_wait (GmpDoorbell  *self,
                   GCancellable *stop)
{
  struct pollfd fds[] = {
    { .fd = self->fd, .events = POLLIN },
    { .fd = g_cancellable_get_fd (stop), .events = POLLIN },
  };

  while (poll (fds, G_N_ELEMENTS (fds), -1) == -1 && errno == EINTR)
    ;
  g_cancellable_release_fd (stop);
}

GSource *
gmp_doorbell_create_source (GmpDoorbell *self)
{
  return g_unix_fd_source_new (self->fd, G_IO_IN);
}
