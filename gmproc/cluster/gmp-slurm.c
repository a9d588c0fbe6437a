/* gmp-slurm.c: the allocation of Slurm that this process is in
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-slurm-private.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 0 outside an allocation. */
guint
gmp_slurm_count_nodes (void)
{
  const char *count = g_getenv ("SLURM_JOB_NUM_NODES");
  guint64 n = 0;

  if (g_getenv ("SLURM_JOB_ID") == NULL || count == NULL ||
      !g_ascii_string_to_unsigned (count, 10, 1, G_MAXUINT16, &n, NULL))
    return 0;
  return (guint) n;
}

/* Those that it still has, or those that it began with if Slurm does not answer soon. An srun that
 * asks for a node which has been taken away waits forever. %NULL if they are not known.
 *
 * Only SIGKILL ends a command of this thread, which blocks all other signals. */
char **
gmp_slurm_list_nodes (void)
{
  static const char script[] =
    "nodes=$(timeout -s KILL 5 squeue --noheader --jobs=\"$SLURM_JOB_ID\" --format=%N)\n"
    "exec scontrol show hostnames \"${nodes:-$SLURM_JOB_NODELIST}\"\n";
  g_autoptr (GSubprocess) process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL,
                        "sh", "-c", script, NULL);
  g_autofree char *text = NULL;

  if (process == NULL ||
      !g_subprocess_communicate_utf8 (process, NULL, NULL, &text, NULL, NULL) ||
      g_strstrip (text)[0] == '\0')
    return NULL;
  return g_strsplit (text, "\n", -1);
}

/* Of all nodes; 0 if unknown. Slurm's format is for example 16(x3),8 for four nodes. */
guint
gmp_slurm_count_processors (void)
{
  const char *text = g_getenv ("SLURM_JOB_CPUS_PER_NODE");
  guint64 n = 0;

  while (text != NULL && g_ascii_isdigit (*text))
    {
      char *end;
      guint64 processors = g_ascii_strtoull (text, &end, 10);
      guint64 times = 1;

      if (g_str_has_prefix (end, "(x"))
        {
          times = g_ascii_strtoull (end + 2, &end, 10);
          end += *end == ')';
        }
      n += MIN (processors, G_MAXUINT16) * MIN (times, G_MAXUINT16);
      text = *end == ',' ? end + 1 : NULL;
    }
  return (guint) MIN (n, G_MAXINT);
}

/* Slurm ends a job that loses a node unless its allocation has --no-kill, and tells nobody whether
 * it has. So this looks at where users write it: the environment, the command line of salloc, which
 * is above this process, and the batch script. */

static gboolean
is_no_kill (const char *word)
{
  return g_str_equal (word, "-k") ||
         (g_str_has_prefix (word, "--no-kill") && !g_str_has_suffix (word, "=off"));
}

static gboolean
is_in_environment (void)
{
  return g_getenv ("SALLOC_NO_KILL") != NULL || g_getenv ("SBATCH_NO_KILL") != NULL;
}

/* 0 where there is none. */
static int
get_parent (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  const char *name_end;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  name_end = strrchr (text, ')');
  return name_end != NULL && strlen (name_end) > 4 ? atoi (name_end + 4) : 0;
}

/* TRUE if @pid is salloc, and then whether it has the option. */
static gboolean
is_salloc (int       pid,
           gboolean *has_option)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/cmdline", pid);
  g_autofree char *text = NULL;
  g_autofree char *name = NULL;
  gsize size = 0;

  if (!g_file_get_contents (path, &text, &size, NULL))
    return FALSE;
  name = g_path_get_basename (text);
  if (!g_str_equal (name, "salloc"))
    return FALSE;
  *has_option = FALSE;
  for (gsize i = 0; i < size; i += strlen (text + i) + 1)
    *has_option |= is_no_kill (text + i);
  return TRUE;
}

static gboolean
is_in_script (const char *script)
{
  g_auto (GStrv) lines = g_strsplit (script, "\n", 0);

  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) words = g_strsplit_set (*line, " \t", 0);

      for (char **word = words; g_str_has_prefix (*line, "#SBATCH") && *word != NULL; word++)
        if (is_no_kill (*word))
          return TRUE;
    }
  return FALSE;
}

static void
warn (const char *unless)
{
  g_message ("If a node fails, Slurm ends the whole job and this program with it, because the "
             "allocation does not have --no-kill%s", unless);
}

static void
script_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data G_GNUC_UNUSED)
{
  g_autofree char *script = NULL;

  /* It fails for a job that has no script. */
  if (g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), result, &script, NULL, NULL) &&
      g_subprocess_get_successful (G_SUBPROCESS (source)) && !is_in_script (script))
    warn (": its script does not say '#SBATCH --no-kill'. If sbatch was given that, set "
          "SBATCH_NO_KILL=1");
}

/* Logs a message if it does not have --no-kill, at once or from the thread-default main context. */
void
gmp_slurm_check_no_kill (void)
{
  g_autoptr (GSubprocess) process = NULL;
  gboolean has_option = FALSE;

  if (gmp_slurm_count_nodes () < 2 || is_in_environment ())
    return;
  for (int pid = getppid (); pid > 1; pid = get_parent (pid))
    if (is_salloc (pid, &has_option))
      {
        if (!has_option)
          warn (": call 'salloc --no-kill'");
        return;
      }
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                              NULL, "scontrol", "write", "batch_script", g_getenv ("SLURM_JOB_ID"),
                              "-", NULL);
  if (process != NULL)
    g_subprocess_communicate_utf8_async (process, NULL, NULL, script_cb, NULL);
}
