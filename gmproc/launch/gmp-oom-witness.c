/* gmp-oom-witness.c: detects kills by the kernel for lack of memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-oom-witness-private.h"

#include "base/gmp-fork-private.h"

/* The sender of a SIGKILL is unknown, and reading the kernel's log needs privileges. But the kernel
 * counts, for each control group, the processes that it killed for lack of memory, and everyone may
 * read that. A kill since the worker started explains its death, and that of no other worker. */
G_LOCK_DEFINE_STATIC (known);
GMP_FORK_WAITS_FOR (known)
static GmpOomWitness own; /* under the lock, like the next: of this process; empty: not looked up
                             yet */
static char *explained_path; /* the count there up to then */
static guint64 explained_count;

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

/* A line of /proc/PID/cgroup is NUMBER:CONTROLLERS:PATH, without controllers for version 2. Inside
 * a container the path may be that of the host, which does not exist: then the mounted root is the
 * container's own group. */
static char *
find_in_group (const char *line,
               guint64    *count)
{
  g_auto (GStrv) fields = g_strsplit (line, ":", 3);
  gboolean is_first = g_strv_length (fields) == 3 && g_str_equal (fields[1], "memory");
  const char *root = is_first ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
  const char *file = is_first ? "memory.oom_control" : "memory.events";
  g_autofree char *within = NULL;
  g_autofree char *mounted = NULL;

  if (g_strv_length (fields) != 3 || (!is_first && fields[1][0] != '\0'))
    return NULL;
  within = g_build_filename (root, fields[2], file, NULL);
  if (read_count (within, count))
    return g_steal_pointer (&within);
  mounted = g_build_filename (root, file, NULL);
  return read_count (mounted, count) ? g_steal_pointer (&mounted) : NULL;
}

/* The groups of a process, 0 for this one; %NULL if it has ended, or the kernel does not report
 * them. */
static char *
read_groups (int pid)
{
  g_autofree char *path = pid != 0 ? g_strdup_printf ("/proc/%d/cgroup", pid)
                                   : g_strdup ("/proc/self/cgroup");
  char *groups = NULL;

  g_file_get_contents (path, &groups, NULL, NULL);
  return groups;
}

/* Without a control group for memory, and in the root of version 2, the count of the whole machine
 * is used. @groups is nullable. */
static char *
find_counter (const char *groups,
              guint64    *count)
{
  g_auto (GStrv) lines = g_strsplit (groups != NULL ? groups : "", "\n", 0);

  for (char **line = lines; *line != NULL; line++)
    {
      char *path = find_in_group (*line, count);

      if (path != NULL)
        return path;
    }
  return read_count ("/proc/vmstat", count) ? g_strdup ("/proc/vmstat") : NULL;
}

void
gmp_oom_witness_clear (GmpOomWitness *self)
{
  g_clear_pointer (&self->groups, g_free);
  g_clear_pointer (&self->path, g_free);
}

/* Takes ownership of @groups. */
static void
set_mark (GmpOomWitness *self,
          char          *groups)
{
  gmp_oom_witness_clear (self);
  self->groups = groups;
  self->count = 0;
  self->path = find_counter (groups, &self->count);
}

/* A new group may have the name of a removed one. Called under the lock. */
static void
check_explained (const GmpOomWitness *self)
{
  if (g_strcmp0 (self->path, explained_path) == 0 && self->count < explained_count)
    explained_count = self->count;
}

/* Call it before the worker is started, which will be in the group of this process. Finding
 * the group takes longer than reading its count, so it is repeated only when a worker has another
 * group; see the next function. */
void
gmp_oom_witness_begin (GmpOomWitness *self)
{
  G_LOCK (known);
  if (own.path == NULL || !read_count (own.path, &own.count))
    set_mark (&own, read_groups (0));
  check_explained (&own);
  gmp_oom_witness_clear (self);
  *self = (GmpOomWitness) { g_strdup (own.groups), g_strdup (own.path), own.count };
  G_UNLOCK (known);
}

/* The worker is @pid, and may have been moved to another group meanwhile, perhaps together with
 * this process. */
void
gmp_oom_witness_follow (GmpOomWitness *self,
                        int            pid)
{
  g_autofree char *groups = read_groups (pid);

  if (groups == NULL || g_strcmp0 (groups, self->groups) == 0)
    return;
  set_mark (self, g_steal_pointer (&groups));
  G_LOCK (known);
  check_explained (self);
  gmp_oom_witness_clear (&own);
  G_UNLOCK (known);
}

/* TRUE if there has been a kill since then that explains no other death. */
gboolean
gmp_oom_witness_explains (const GmpOomWitness *self)
{
  guint64 known = self->count;
  guint64 count = 0;
  gboolean result;

  if (self->path == NULL || !read_count (self->path, &count))
    return FALSE;
  G_LOCK (known);
  if (g_strcmp0 (self->path, explained_path) == 0)
    known = MAX (known, explained_count);
  result = count > known;
  if (result)
    {
      g_free (explained_path);
      explained_path = g_strdup (self->path);
      explained_count = known + 1;
    }
  G_UNLOCK (known);
  return result;
}
