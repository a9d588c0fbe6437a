/* gmp-surroundings.c: the inherited state of a process, which does not follow changes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-surroundings-private.h"

#include "base/gmp-environment-private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A kept process can replace a new one only if both have the same surroundings. */

/* A pool looks at each call, so a look has to be short. glibc never frees or changes a string of
 * the environment: a variable that is set has another one. Elsewhere the texts are compared. */
#ifdef __GLIBC__
#define KEEP(entry)         (entry)
#define IS_KEPT(kept, entry) ((kept) == (entry))
#define FREE                NULL
#else
#define KEEP(entry)         g_strdup (entry)
#define IS_KEPT(kept, entry) g_str_equal (kept, entry)
#define FREE                g_free
#endif

/* Returns the working directory; %NULL if it no longer exists. */
char *
gmp_surroundings_get_folder (void)
{
  /* Unlike g_get_current_dir() it does not trust $PWD. */
  char *path = getcwd (NULL, 0);
  char *copy = g_strdup (path);

  free (path);
  return copy;
}

static GPtrArray *
note_environment (gboolean with_fleeting)
{
  GPtrArray *result = g_ptr_array_new_with_free_func (FREE);

  for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
    if (with_fleeting || !gmp_environment_is_fleeting (*entry))
      g_ptr_array_add (result, KEEP (*entry));
  return result;
}

static gboolean
is_same (GPtrArray *kept,
         gboolean   with_fleeting)
{
  guint n = 0;

  for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
    {
      if (n < kept->len && IS_KEPT (kept->pdata[n], *entry))
        n++;
      else if (with_fleeting || !gmp_environment_is_fleeting (*entry))
        return FALSE;
    }
  return n == kept->len;
}

/* TRUE if standard output is another file than at the last look. */
static gboolean
look_at_output (GmpSurroundings *self)
{
  struct stat output = { 0 };
  gboolean has_changed;

  fstat (STDOUT_FILENO, &output);
  has_changed = output.st_dev != self->device || output.st_ino != self->inode;
  self->device = output.st_dev;
  self->inode = output.st_ino;
  return has_changed;
}

/* The first look. */
void
gmp_surroundings_init (GmpSurroundings *self)
{
  look_at_output (self);
  self->folder = gmp_surroundings_get_folder ();
  self->entries = note_environment (TRUE);
  self->lasting = note_environment (FALSE);
}

/* TRUE if working directory, environment or standard output have changed since the last look. */
gboolean
gmp_surroundings_look (GmpSurroundings *self)
{
  char path[PATH_MAX];
  const char *folder = getcwd (path, sizeof path);
  gboolean has_changed = look_at_output (self);

  if (g_strcmp0 (folder, self->folder) != 0)
    {
      g_free (self->folder);
      self->folder = g_strdup (folder);
      has_changed = TRUE;
    }
  if (is_same (self->entries, TRUE))
    return has_changed;
  has_changed |= !is_same (self->lasting, FALSE);
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->lasting);
  self->entries = note_environment (TRUE);
  self->lasting = note_environment (FALSE);
  return has_changed;
}

void
gmp_surroundings_clear (GmpSurroundings *self)
{
  g_free (self->folder);
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->lasting);
}

/* A text that differs if working directory, environment or standard output do. */
char *
gmp_surroundings_describe (void)
{
  GString *text = g_string_new (NULL);
  g_autofree char *folder = gmp_surroundings_get_folder ();
  struct stat output = { 0 };

  fstat (STDOUT_FILENO, &output);
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
    if (!gmp_environment_is_fleeting (*entry))
      g_string_append_printf (text, "%s\n", *entry);
  g_string_append_printf (text, "\n%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, folder,
                          (guint64) output.st_dev, (guint64) output.st_ino);
  return g_string_free (text, FALSE);
}
