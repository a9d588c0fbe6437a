/* environment.c: the variables of workers on a node
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-agents.h"

/* The node has the first one only, the application the second one, and both the other two. */
static const char * const names[] = {
  TEST_AGENTS_NODE, "TEST_VARIABLE", "SLURM_TEST", "CUDA_VISIBLE_DEVICES", NULL,
};

static GVariant *
print_variables (GVariant *params G_GNUC_UNUSED,
                 GError  **error G_GNUC_UNUSED)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      const char *value = g_getenv (names[i]);

      g_string_append_printf (text, "%s ", value != NULL ? value : "-");
    }
  return g_variant_new_string (text->str);
}

static void
check (const char *expected)
{
  g_autoptr (GmpWorkers) workers = gmp_workers_new ();
  g_autoptr (GVariant) results = NULL;

  gmp_test_add_worker (workers, 1, print_variables, NULL);
  results = gmp_test_run (workers);
  gmp_test_check_int (results, 1, expected);
}

/* Workers have the application's environment as it is when they start. The agent, which is a child
 * of the application here, has it as it was at first. */
static void
test_changes (void)
{
  for (gsize i = 1; names[i] != NULL; i++)
    g_setenv (names[i], "first", TRUE);
  check ("'alpha first node 0 '");
  g_setenv (names[1], "second", TRUE);
  check ("'alpha second node 0 '");
  for (gsize i = 1; names[i] != NULL; i++)
    g_unsetenv (names[i]);
  check ("'alpha - node 0 '");
  g_setenv (names[1], "third", TRUE);
  check ("'alpha third node 0 '");
  g_unsetenv (names[1]);
}

/* Names are any bytes, as arguments and variables are. */
static void
test_strange_name (void)
{
  g_setenv ("GMPROC_LAUNCHER", "command:env TEST_CLUSTER_NODE=alpha SLURM_TEST=node "
            "CUDA_VISIBLE_DEVICES=0 OTHER={node} {agent}", TRUE);
  g_setenv ("GMPROC_NODES", "n\303\377", TRUE);
  check ("'alpha - node 0 '");
}

int
main (int    argc,
      char **argv)
{
  gmp_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  gmp_test_forgo_leak_check ();
  test_agents_init ("SLURM_TEST=node CUDA_VISIBLE_DEVICES=0");
  g_setenv ("GMPROC_NODES", "alpha", TRUE);
  test_agents_add ("/cluster/environment/changes", test_changes);
  test_agents_add ("/cluster/environment/strange-name", test_strange_name);
  return g_test_run ();
}
