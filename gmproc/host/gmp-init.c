/* gmp-init.c: the first call in main ()
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-init.h"

#include "base/gmp-runtime-private.h"
#include "host/gmp-native-host-private.h"

#include <stdlib.h>

static gboolean
set_program (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  if (program != NULL)
    gmp_runtime_set_program (program);
  return program != NULL;
}

/**
 * gmp_init:
 * @argc: (inout) (optional): the address of `main ()`'s argument count
 * @argv: (array length=argc) (inout) (nullable) (transfer none): the address of `main ()`'s
 *   arguments
 *
 * Prepares this program to have workers, and to be one.
 *
 * A worker process is this same program, started again. In a worker process this function runs the
 * worker and never returns. In the application it returns at once and may be called more than once.
 * Make it the first call in `main ()`, because code before it also runs in each worker. Only
 * `g_type_ensure ()` belongs before it, for types of workers whose `_get_type` function is not
 * exported.
 *
 * The arguments are left as they are; a worker gets no arguments.
 *
 * Since: 0.1
 */
void
gmp_init (int    *argc G_GNUC_UNUSED,
          char ***argv G_GNUC_UNUSED)
{
  /* A worker may have its own workers. */
  gboolean has_program = set_program ();

  if (gmp_host_is_worker ())
    {
      GmpHost *host = gmp_native_host_new ();
      int status = gmp_host_run (host);

      g_object_unref (host);
      exit (status);
    }
  if (!has_program)
    g_critical ("Cannot read /proc/self/exe, so workers cannot be started; is /proc mounted?");
}
