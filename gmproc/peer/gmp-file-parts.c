/* gmp-file-parts.c: contents of descriptors that come in pieces
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-file-parts-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void
gmp_file_parts_init (GmpFileParts *self)
{
  for (int i = 0; i < GMP_FILE_PARTS_MAX; i++)
    self->files[i] = -1;
}

void
gmp_file_parts_clear (GmpFileParts *self)
{
  for (int i = 0; i < GMP_FILE_PARTS_MAX; i++)
    if (self->files[i] != -1)
      close (self->files[i]);
}

/* Sets errno if there is no room. */
static gboolean
append (int           fd,
        const guint8 *data,
        gsize         size)
{
  struct stat status;

  if (fstat (fd, &status) != 0 || !gmp_limit_check_file_size ((guint64) status.st_size + size))
    return FALSE;
  while (size > 0)
    {
      gssize n = write (fd, data, size);

      if (n <= 0)
        return FALSE;
      data += n;
      size -= (gsize) n;
    }
  return TRUE;
}

/* Takes the next piece of the descriptor at @place. */
gboolean
gmp_file_parts_add (GmpFileParts *self,
                    guint         place,
                    GVariant     *bytes,
                    GError      **error)
{
  int code;

  if (place >= GMP_FILE_PARTS_MAX)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                           "it sent a part of a descriptor that no message has");
      return FALSE;
    }
  if (self->files[place] == -1)
    self->files[place] = memfd_create ("gmproc-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (self->files[place] != -1 &&
      append (self->files[place], g_variant_get_data (bytes), g_variant_get_size (bytes)))
    return TRUE;
  code = errno;
  g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "there is no room for what it sent: %s%s",
               g_strerror (code), gmp_limit_describe (code));
  return FALSE;
}

/* The message has arrived. Returns its descriptors, sealed; %NULL if it has none. */
GUnixFDList *
gmp_file_parts_take (GmpFileParts *self)
{
  int fds[GMP_FILE_PARTS_MAX];
  int n = 0;

  for (; n < GMP_FILE_PARTS_MAX && self->files[n] != -1; n++)
    {
      fcntl (self->files[n], F_ADD_SEALS, SEALS);
      fds[n] = self->files[n];
      self->files[n] = -1;
    }
  return n > 0 ? g_unix_fd_list_new_from_array (fds, n) : NULL;
}
