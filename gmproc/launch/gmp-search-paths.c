/* gmp-search-paths.c: search paths for a worker in another folder
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-search-paths-private.h"

#include <stdlib.h>
#include <unistd.h>

/* Who has started the application with LD_LIBRARY_PATH=lib means the folder `lib` that is there,
 * and a worker needs the same libraries wherever it works. So what is relative in such variables
 * is so to the folder that the application was started in, and no other. */
static const char * const names[] = {
  "LD_LIBRARY_PATH",
  "GI_TYPELIB_PATH",
  "PYTHONPATH",
  "GJS_PATH",
};

static char *first_folder; /* (nullable) */

/* When the library is loaded: the program may go elsewhere later. */
__attribute__ ((constructor)) static void
note_first_folder (void)
{
  first_folder = getcwd (NULL, 0);
}

/* What begins with a dollar sign is for the dynamic linker to replace. */
static gboolean
is_relative (const char *path)
{
  return path[0] != '\0' && path[0] != '/' && path[0] != '$';
}

static char *
resolve (const char *paths)
{
  g_auto (GStrv) parts = g_strsplit (paths, ":", -1);

  for (char **part = parts; *part != NULL; part++)
    if (is_relative (*part))
      {
        char *path = g_build_filename (first_folder, *part, NULL);

        g_free (*part);
        *part = path;
      }
  return g_strjoinv (":", parts);
}

static gboolean
is_given (const char *name,
          char      **given)
{
  for (; given != NULL && *given != NULL; given++)
    if (g_str_has_prefix (*given, name) && (*given)[strlen (name)] == '=')
      return TRUE;
  return FALSE;
}

/* Takes @environment over, and returns it for a process that begins in @folder (nullable). What is
 * @given (nullable), as NAME=VALUE, is meant as it is. */
char **
gmp_search_paths_resolve (char      **environment,
                          const char *folder,
                          char      **given)
{
  if (first_folder == NULL || g_strcmp0 (folder, first_folder) == 0)
    return environment;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *paths = g_environ_getenv (environment, names[i]);
      g_autofree char *resolved = NULL;

      if (paths == NULL || is_given (names[i], given))
        continue;
      resolved = resolve (paths);
      environment = g_environ_setenv (environment, names[i], resolved, TRUE);
    }
  return environment;
}
