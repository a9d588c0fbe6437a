/* gmp-process-spec.c: a process that is wanted
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-spec-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-runtime-private.h"
#include "launch/gmp-search-paths-private.h"
#include "launch/gmp-surroundings-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The state that a process inherits, as reported by the kernel; from /proc/thread-self, because
 * some of it belongs to the thread. */
static const char *inherited[] = {
  "Umask:", "Uid:", "Gid:", "Groups:", "SigIgn:", "CapInh:", "CapPrm:", "CapEff:",
  "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:", "Cpus_allowed:",
  "Mems_allowed:",
};

/* The namespaces that a child is in. */
static const char *namespaces[] = {
  "cgroup", "ipc", "mnt", "net", "pid_for_children", "time_for_children", "user", "uts",
};

static void
append_strings (GString            *key,
                const char * const *strings)
{
  for (gsize i = 0; strings[i] != NULL; i++)
    {
      g_string_append (key, strings[i]);
      g_string_append_c (key, '\n');
    }
  g_string_append_c (key, '\n');
}

static void
append_environment (GString            *key,
                    const char * const *environment)
{
  for (; *environment != NULL; environment++)
    if (!gmp_environment_is_fleeting (*environment))
      g_string_append_printf (key, "%s\n", *environment);
  g_string_append_c (key, '\n');
}

static void
append_status (GString *key)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/thread-self/status", &text, NULL, NULL))
    return;
  for (char *line = text; *line != '\0';)
    {
      gsize length = strcspn (line, "\n");

      for (gsize i = 0; i < G_N_ELEMENTS (inherited); i++)
        if (g_str_has_prefix (line, inherited[i]))
          g_string_append_len (key, line, length + 1);
      line += length + (line[length] != '\0');
    }
}

/* "net:[4026531840]" for each. To follow these links takes more than twice as long as to read
 * them. */
static void
append_namespaces (GString *key)
{
  int folder = open ("/proc/thread-self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);

  for (gsize i = 0; folder != -1 && i < G_N_ELEMENTS (namespaces); i++)
    {
      char name[64];
      gssize length = readlinkat (folder, namespaces[i], name, sizeof name);

      g_string_append_len (key, name, MAX (length, 0));
      g_string_append_c (key, '\n');
    }
  if (folder != -1)
    close (folder);
}

/* The place of the process: its view of the system, and the groups whose limits apply to it. */
static void
append_place (GString *key)
{
  g_autofree char *groups = NULL;
  struct sched_param parameter = { 0 };
  struct stat root = { 0 };

  append_namespaces (key);
  stat ("/", &root);
  sched_getparam (0, &parameter);
  g_string_append_printf (key, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d %d %d\n",
                          (guint64) root.st_dev, (guint64) root.st_ino, getsid (0),
                          sched_getscheduler (0), parameter.sched_priority);
  if (g_file_get_contents ("/proc/thread-self/cgroup", &groups, NULL, NULL))
    g_string_append (key, groups);
}

static void
append_limits (GString *key)
{
  g_autofree char *oom_score = NULL;

  if (g_file_get_contents ("/proc/thread-self/oom_score_adj", &oom_score, NULL, NULL))
    g_string_append (key, oom_score);
  for (int resource = 0; resource < RLIM_NLIMITS; resource++)
    {
      struct rlimit limit = { 0, 0 };

      getrlimit (resource, &limit);
      g_string_append_printf (key, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
                              (guint64) limit.rlim_cur, (guint64) limit.rlim_max);
    }
  errno = 0;
  g_string_append_printf (key, "%d\n", getpriority (PRIO_PROCESS, 0));
}

static char *
make_server_key (GmpProcessSpec *self)
{
  GString *key = g_string_new (NULL);

  g_string_append_printf (key, "%s %u\n", self->runtime, self->inner_threads);
  append_strings (key, (const char * const *) self->argv);
  append_environment (key, (const char * const *) self->environment);
  if (self->options->fresh_modules != NULL)
    append_strings (key, (const char * const *) self->options->fresh_modules);
  append_status (key);
  append_place (key);
  append_limits (key);
  return g_string_free (key, FALSE);
}

static char *
make_spare_key (GmpProcessSpec *self)
{
  gsize length;
  g_autofree char *fleeting = gmp_environment_get_fleeting (self->environment, &length);
  struct stat output = { 0 };

  if (!self->options->capture_output)
    fstat (STDOUT_FILENO, &output);
  return g_strdup_printf ("%d %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d %s",
                          self->options->capture_output, self->working_directory,
                          (guint64) output.st_dev, (guint64) output.st_ino,
                          fcntl (STDOUT_FILENO, F_GETFL), fleeting);
}

/* For an agent, which decides which process can replace it. Environment and working directory are
 * those of this process, unless the options set them. */
GmpProcessSpec *
gmp_process_spec_new_elsewhere (const char         *runtime,
                                const char * const *argv,
                                GmpOptions         *options,
                                guint               inner_threads)
{
  GmpProcessSpec *self = g_new0 (GmpProcessSpec, 1);

  self->runtime = g_strdup (runtime);
  self->argv = g_strdupv ((char **) argv);
  self->options = gmp_options_ref (options);
  self->environment = gmp_options_to_environ (options);
  if (self->environment == NULL)
    self->environment = gmp_environment_copy ();
  self->working_directory = g_strdup (options->working_directory);
  if (self->working_directory == NULL)
    self->working_directory = gmp_surroundings_get_folder ();
  self->environment = gmp_search_paths_resolve (self->environment, self->working_directory,
                                                options->environment);
  self->inner_threads = inner_threads;
  return self;
}

/* The same, for this machine. */
GmpProcessSpec *
gmp_process_spec_new (const char         *runtime,
                      const char * const *argv,
                      GmpOptions         *options,
                      guint               inner_threads)
{
  GmpProcessSpec *self = gmp_process_spec_new_elsewhere (runtime, argv, options, inner_threads);

  self->server_key = make_server_key (self);
  self->spare_key = make_spare_key (self);
  return self;
}

/* FALSE if the folder for the process no longer exists: a process started ahead would not notice,
 * and an interpreter fails without a reason. */
gboolean
gmp_process_spec_check_folder (GmpProcessSpec *self,
                               GError        **error)
{
  const char *folder = self->options->working_directory;
  struct stat status;

  if (folder != NULL && stat (folder, &status) == 0)
    return TRUE;
  if (folder == NULL && self->working_directory != NULL)
    return TRUE;
  if (folder != NULL)
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                 "it cannot be started in the folder '%s' (working-directory): %s", folder,
                 g_strerror (errno));
  else
    g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                 "it cannot be started in the application's own working folder, which was deleted "
                 "or cannot be reached: change to another, or set working-directory");
  return FALSE;
}

void
gmp_process_spec_free (GmpProcessSpec *self)
{
  g_free (self->runtime);
  g_strfreev (self->argv);
  gmp_options_unref (self->options);
  g_strfreev (self->environment);
  g_free (self->working_directory);
  g_free (self->server_key);
  g_free (self->spare_key);
  g_free (self);
}
