/* gmp-engine.c: the commands that start agents on other machines
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "cluster/gmp-engine-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-processors-private.h"
#include "cluster/gmp-slurm-private.h"

#define LAUNCHER "GMPROC_LAUNCHER"
#define NODES    "GMPROC_NODES"

static void
command_free (gpointer data)
{
  GmpEngineCommand *command = data;

  g_strfreev (command->argv);
  g_strfreev (command->nodes);
  g_free (command->name);
  g_free (command);
}

/* Takes ownership of @argv. */
static GmpEngineCommand *
add_command (GPtrArray  *commands,
             char      **argv,
             const char *name,
             int         node,
             guint       n_agents)
{
  GmpEngineCommand *command = g_new (GmpEngineCommand, 1);

  /* The name becomes part of messages. */
  *command = (GmpEngineCommand) { argv, g_utf8_make_valid (name, -1), node, n_agents, NULL };
  g_ptr_array_add (commands, command);
  return command;
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
split_command (const char *text,
               char     ***words,
               GError    **error)
{
  if (g_shell_parse_argv (text, NULL, words, error))
    return TRUE;
  g_prefix_error (error, "The launcher 'command:%s' has no valid command: ", text);
  return FALSE;
}

static gboolean
plan_command (const char *text,
              const char *agent,
              GPtrArray  *commands,
              GError    **error)
{
  g_auto (GStrv) nodes = list_nodes ();
  g_auto (GStrv) words = NULL;

  if (!split_command (text, &words, error))
    return FALSE;
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

/* The step shares the job's processors and memory with others, stays when a node is lost, and hands
 * on standard input, by which agents learn their secret. */
static char **
make_step (guint       n,
           const char *node, /* (nullable): any */
           const char *agent)
{
  static const char *options[] = {
    "--overlap", "--ntasks-per-node=1", "--cpu-bind=none", "--mem=0", "--no-kill", "--wait=0",
    "--kill-on-bad-exit=0", "--export=ALL", "--input=all", "--mpi=none", NULL,
  };
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *nodes = g_strdup_printf ("-N%u", n);
  g_autofree char *tasks = g_strdup_printf ("-n%u", n);

  g_strv_builder_add_many (builder, "srun", nodes, tasks, NULL);
  g_strv_builder_addv (builder, options);
  if (node != NULL)
    g_strv_builder_add_many (builder, "-w", node, NULL);
  g_strv_builder_add (builder, agent);
  return g_strv_builder_end (builder);
}

static gboolean
plan_slurm (const char *text G_GNUC_UNUSED,
            const char *agent,
            GPtrArray  *commands,
            GError    **error)
{
  guint n = gmp_slurm_count_nodes ();
  GmpEngineCommand *command;
  char **nodes;

  if (n == 0)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                           "The launcher 'slurm' needs an allocation: start the program in a "
                           "script for sbatch, or under 'salloc -N NODES --no-kill'");
      return FALSE;
    }
  nodes = gmp_slurm_list_nodes ();
  if (nodes != NULL)
    n = g_strv_length (nodes);
  command = add_command (commands, make_step (n, NULL, agent), "srun", -1, n);
  command->nodes = nodes;
  gmp_slurm_check_no_kill ();
  return TRUE;
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
  { "slurm", FALSE, plan_slurm, gmp_slurm_count_processors },
};

/* The launcher of an object whose property is @launcher (nullable); %NULL if its workers run on
 * this machine. */
const char *
gmp_engine_choose (const char *launcher)
{
  const char *text = launcher != NULL ? launcher : gmp_environment_get (LAUNCHER);

  return text != NULL && text[0] != '\0' && !g_str_equal (text, "local") ? text : NULL;
}

/* -1 if @wanted names none. */
static int
find_engine (const char *wanted)
{
  for (gsize i = 0; i < G_N_ELEMENTS (engines); i++)
    if (engines[i].has_text ? g_str_has_prefix (wanted, engines[i].prefix)
                            : g_str_equal (wanted, engines[i].prefix))
      return (int) i;
  return -1;
}

static void
set_unknown (const char *wanted,
             GError    **error)
{
  g_autofree char *valid = g_utf8_make_valid (wanted, -1);

  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               "The launcher '%s' is unknown: set the property launcher, or " LAUNCHER ", to "
               "'local', 'slurm', or 'command:' and a command such as 'ssh {node} -- {agent}'",
               valid);
}

/* Whether @launcher can be that of an object. Whether there are nodes is known at a start only. */
gboolean
gmp_engine_check (const char *launcher,
                  GError    **error)
{
  const char *wanted = gmp_engine_choose (launcher);
  int engine = wanted != NULL ? find_engine (wanted) : -1;
  g_auto (GStrv) words = NULL;

  if (wanted != NULL && engine == -1)
    {
      set_unknown (wanted, error);
      return FALSE;
    }
  return engine == -1 || !engines[engine].has_text ||
         split_command (wanted + strlen (engines[engine].prefix), &words, error);
}

/* For how many workers there are processors, as far as that is known before any node is there. */
guint
gmp_engine_count_slots (const char *launcher)
{
  const char *wanted = gmp_engine_choose (launcher);
  int engine = wanted != NULL ? find_engine (wanted) : -1;
  guint n = engine != -1 ? engines[engine].count_slots () : 0;

  return n > 0 ? n : gmp_processors_count ();
}

/* Of GmpEngineCommand. @wanted is what gmp_engine_choose() returned, @agent the agent's program. */
GPtrArray *
gmp_engine_get_commands (const char *wanted,
                         const char *agent,
                         GError    **error)
{
  g_autoptr (GPtrArray) commands = g_ptr_array_new_with_free_func (command_free);
  int engine = find_engine (wanted);

  if (engine != -1)
    return engines[engine].plan (wanted + strlen (engines[engine].prefix), agent, commands, error)
           ? g_steal_pointer (&commands) : NULL;
  set_unknown (wanted, error);
  return NULL;
}

/* A step that cannot begin on one of its nodes begins on none. These commands do the same, each for
 * one of the nodes. %NULL if @command is for one already.
 *
 * That is all of them, also if agents of some have come: a step ends with its last agent, or Slurm
 * ends them, because its srun has died. */
GPtrArray *
gmp_engine_divide (const GmpEngineCommand *command,
                   const char             *agent)
{
  GPtrArray *commands;

  if (command->nodes == NULL)
    return NULL;
  commands = g_ptr_array_new_with_free_func (command_free);
  for (char **node = command->nodes; *node != NULL; node++)
    add_command (commands, make_step (1, *node, agent), *node, (int) commands->len, 1);
  return commands;
}
