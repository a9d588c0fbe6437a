/* rest.c: pauses of a long run, in which flat.py measures it
 *
 * A library with introspection data, so that all languages rest in the same way.
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "rest.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

/**
 * faults_is_due:
 * @n_rests: the number of rests
 * @i: the number of operations so far
 * @n: the number of all operations
 *
 * Returns: whether it is time for a rest
 */
gboolean
faults_is_due (int n_rests,
               int i,
               int n)
{
  return n_rests > 0 && n >= n_rests && i % (n / n_rests) == 0;
}

/**
 * faults_print_held:
 * @others: bytes that a language has allocated by other means
 *
 * Prints the bytes in use: @others, and those from malloc().
 */
void
faults_print_held (guint64 others)
{
  struct mallinfo2 info = mallinfo2 ();

  if (dprintf (STDOUT_FILENO, "holds %d %" G_GUINT64_FORMAT "\n", (int) getpid (),
               info.uordblks + info.hblkhd + others) < 0)
    _exit (1);
}

/**
 * faults_rest:
 * @folder: the folder of a fifo `go-ID`
 * @id: the id of the process
 *
 * Reports that the process rests, and returns when a byte has arrived.
 *
 * Returns: %FALSE if the script has closed the fifo
 */
gboolean
faults_rest (const char *folder,
             const char *id,
             GError    **error)
{
  g_autofree char *path = g_strdup_printf ("%s/go-%s", folder, id);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  char answer;
  gssize n;

  dprintf (STDOUT_FILENO, "rests %s %d\n", id, (int) getpid ());
  n = read (fd, &answer, 1);
  close (fd);
  if (n != 1)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "Nobody looks at %s any more", id);
  return n == 1;
}
