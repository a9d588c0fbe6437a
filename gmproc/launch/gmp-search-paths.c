/* gmp-search-paths.c: search paths for a worker in another folder
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-search-paths-private.h"

#include <stdlib.h>
#include <unistd.h>

/* A user who starts the application with LD_LIBRARY_PATH=lib means the folder `lib` there, and a
 * worker needs the same libraries in any folder. Relative entries of such variables are therefore
 * resolved against the application's initial working directory. */
static const char * const names[] = {
  "LD_LIBRARY_PATH",
  "GI_TYPELIB_PATH",
  "PYTHONPATH",
  "GJS_PATH",
};

static char *first_folder; /* (nullable) */

/* Read when the library is loaded, because the program may change its directory later. */
__attribute__ ((constructor)) static void
note_first_folder (void)
{
  first_folder = getcwd (NULL, 0);
}

/* The dynamic linker expands entries that begin with a dollar sign. */
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

/* Takes ownership of @environment, and returns it for a process that starts in @folder (nullable).
 * Variables in @given (nullable), as NAME=VALUE, are left alone. */
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
