/* gmp-oom.c: whether the kernel kills processes for lack of memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-oom-private.h"

/* A SIGKILL does not say who sent it, and the kernel's log is not for everybody. But the kernel
 * counts, for each control group, the processes that it killed for lack of memory, and everybody
 * may read that for his own. Each of these kills explains one death. */
G_LOCK_DEFINE_STATIC (oom);
static gboolean has_begun; /* under the lock, as the next */
static guint64 n_explained;
static char *groups; /* whose count that is: in another the process was not, so all of it is news */

/* The value behind "oom_kill " in a file that has one word and a number a line. */
static gboolean
read_count (const char *path,
            guint64    *count)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  lines = g_strsplit (text, "\n", 0);
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "oom_kill "))
      return g_ascii_string_to_unsigned (*line + strlen ("oom_kill "), 10, 0, G_MAXUINT64, count,
                                         NULL);
  return FALSE;
}

/* A line of /proc/self/cgroup is NUMBER:CONTROLLERS:PATH, without controllers for version 2. Inside
 * a container the path may be that of the host, which is not there: then the root of what is
 * mounted is the container's own. */
static gboolean
read_group (const char *line,
            guint64    *count)
{
  g_auto (GStrv) fields = g_strsplit (line, ":", 3);
  gboolean is_first = g_strv_length (fields) == 3 && g_str_equal (fields[1], "memory");
  const char *root = is_first ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
  const char *file = is_first ? "memory.oom_control" : "memory.events";
  g_autofree char *own = NULL;
  g_autofree char *mounted = NULL;

  if (g_strv_length (fields) != 3 || (!is_first && fields[1][0] != '\0'))
    return FALSE;
  own = g_build_filename (root, fields[2], file, NULL);
  mounted = g_build_filename (root, file, NULL);
  return read_count (own, count) || read_count (mounted, count);
}

/* Without a control group for memory, what the whole machine counts. */
static guint64
get_count (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint64 count = 0;

  if (g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    lines = g_strsplit (text, "\n", 0);
  for (char **line = lines; line != NULL && *line != NULL; line++)
    if (read_group (*line, &count))
      return count;
  read_count ("/proc/vmstat", &count);
  return count;
}

static char *
get_groups (void)
{
  char *text = NULL;

  g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL);
  return text;
}

/* Before the first worker is started. */
void
gmp_oom_begin (void)
{
  G_LOCK (oom);
  if (!has_begun)
    {
      n_explained = get_count ();
      groups = get_groups ();
    }
  has_begun = TRUE;
  G_UNLOCK (oom);
}

/* Whether there has been a kill that no earlier call has been told of. */
gboolean
gmp_oom_explains (void)
{
  g_autofree char *now = get_groups ();
  gboolean result;

  G_LOCK (oom);
  if (g_strcmp0 (now, groups) != 0)
    {
      n_explained = 0;
      g_free (groups);
      groups = g_steal_pointer (&now);
    }
  result = get_count () > n_explained;
  if (result)
    n_explained++;
  G_UNLOCK (oom);
  return result;
}
