/* gmp-memory.c: the memory that the two ends of a channel share
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-memory-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-private-memory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#define READ_WRITE (PROT_READ | PROT_WRITE)

#define RINGS_START  GMP_MEMORY_PART
#define ARENAS_START (RINGS_START + 2 * GMP_MEMORY_RING_SIZE)

G_STATIC_ASSERT (sizeof (GmpMemoryHeader) <= GMP_MEMORY_PART);

static gboolean
fail (GError    **error,
      const char *what)
{
  int code = errno;

  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "Cannot %s: %s%s", what, g_strerror (code),
               gmp_limit_describe (code));
  return FALSE;
}

/* The part of @arena_size that the limit on file size allows; 0 if there is no room for an
 * arena. */
gsize
gmp_memory_limit_arena (gsize arena_size)
{
  guint64 max = gmp_limit_get_file_size ();
  guint64 room = max > ARENAS_START ? (max - ARENAS_START) / 2 : 0;

  return (gsize) MIN (arena_size, room & ~(guint64) (GMP_MEMORY_PART - 1));
}

/* @arena_size is rounded up; see GmpMemory for @n_workers. Returns -1 with an error. */
int
gmp_memory_new_fd (gsize    arena_size,
                   guint    n_workers,
                   GError **error)
{
  gsize rounded = (arena_size + GMP_MEMORY_PART - 1) & ~(GMP_MEMORY_PART - 1);
  guint64 size = ARENAS_START + 2 * (guint64) rounded;
  guint32 hint = n_workers;
  int fd = memfd_create ("gmproc-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd != -1 &&
      gmp_limit_check_file_size (size) &&
      ftruncate (fd, (off_t) size) == 0 &&
      pwrite (fd, &hint, sizeof hint, offsetof (GmpMemoryHeader, n_workers)) == sizeof hint &&
      fcntl (fd, F_ADD_SEALS, SEALS) == 0)
    return fd;
  fail (error, "make shared memory for a channel");
  if (fd != -1)
    close (fd);
  return -1;
}

/* TRUE if @fd is such memory: the other end is not trusted. */
static gboolean
check_fd (int      fd,
          gsize   *arena_size,
          GError **error)
{
  struct stat status;
  int seals = fcntl (fd, F_GET_SEALS);

  if (seals == -1 || (seals & SEALS) != SEALS || fstat (fd, &status) != 0 ||
      status.st_size < (off_t) ARENAS_START || (guint64) status.st_size > G_MAXSSIZE ||
      (status.st_size - ARENAS_START) % (2 * GMP_MEMORY_PART) != 0)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                           "A channel's descriptor is not the shared memory that it needs");
      return FALSE;
    }
  *arena_size = (gsize) (status.st_size - ARENAS_START) / 2;
  return TRUE;
}

/* Reserves @size bytes of address space without memory. */
static guint8 *
reserve (gsize    size,
         GError **error)
{
  guint8 *place = mmap (NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (place != MAP_FAILED)
    return place;
  fail (error, "find room for a channel's memory");
  return NULL;
}

static gboolean
map_at (guint8  *place,
        gsize    size,
        int      protection,
        int      sharing,
        int      fd,
        gsize    offset,
        GError **error)
{
  return mmap (place, size, protection, sharing | MAP_FIXED | MAP_NORESERVE, fd, (off_t) offset) !=
         MAP_FAILED || fail (error, "map a channel's memory");
}

static gboolean
map_ring (GmpMemory *self,
          int        fd,
          guint      i,
          GError   **error)
{
  gsize size = GMP_MEMORY_RING_SIZE;
  gsize offset = RINGS_START + i * size;

  self->rings[i] = reserve (2 * size, error);
  return self->rings[i] != NULL &&
         map_at (self->rings[i], size, READ_WRITE, MAP_SHARED, fd, offset, error) &&
         map_at (self->rings[i] + size, size, READ_WRITE, MAP_SHARED, fd, offset, error);
}

/* The incoming arena is read-only until a binding asks to write: a writable private mapping counts
 * as data of this process, however little of it is used (RLIMIT_DATA, and kernels that do not
 * overcommit). A page of zeros follows it. If the other side overwrites the end of a string while
 * it is read, the string ends there. */
static gboolean
map_arenas (GmpMemory *self,
            int        fd,
            GError   **error)
{
  gsize size = self->arena_size;
  gsize out = ARENAS_START + (self->end == GMP_END_SERVER ? size : 0);
  gsize in = ARENAS_START + (self->end == GMP_END_SERVER ? 0 : size);

  if (size == 0)
    return TRUE;
  self->arena_out = reserve (size, error);
  if (self->arena_out == NULL ||
      !map_at (self->arena_out, size, READ_WRITE, MAP_SHARED, fd, out, error))
    return FALSE;
  self->arena_in = reserve (size + GMP_MEMORY_PART, error);
  return self->arena_in != NULL &&
         map_at (self->arena_in, size, PROT_READ, MAP_PRIVATE, fd, in, error) &&
         (mprotect (self->arena_in + size, GMP_MEMORY_PART, PROT_READ) == 0 ||
          fail (error, "map a channel's memory"));
}

/* @fd is no longer needed when this has returned. */
GmpMemory *
gmp_memory_map (int      fd,
                GmpEnd   end,
                GError **error)
{
  g_autoptr (GmpMemory) self = g_new0 (GmpMemory, 1);
  gpointer header;

  g_atomic_ref_count_init (&self->ref_count);
  self->end = end;
  self->generation = gmp_fork_get_generation ();
  if (!check_fd (fd, &self->arena_size, error))
    return NULL;
  header = mmap (NULL, GMP_MEMORY_PART, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (header == MAP_FAILED)
    {
      fail (error, "map a channel's memory");
      return NULL;
    }
  self->header = header;
  if (!map_ring (self, fd, 0, error) || !map_ring (self, fd, 1, error) ||
      !map_arenas (self, fd, error))
    return NULL;
  return g_steal_pointer (&self);
}

GmpMemory *
gmp_memory_ref (GmpMemory *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

static void
unmap (guint8 *place,
       gsize   size)
{
  if (place != NULL)
    munmap (place, size);
}

void
gmp_memory_unref (GmpMemory *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  unmap ((guint8 *) self->header, GMP_MEMORY_PART);
  for (guint i = 0; i < 2; i++)
    unmap (self->rings[i], 2 * GMP_MEMORY_RING_SIZE);
  unmap (self->arena_out, self->arena_size);
  if (self->arena_in != NULL)
    gmp_private_memory_remove (self->arena_in);
  unmap (self->arena_in, self->arena_size + GMP_MEMORY_PART);
  g_free (self);
}

/* Wakes the other end by @bell, its eventfd. A sandbox that user code has built may forbid it. */
void
gmp_memory_ring (GmpMemory *self,
                 int        bell)
{
  /* With EAGAIN the counter is full, so it has been rung. */
  if (eventfd_write (bell, 1) != 0 && errno != EAGAIN)
    self->ring_fault = errno;
}

/* Makes arena_in writable up to @end, a multiple of the page size. It fails at the process's limit
 * on data. */
gboolean
gmp_memory_make_writable (GmpMemory *self,
                          gsize      end)
{
  if (end <= self->n_writable)
    return TRUE;
  if (mprotect (self->arena_in + self->n_writable, end - self->n_writable, READ_WRITE) != 0)
    return FALSE;
  self->n_writable = end;
  return TRUE;
}

/* Makes arena_in read-only behind @end. This takes 10 us and more for both ways, so it is done only
 * under a limit on data. Without one, the pages stay writable for the next values. */
void
gmp_memory_end_writable (GmpMemory *self,
                         gsize      end)
{
  struct rlimit limit;

  if (end >= self->n_writable || getrlimit (RLIMIT_DATA, &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY ||
      mprotect (self->arena_in + end, self->n_writable - end, PROT_READ) != 0)
    return;
  self->n_writable = end;
}
