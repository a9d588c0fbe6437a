/* gmp-shared-memory.c: memory that several processes read and write
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-shared-memory.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * GmpSharedMemory:
 *
 * Memory that the application and its workers share: what one process writes, the others see, and
 * nothing is copied.
 *
 * The application makes it, and sends [method@Gmp.SharedMemory.to_variant] in the parameters of a
 * worker, in a request or in a response, alone or within other values. The receiver calls
 * [func@Gmp.SharedMemory.from_variant]. The sender keeps its object until the receiver has done so;
 * then each process holds the memory for itself, and it is freed with the last object that refers
 * to it, also where processes crash. It has no name in the file system, its size never changes, and
 * it begins as zeros.
 *
 * ```c
 * g_autoptr (GmpSharedMemory) memory = gmp_shared_memory_new (1 << 20, &error);
 *
 * gmp_workers_add (workers, 1, fill, gmp_shared_memory_to_variant (memory), &error);
 * ```
 *
 * The library does not lock anything. Agree on who writes what and when: for example, each worker
 * writes to its own part, and the application reads it when the worker has sent a message or has
 * returned. A message is also a barrier: the receiver sees everything that was written before it
 * was sent. Apart from that, reads and writes of the same bytes at the same time are a data race.
 *
 * Both processes are on one machine, and run as the same user. A process that has changed its user
 * or is setuid cannot share.
 *
 * Since: 0.1
 */

/* The value that is sent: this word; the process that sends, and the number of its descriptor; the
 * inode, which identifies the file after it was opened; and the size. */
#define TAG  "gmproc.shared-memory"
#define TYPE "(suitt)"

/* Sealed: no holder can shrink the file, which would kill processes that read it. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct _GmpSharedMemory
{
  GObject parent_instance;

  int fd;
  guint64 inode;
  gsize size;
  gpointer data;
};

G_DEFINE_FINAL_TYPE (GmpSharedMemory, gmp_shared_memory, G_TYPE_OBJECT)

static void
gmp_shared_memory_finalize (GObject *object)
{
  GmpSharedMemory *self = GMP_SHARED_MEMORY (object);

  if (self->data != NULL)
    munmap (self->data, self->size);
  if (self->fd != -1)
    close (self->fd);
  G_OBJECT_CLASS (gmp_shared_memory_parent_class)->finalize (object);
}

static void
gmp_shared_memory_class_init (GmpSharedMemoryClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_shared_memory_finalize;
}

static void
gmp_shared_memory_init (GmpSharedMemory *self)
{
  self->fd = -1;
}

/* Takes ownership of @fd, which is sealed and has @size bytes. */
static GmpSharedMemory *
shared_memory_map (int      fd,
                   gsize    size,
                   GError **error)
{
  g_autoptr (GmpSharedMemory) self = g_object_new (GMP_TYPE_SHARED_MEMORY, NULL);
  struct stat status;
  gpointer data = MAP_FAILED;

  self->fd = fd;
  if (fstat (fd, &status) == 0)
    data = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED)
    {
      int code = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                   "Cannot map %" G_GSIZE_FORMAT " bytes of shared memory: %s", size,
                   g_strerror (code));
      return NULL;
    }
  self->inode = status.st_ino;
  self->size = size;
  self->data = data;
  return g_steal_pointer (&self);
}

/**
 * gmp_shared_memory_new:
 * @size: how many bytes, at least one
 * @error: return location for an error
 *
 * Makes memory that can be shared. The system provides its pages when they are first written.
 *
 * Returns: (transfer full): the memory, all zeros; %NULL with an error of `G_IO_ERROR` if the
 *   system refuses it
 *
 * Since: 0.1
 */
GmpSharedMemory *
gmp_shared_memory_new (gsize    size,
                       GError **error)
{
  int fd, code;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (size == 0 || size > G_MAXSSIZE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "Cannot make %" G_GSIZE_FORMAT " bytes of shared memory: make at least one, and "
                   "at most %" G_GSSIZE_FORMAT, size, G_MAXSSIZE);
      return NULL;
    }
  fd = memfd_create ("gmproc-shared", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  /* Beyond its limit the kernel would send SIGXFSZ. */
  if (fd != -1 && gmp_limit_check_file_size (size) && ftruncate (fd, (off_t) size) == 0 &&
      fcntl (fd, F_ADD_SEALS, SEALS) == 0)
    return shared_memory_map (fd, size, error);
  code = errno;
  if (fd != -1)
    close (fd);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "Cannot make %" G_GSIZE_FORMAT " bytes of shared memory: %s%s", size,
               g_strerror (code), gmp_limit_describe (code));
  return NULL;
}

/**
 * gmp_shared_memory_to_variant:
 * @self: memory
 *
 * The value to send to another process, which passes it to [func@Gmp.SharedMemory.from_variant].
 * Keep @self until it has.
 *
 * Returns: (transfer none): a floating value of type `(suitt)`
 *
 * Since: 0.1
 */
GVariant *
gmp_shared_memory_to_variant (GmpSharedMemory *self)
{
  g_return_val_if_fail (GMP_IS_SHARED_MEMORY (self), NULL);

  return g_variant_new (TYPE, TAG, (guint32) getpid (), (gint32) self->fd, self->inode,
                        (guint64) self->size);
}

/* TRUE if @fd is the file that was sent, and not one that got its number later. */
static gboolean
is_file (int     fd,
         guint64 inode,
         guint64 size)
{
  struct stat status;

  return fstat (fd, &status) == 0 && S_ISREG (status.st_mode) && status.st_ino == inode &&
         (guint64) status.st_size == size;
}

/* Opens a descriptor of another process: -1 if it is not this file, or not sealed. The first open
 * uses O_PATH and only inspects it, because it might be a device by now. */
static int
open_shared (guint32 pid,
             gint32  number,
             guint64 inode,
             guint64 size)
{
  g_autofree char *theirs = g_strdup_printf ("/proc/%u/fd/%d", pid, number);
  int look = open (theirs, O_PATH | O_CLOEXEC);
  g_autofree char *ours = g_strdup_printf ("/proc/self/fd/%d", look);
  int fd = look != -1 && is_file (look, inode, size) ? open (ours, O_RDWR | O_CLOEXEC) : -1;
  int seals = fd != -1 ? fcntl (fd, F_GET_SEALS) : -1;

  if (look != -1)
    close (look);
  if (fd == -1 || (seals != -1 && (seals & SEALS) == SEALS && (seals & F_SEAL_WRITE) == 0))
    return fd;
  close (fd);
  return -1;
}

/**
 * gmp_shared_memory_from_variant:
 * @variant: what [method@Gmp.SharedMemory.to_variant] has returned in another process, or in this
 *   one
 * @error: return location for an error
 *
 * Holds memory that another process shares.
 *
 * Returns: (transfer full): the memory; %NULL with [error@Gmp.Error.BAD_PAYLOAD] if @variant is
 *   something else, [error@Gmp.Error.NOT_FOUND] if its sender has ended or has released it, or an
 *   error of `G_IO_ERROR` if the system refuses it
 *
 * Since: 0.1
 */
GmpSharedMemory *
gmp_shared_memory_from_variant (GVariant *variant,
                                GError  **error)
{
  const char *tag = "";
  guint64 inode, size;
  guint32 pid;
  gint32 number;
  int fd;

  g_return_val_if_fail (variant != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_variant_is_of_type (variant, G_VARIANT_TYPE (TYPE)))
    g_variant_get (variant, "(&suitt)", &tag, &pid, &number, &inode, &size);
  if (!g_str_equal (tag, TAG) || number < 0 || size == 0 || size > G_MAXSSIZE)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "A value of type '%.100s' is not shared memory",
                   g_variant_get_type_string (variant));
      return NULL;
    }
  fd = open_shared (pid, number, inode, size);
  if (fd != -1)
    return shared_memory_map (fd, (gsize) size, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
               "The shared memory of process %u cannot be opened: keep it in the sender until the "
               "receiver has it; both must run as the same user on one machine, as with the "
               "launcher 'local'", pid);
  return NULL;
}

/**
 * gmp_shared_memory_get_size:
 * @self: memory
 *
 * Its size, which never changes.
 *
 * Returns: how many bytes it has
 *
 * Since: 0.1
 */
gsize
gmp_shared_memory_get_size (GmpSharedMemory *self)
{
  g_return_val_if_fail (GMP_IS_SHARED_MEMORY (self), 0);

  return self->size;
}

/**
 * gmp_shared_memory_get_data: (skip)
 * @self: memory
 *
 * Its bytes, to read and to write, at the beginning of a page.
 *
 * Returns: (transfer none): [method@Gmp.SharedMemory.get_size] bytes, for as long as @self is held
 *
 * Since: 0.1
 */
gpointer
gmp_shared_memory_get_data (GmpSharedMemory *self)
{
  g_return_val_if_fail (GMP_IS_SHARED_MEMORY (self), NULL);

  return self->data;
}

/**
 * gmp_shared_memory_get_bytes:
 * @self: memory
 *
 * Its bytes for bindings, without a copy. Unlike those of other [struct@GLib.Bytes] they change
 * when a process writes to the memory. In GJS `memory.get_bytes().toArray()` can be written to as
 * well.
 *
 * Returns: (transfer full): the bytes, which hold @self
 *
 * Since: 0.1
 */
GBytes *
gmp_shared_memory_get_bytes (GmpSharedMemory *self)
{
  g_return_val_if_fail (GMP_IS_SHARED_MEMORY (self), NULL);

  return g_bytes_new_with_free_func (self->data, self->size, g_object_unref, g_object_ref (self));
}
