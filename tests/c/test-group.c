/* test-group.c: a control group of a test's own
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-group.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024 * 1024)

const char * const test_group_memory_limits[2] = { "memory.limit_in_bytes", "memory.max" };

struct _TestGroup
{
  char *folder;
  char *own; /* the group to return to */
};

static gboolean
write_text (const char *folder,
            const char *name,
            const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean result = fd != -1 && write (fd, text, strlen (text)) == (gssize) strlen (text);

  if (fd != -1)
    close (fd);
  return result;
}

/* The group of this process, which is its line in /proc/self/cgroup after @label. In a container
 * that may be a path of the host; then the group mounted at @root is its own. */
static char *
find_own_group (const char *label,
                const char *root)
{
  g_autofree char *text = NULL;
  g_autofree char *path = NULL;
  const char *found = NULL;

  if (g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    found = strstr (text, label);
  if (found == NULL)
    return NULL;
  found += strlen (label);
  path = g_strndup (found, strcspn (found, "\n"));
  if (!g_str_equal (path, "/"))
    {
      g_autofree char *own = g_build_filename (root, path, NULL);

      if (g_file_test (own, G_FILE_TEST_IS_DIR))
        return g_steal_pointer (&own);
    }
  return g_strdup (root);
}

static void
clear (TestGroup *self)
{
  g_free (self->folder);
  g_free (self->own);
  g_free (self);
}

/* Creates a group with the limit @value, in the file of version 1 or 2 of control groups. It is
 * a sibling of this process's group, because the owner of a desktop session may create one there
 * too. Or skips the test, and returns %NULL. */
TestGroup *
test_group_new (const char         *controller,
                const char * const  limits[2],
                const char         *value)
{
  g_autofree char *label = g_strdup_printf (":%s:", controller);
  g_autofree char *root = g_build_filename ("/sys/fs/cgroup", controller, NULL);
  const char *labels[] = { label, "0::" };
  const char *roots[] = { root, "/sys/fs/cgroup" };

  for (gsize i = 0; i < G_N_ELEMENTS (labels) && !gmp_test_is_stretched (); i++)
    {
      TestGroup *self = g_new0 (TestGroup, 1);
      g_autofree char *parent = NULL;

      self->own = find_own_group (labels[i], roots[i]);
      if (self->own != NULL)
        {
          parent = g_str_equal (self->own, roots[i]) ? g_strdup (self->own)
                                                     : g_path_get_dirname (self->own);
          self->folder = g_strdup_printf ("%s/gmproc-test-%d", parent, getpid ());
          if (g_mkdir (self->folder, 0700) == 0)
            {
              /* Only entering the group shows whether that is allowed. */
              if (write_text (self->folder, limits[i], value) &&
                  write_text (self->folder, "cgroup.procs", "0") &&
                  write_text (self->own, "cgroup.procs", "0"))
                return self;
              g_rmdir (self->folder);
            }
        }
      clear (self);
    }
  g_test_skip ("This takes the right to make a control group, and no valgrind");
  return NULL;
}

void
test_group_free (TestGroup *self)
{
  g_assert_true (write_text (self->own, "cgroup.procs", "0"));
  g_assert_no_errno (g_rmdir (self->folder));
  clear (self);
}

void
test_group_enter (TestGroup *self)
{
  g_assert_true (write_text (self->folder, "cgroup.procs", "0"));
}

const char *
test_group_get_folder (TestGroup *self)
{
  return self->folder;
}

/* Allocates memory until the kernel has no more. */
GVariant *
test_group_devour (GVariant *params G_GNUC_UNUSED,
                   GError  **error G_GNUC_UNUSED)
{
  for (;;)
    {
      volatile char *block = g_malloc (MIB);

      for (gsize i = 0; i < MIB; i += 4096)
        block[i] = 1;
    }
  return NULL;
}

GVariant *
test_group_kill_self (GVariant *params G_GNUC_UNUSED,
                      GError  **error G_GNUC_UNUSED)
{
  raise (SIGKILL);
  return NULL;
}
