/* replay.c: runs a fuzz target on the files of its corpus, as a test
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In seconds: for one file, or until all descriptors are closed. */
#define LIMIT 60

static char running[512];

static void
end_cb (int signum)
{
  gssize n = write (STDERR_FILENO, running, strlen (running));

  (void) n;
  signal (SIGABRT, SIG_DFL);
  if (signum != SIGABRT)
    abort ();
}

static guint
count_files (void)
{
  g_autoptr (GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (folder) != NULL)
    n++;
  return n;
}

static void
run_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize size;

  g_file_get_contents (path, &text, &size, &error);
  g_assert_no_error (error);
  /* If an input aborts, its name must be known. */
  g_snprintf (running, sizeof running, "# ends at %s\n", path);
  alarm (LIMIT);
  LLVMFuzzerTestOneInput ((const guint8 *) text, size);
  alarm (0);
}

static int
compare (gconstpointer a,
         gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

static GPtrArray *
list_corpus (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) folder = g_dir_open (path, 0, &error);
  GPtrArray *files = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (folder)) != NULL)
    g_ptr_array_add (files, g_build_filename (path, name, NULL));
  g_ptr_array_sort (files, compare);
  return files;
}

/* Usage: NAME CORPUS, a folder. */
int
main (int    argc,
      char **argv)
{
  struct sigaction action = { .sa_handler = end_cb };
  g_autoptr (GPtrArray) files = NULL;
  guint n_open;

  g_assert_cmpint (argc, ==, 2);
  sigaction (SIGALRM, &action, NULL);
  sigaction (SIGABRT, &action, NULL);
  LLVMFuzzerInitialize (&argc, &argv);
  files = list_corpus (argv[1]);
  g_assert_cmpuint (files->len, >, 0);

  /* Twice: what GLib opens only once is open after the first time. */
  for (guint i = 0; i < files->len; i++)
    run_file (files->pdata[i]);
  n_open = count_files ();
  for (guint i = 0; i < files->len; i++)
    run_file (files->pdata[i]);
  /* GDBus closes its descriptors in its own thread, without a notification. */
  alarm (LIMIT);
  while (count_files () > n_open)
    g_usleep (500);
  printf ("%u inputs\n", files->len);
  return 0;
}
