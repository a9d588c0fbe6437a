/* gmp-file-parts.c: contents of descriptors that come in pieces
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-file-parts-private.h"

#include "base/gmp-limit-private.h"

#include <fcntl.h>
#include <sys/mman.h>
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

/* Takes the next piece of the descriptor at @place. Returns why it cannot, or %NULL. */
const char *
gmp_file_parts_add (GmpFileParts *self,
                    guint         place,
                    GVariant     *bytes)
{
  const char *data = g_variant_get_data (bytes);
  gsize size = g_variant_get_size (bytes);

  if (place >= GMP_FILE_PARTS_MAX)
    return "it sent a part of a descriptor that no message has";
  if (self->files[place] == -1)
    self->files[place] = memfd_create ("gmproc-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (self->files[place] == -1 || !gmp_limit_check_file_size (size))
    return "there is no memory for what it sent";
  while (size > 0)
    {
      gssize n = write (self->files[place], data, size);

      if (n <= 0)
        return "there is no memory for what it sent";
      data += n;
      size -= n;
    }
  return NULL;
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
