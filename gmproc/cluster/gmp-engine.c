/* gmp-engine.c: the commands that start agents on other machines
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-engine-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-processors-private.h"

#define LAUNCHER "GMPROC_LAUNCHER"
#define NODES    "GMPROC_NODES"

static void
command_free (gpointer data)
{
  GmpEngineCommand *command = data;

  g_strfreev (command->argv);
  g_free (command->name);
  g_free (command);
}

/* Takes @argv over. */
static void
add_command (GPtrArray  *commands,
             char      **argv,
             const char *name,
             int         node,
             guint       n_agents)
{
  GmpEngineCommand *command = g_new (GmpEngineCommand, 1);

  *command = (GmpEngineCommand) { argv, g_strdup (name), node, n_agents };
  g_ptr_array_add (commands, command);
}

/* command:WORDS, one command a node, in which {node} and {agent} are replaced. */

static char *
replace (const char *word,
         const char *node,
         const char *agent)
{
  g_autoptr (GString) text = g_string_new (word);

  g_string_replace (text, "{node}", node, 0);
  g_string_replace (text, "{agent}", agent, 0);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char **
replace_all (char      **words,
             const char *node,
             const char *agent)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (char **word = words; *word != NULL; word++)
    {
      g_autofree char *replaced = replace (*word, node, agent);

      g_strv_builder_add (builder, replaced);
    }
  return g_strv_builder_end (builder);
}

static char **
list_nodes (void)
{
  const char *list = gmp_environment_get (NODES);

  return g_strsplit_set (list != NULL ? list : "", ", \n\t", -1);
}

/* The nodes are not known yet: they are assumed to be like this one. */
static guint
count_command (void)
{
  g_auto (GStrv) nodes = list_nodes ();
  guint n = 0;

  for (char **node = nodes; *node != NULL; node++)
    n += **node != '\0';
  return n * gmp_processors_count ();
}

static gboolean
plan_command (const char *text,
              const char *agent,
              GPtrArray  *commands,
              GError    **error)
{
  g_auto (GStrv) nodes = list_nodes ();
  g_auto (GStrv) words = NULL;

  if (!g_shell_parse_argv (text, NULL, &words, error))
    {
      g_prefix_error (error, LAUNCHER "=command:%s: ", text);
      return FALSE;
    }
  for (char **node = nodes; *node != NULL; node++)
    if (**node != '\0')
      add_command (commands, replace_all (words, *node, agent), *node, (int) commands->len, 1);
  if (commands->len > 0)
    return TRUE;
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                       NODES " names no node: set it to the names of the machines, separated by "
                       "commas or spaces");
  return FALSE;
}

/* slurm: one step of the allocation that this process is in. */

static gboolean
plan_slurm (const char *text G_GNUC_UNUSED,
            const char *agent,
            GPtrArray  *commands,
            GError    **error)
{
  const char *job = g_getenv ("SLURM_JOB_ID");
  const char *count = g_getenv ("SLURM_JOB_NUM_NODES");
  guint64 n = 0;
  g_autofree char *nodes = NULL;
  g_autofree char *tasks = NULL;

  if (job == NULL || count == NULL ||
      !g_ascii_string_to_unsigned (count, 10, 1, G_MAXUINT16, &n, NULL))
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                           LAUNCHER "=slurm needs an allocation: start the program in a script "
                           "for sbatch, or under 'salloc -N NODES --no-kill'");
      return FALSE;
    }
  nodes = g_strdup_printf ("-N%u", (guint) n);
  tasks = g_strdup_printf ("-n%u", (guint) n);
  /* The step shares the job's processors and memory with others, stays when a node is lost, and
   * hands on standard input, by which agents learn their secret. */
  add_command (commands, g_strdupv ((char **) (const char *[]) {
    "srun", "--overlap", nodes, tasks, "--ntasks-per-node=1", "--cpu-bind=none", "--mem=0",
    "--no-kill", "--wait=0", "--kill-on-bad-exit=0", "--export=ALL", "--input=all", "--mpi=none",
    agent, NULL }), "srun", -1, (guint) n);
  return TRUE;
}

/* Slurm's format is for example 16(x3),8: the processors of four nodes. */
static guint
count_slurm (void)
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

static const struct {
  const char *prefix;
  gboolean has_text; /* after the prefix */
  gboolean (*plan) (const char *text,
                    const char *agent,
                    GPtrArray  *commands,
                    GError    **error);
  guint (*count_slots) (void);
} engines[] = {
  { "command:", TRUE, plan_command, count_command },
  { "slurm", FALSE, plan_slurm, count_slurm },
};

static const char *
get_wanted (void)
{
  const char *text = gmp_environment_get (LAUNCHER);

  return text != NULL && text[0] != '\0' && !g_str_equal (text, "local") ? text : NULL;
}

/* TRUE if workers run elsewhere. */
gboolean
gmp_engine_is_wanted (void)
{
  return get_wanted () != NULL;
}

/* -1 where GMPROC_LAUNCHER names none. */
static int
find_engine (const char *wanted)
{
  for (gsize i = 0; i < G_N_ELEMENTS (engines); i++)
    if (engines[i].has_text ? g_str_has_prefix (wanted, engines[i].prefix)
                            : g_str_equal (wanted, engines[i].prefix))
      return (int) i;
  return -1;
}

/* For how many workers there are processors, as far as that is known before any node is there. */
guint
gmp_engine_count_slots (void)
{
  const char *wanted = get_wanted ();
  int engine = wanted != NULL ? find_engine (wanted) : -1;
  guint n = engine != -1 ? engines[engine].count_slots () : 0;

  return n > 0 ? n : gmp_processors_count ();
}

/* Of GmpEngineCommand. @agent is the agent's program. */
GPtrArray *
gmp_engine_get_commands (const char *agent,
                         GError    **error)
{
  g_autoptr (GPtrArray) commands = g_ptr_array_new_with_free_func (command_free);
  const char *wanted = get_wanted ();
  int engine = find_engine (wanted);

  if (engine != -1)
    return engines[engine].plan (wanted + strlen (engines[engine].prefix), agent, commands, error)
           ? g_steal_pointer (&commands) : NULL;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               LAUNCHER "=%s: it is 'local', 'slurm', or 'command:' and a command such as "
               "'ssh {node} -- {agent}'", wanted);
  return NULL;
}
