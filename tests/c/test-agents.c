/* test-agents.c: two nodes, which are agents on this machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-agents.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The time limit of a case, in seconds. */
#define CASE_LIMIT 30

/* A zombie counts as ended, because pid 1 of a container may not wait for it. */
static gboolean
has_ended (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  const char *name_end;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return TRUE;
  name_end = strrchr (text, ')');
  return name_end != NULL && g_str_has_prefix (name_end, ") Z");
}

/* Agents are children of this process, by name. */
GArray *
test_agents_find (void)
{
  GArray *pids = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;

  while ((task = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/children", task);
      g_autofree char *text = NULL;
      g_auto (GStrv) words = NULL;

      g_file_get_contents (path, &text, NULL, NULL);
      words = g_strsplit (text != NULL ? text : "", " ", -1);
      for (char **word = words; *word != NULL; word++)
        {
          g_autofree char *comm_path = g_strdup_printf ("/proc/%s/comm", *word);
          g_autofree char *comm = NULL;
          int pid = atoi (*word);

          if (pid > 0 && g_file_get_contents (comm_path, &comm, NULL, NULL) &&
              g_str_has_prefix (comm, "gmproc-agent") && !has_ended (pid))
            g_array_append_val (pids, pid);
        }
    }
  return pids;
}

/* The agent that has started the process @pid, or its fork server; 0 if there is none. */
int
test_agents_find_above (int pid)
{
  g_autoptr (GArray) agents = test_agents_find ();

  while (pid > 1)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
      g_autofree char *text = NULL;
      const char *name_end;

      for (guint i = 0; i < agents->len; i++)
        if (g_array_index (agents, int, i) == pid)
          return pid;
      if (!g_file_get_contents (path, &text, NULL, NULL))
        return 0;
      name_end = strrchr (text, ')');
      pid = name_end != NULL && strlen (name_end) > 4 ? atoi (name_end + 4) : 0;
    }
  return 0;
}

void
test_agents_await_end (int pid)
{
  while (!has_ended (pid))
    g_usleep (1000);
}

/* Waits until no agent is left, so that the next run has new ones. */
void
test_agents_end (void)
{
  g_autoptr (GArray) agents = test_agents_find ();

  for (guint i = 0; i < agents->len; i++)
    kill (g_array_index (agents, int, i), SIGTERM);
  for (guint i = 0; i < agents->len; i++)
    test_agents_await_end (g_array_index (agents, int, i));
}

static void
watchdog_cb (int signum G_GNUC_UNUSED)
{
  static const char text[] = "# A case waits for ever\n";
  gssize n = write (STDERR_FILENO, text, sizeof text - 1);

  (void) n;
  abort ();
}

typedef void (*Case) (void);

/* Valgrind and sanitizers take longer. */
static guint
stretch (guint seconds)
{
  const char *text = g_getenv ("GMP_TEST_TIMEOUT_MULTIPLIER");

  return seconds * (text != NULL ? MAX (atoi (text), 1) : 1);
}

/* For a process that a case has forked; cases have it. */
void
test_agents_limit (void)
{
  alarm (stretch (CASE_LIMIT));
}

static void
run_case (gconstpointer data)
{
  test_agents_limit ();
  ((Case) data) ();
}

void
test_agents_add (const char *path,
                 void      (*func) (void))
{
  g_test_add_data_func (path, func, run_case);
}

/* Call it after g_test_init(). @environment has further variables for the agents, as arguments
 * of env. */
void
test_agents_init (const char *environment)
{
  g_autofree char *launcher =
      g_strdup_printf ("command:env " TEST_AGENTS_NODE "={node} SLURM_CPUS_ON_NODE=2 %s {agent}",
                       environment);

  signal (SIGALRM, watchdog_cb);
  g_setenv ("GMPROC_LAUNCHER", launcher, TRUE);
  g_setenv ("GMPROC_NODES", "alpha, beta", TRUE);
  g_unsetenv ("GMPROC_NODE_TIMEOUT");
  /* Ignores the variables of an allocation that the test itself may run in. */
  g_unsetenv ("SLURM_JOB_ID");
}

/* What the library has logged, in any thread. */
static GMutex lock;
static GCond cond;
static GString *logged;

static void
log_cb (const char     *domain G_GNUC_UNUSED,
        GLogLevelFlags  level G_GNUC_UNUSED,
        const char     *message,
        gpointer        user_data G_GNUC_UNUSED)
{
  g_mutex_lock (&lock);
  g_string_append_printf (logged, "%s\n", message);
  g_cond_broadcast (&cond);
  g_mutex_unlock (&lock);
}

/* From now on messages and warnings of the library are kept for test_agents_await_log(). */
void
test_agents_take_log (void)
{
  logged = g_string_new (NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_handler ("gmproc", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE, log_cb, NULL);
}

/* Waits until these words are logged, and forgets what was. */
void
test_agents_await_log (const char *words)
{
  g_mutex_lock (&lock);
  while (strstr (logged->str, words) == NULL)
    g_cond_wait (&cond, &lock);
  g_string_truncate (logged, 0);
  g_mutex_unlock (&lock);
}
