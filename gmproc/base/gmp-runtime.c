/* gmp-runtime.c: which program runs the targets of a runtime
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-runtime-private.h"

#include "base/gmp-error.h"

G_LOCK_DEFINE_STATIC (commands);
static GHashTable *commands; /* of char ** by runtime; under the lock */

void
gmp_runtime_set_command (const char         *runtime,
                         const char * const *argv)
{
  G_LOCK (commands);
  if (commands == NULL)
    commands = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                      (GDestroyNotify) g_strfreev);
  g_hash_table_replace (commands, g_strdup (runtime), g_strdupv ((char **) argv));
  G_UNLOCK (commands);
}

char **
gmp_runtime_get_command (const char *runtime,
                         GError    **error)
{
  char **argv = NULL;

  G_LOCK (commands);
  if (commands != NULL)
    argv = g_strdupv (g_hash_table_lookup (commands, runtime));
  G_UNLOCK (commands);

  if (argv != NULL)
    return argv;
  if (g_str_equal (runtime, "native"))
    g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                         "gmp_init () was not called: call it first thing in main (), so that a "
                         "worker process, which is this same program, knows what it is");
  else
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "There is no runtime '%s' here", runtime);
  return NULL;
}
