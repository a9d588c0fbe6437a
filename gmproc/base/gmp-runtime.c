/* gmp-runtime.c: which program runs the targets of a runtime
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-runtime-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-module-private.h"

#include <string.h>
#include <unistd.h>

/* A worker can report any number of names, and a fork server receives all of them in one
 * message. */
#define MAX_MODULE_BYTES 100000

G_LOCK_DEFINE_STATIC (commands);
GMP_FORK_WAITS_FOR (commands)
static GHashTable *commands; /* of char ** by runtime; under the lock */
static char *own_program;    /* (nullable): as gmp_init() found it; under the lock */
static GHashTable *modules;  /* of Modules by runtime; under the lock */

/* The default command for a runtime's targets. The variable replaces one word of the command: for a
 * build that is not installed, or another interpreter. */
static const struct {
  const char *runtime;
  const char *variable;
  guint place;
  const char *argv[4];
  const char *advice;
} defaults[] = {
  { "native", "GMPROC_NATIVE_HOST", 0, { GMP_LIBEXECDIR "/gmproc-native-host", NULL },
    " (it belongs to the library; GMPROC_NATIVE_HOST may name another place)" },
  { "python", "GMPROC_PYTHON", 0, { GMP_PYTHON, "-m", "gmproc.host", NULL },
    " (install python3, or name an interpreter that has the package gmproc in GMPROC_PYTHON)" },
  { "gjs", "GMPROC_GJS_HOST", 2, { "gjs", "-m", GMP_DATADIR "/gjs/host.js", NULL },
    " (install gjs)" },
};

static void
insert_locked (const char         *runtime,
               const char * const *argv)
{
  if (commands == NULL)
    commands = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                      (GDestroyNotify) g_strfreev);
  g_hash_table_replace (commands, g_strdup (runtime), g_strdupv ((char **) argv));
}

/**
 * gmp_runtime_set_command:
 * @runtime: a runtime's name, as targets begin with: "python"
 * @argv: (array zero-terminated=1): the program that runs its workers, and its arguments
 *
 * Sets the program that is started for workers of a runtime.
 *
 * That program makes a [class@Gmp.Host] and calls [method@Gmp.Host.run]. Language bindings call
 * this with the interpreter that the application runs in.
 *
 * Since: 0.1
 */
void
gmp_runtime_set_command (const char         *runtime,
                         const char * const *argv)
{
  g_return_if_fail (runtime != NULL);
  g_return_if_fail (argv != NULL && argv[0] != NULL);

  G_LOCK (commands);
  insert_locked (runtime, argv);
  G_UNLOCK (commands);
}

/* The modules that fork servers load. */
typedef struct {
  GPtrArray *names; /* with NULL at the end */
  GHashTable *known;
  gsize n_bytes;
  char *cold_start_reason; /* (nullable) */
} Modules;

static Modules *
get_modules_locked (const char *runtime)
{
  Modules *self;

  if (modules == NULL)
    modules = g_hash_table_new (g_str_hash, g_str_equal);
  self = g_hash_table_lookup (modules, runtime);
  if (self != NULL)
    return self;
  self = g_new0 (Modules, 1);
  self->names = g_ptr_array_new ();
  g_ptr_array_add (self->names, NULL);
  self->known = g_hash_table_new (g_str_hash, g_str_equal);
  g_hash_table_insert (modules, g_strdup (runtime), self);
  return self;
}

/**
 * gmp_runtime_add_modules:
 * @runtime: a runtime's name
 * @names: (array zero-terminated=1): names of modules, in the runtime's own terms, which are loaded
 *   in this order
 *
 * Adds modules that the fork server of a runtime loads before it forks: modules that workers will
 * need and can share. Modules that a worker reports by [method@Gmp.Host.report_modules] are added
 * as well. A name that is not UTF-8 is left out: each worker loads that module itself.
 *
 * Since: 0.1
 */
void
gmp_runtime_add_modules (const char         *runtime,
                         const char * const *names)
{
  Modules *self;

  g_return_if_fail (runtime != NULL);
  g_return_if_fail (names != NULL);

  G_LOCK (commands);
  self = get_modules_locked (runtime);
  for (gsize i = 0; names[i] != NULL; i++)
    {
      gsize length = strlen (names[i]);
      char *name;

      if (length >= MAX_MODULE_BYTES - self->n_bytes ||
          !g_utf8_validate_len (names[i], length, NULL) ||
          g_hash_table_contains (self->known, names[i]))
        continue;
      self->n_bytes += length + 1;
      name = g_strdup (names[i]);
      g_hash_table_add (self->known, name);
      g_ptr_array_insert (self->names, (int) self->names->len - 1, name);
    }
  G_UNLOCK (commands);
}

/* The added names, which only grow in number. */
char **
gmp_runtime_get_modules (const char *runtime)
{
  char **names;

  G_LOCK (commands);
  names = g_strdupv ((char **) get_modules_locked (runtime)->names->pdata);
  G_UNLOCK (commands);
  return names;
}

guint
gmp_runtime_count_modules (const char *runtime)
{
  guint n;

  G_LOCK (commands);
  n = get_modules_locked (runtime)->names->len - 1;
  G_UNLOCK (commands);
  return n;
}

/* @reason (nullable) */
void
gmp_runtime_set_cold_start_reason (const char *runtime,
                                   const char *reason)
{
  Modules *self;

  G_LOCK (commands);
  self = get_modules_locked (runtime);
  g_free (self->cold_start_reason);
  self->cold_start_reason = g_strdup (reason);
  G_UNLOCK (commands);
}

/**
 * gmp_runtime_get_cold_start_reason:
 * @runtime: a runtime's name: "native" or "python"
 *
 * Gets the reason why the last fork server of a runtime could not be used, so that each worker of
 * its kind starts cold. The reason is also logged when this happens for the second time.
 *
 * Returns: (transfer full) (nullable): the reason; %NULL if workers are forked, if there has been
 *   no second worker yet, or if [property@Gmp.Runner:warm-start] is %FALSE
 *
 * Since: 0.1
 */
char *
gmp_runtime_get_cold_start_reason (const char *runtime)
{
  char *reason;

  g_return_val_if_fail (runtime != NULL, NULL);

  G_LOCK (commands);
  reason = g_strdup (get_modules_locked (runtime)->cold_start_reason);
  G_UNLOCK (commands);
  return reason;
}

/* TRUE if the runtime's processes can be forked. GJS has threads from its first line; nothing is
 * known about other runtimes. */
gboolean
gmp_runtime_may_fork (const char *runtime)
{
  return g_str_equal (runtime, "native") || g_str_equal (runtime, "python");
}

/* This program has called gmp_init (), and so runs its own native workers. */
void
gmp_runtime_set_program (const char *path)
{
  const char *argv[] = { path, NULL };

  G_LOCK (commands);
  g_free (own_program);
  own_program = g_strdup (path);
  G_UNLOCK (commands);
  gmp_runtime_set_command ("native", argv);
}

/* TRUE if @path was this program and is no longer: it was deleted or replaced, or was only in
 * memory. /proc/self/exe is still the program. The text of that link is compared and not its
 * target, which is valgrind, or an emulator, if the program runs in one. */
gboolean
gmp_runtime_is_lost_program (const char *path)
{
  g_autofree char *program = NULL;
  gboolean is_own;

  G_LOCK (commands);
  is_own = g_strcmp0 (path, own_program) == 0;
  G_UNLOCK (commands);
  if (!is_own)
    return FALSE;
  program = g_file_read_link (GMP_OWN_PROGRAM, NULL);
  return program != NULL && (!g_str_equal (program, path) || access (path, F_OK) != 0);
}

static gboolean
knows_program (void)
{
  gboolean knows;

  G_LOCK (commands);
  knows = commands != NULL && g_hash_table_contains (commands, "native");
  G_UNLOCK (commands);
  return knows;
}

/* TRUE if the worker of @target runs this program again, instead of a host that comes with the
 * library. */
gboolean
gmp_runtime_is_program (const char *target)
{
  return g_str_has_prefix (target, "native:") && knows_program ();
}

/* Code of the program itself can run in workers only if the program calls gmp_init (). */
gboolean
gmp_runtime_check_program (const char *path,
                           GError    **error)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);

  if (program == NULL)
    {
      g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                           "/proc/self/exe cannot be read, which names the program that a worker "
                           "process runs: is /proc mounted?");
      return FALSE;
    }
  if (knows_program () || g_strcmp0 (path, program) != 0)
    return TRUE;
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                       "gmp_init () was not called: call it first thing in main (), so that a "
                       "worker process, which is this same program, knows what it is");
  return FALSE;
}

/* As in the dynamic linker, $ORIGIN is the folder of the library, which may be anywhere. */
static char *
expand_origin (const char *path)
{
  g_autofree char *folder = NULL;
  GmpModule *library;

  if (!g_str_has_prefix (path, "$ORIGIN/"))
    return g_strdup (path);
  library = gmp_module_find_address (expand_origin);
  folder = g_path_get_dirname (library->path);
  gmp_module_free (library);
  return g_build_filename (folder, path + strlen ("$ORIGIN/"), NULL);
}

static char **
get_default (const char *runtime)
{
  for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
    {
      char **argv;
      const char *word;

      if (!g_str_equal (defaults[i].runtime, runtime))
        continue;
      argv = g_strdupv ((char **) defaults[i].argv);
      word = gmp_environment_get (defaults[i].variable);
      g_free (argv[defaults[i].place]);
      argv[defaults[i].place] = word != NULL
                                  ? g_strdup (word)
                                  : expand_origin (defaults[i].argv[defaults[i].place]);
      return argv;
    }
  return NULL;
}

static const char *
get_advice (const char *runtime)
{
  for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
    if (g_str_equal (defaults[i].runtime, runtime))
      return defaults[i].advice;
  return "";
}

/* The command for a worker of @runtime, checked as far as it can be before it is started. */
char **
gmp_runtime_get_command (const char *runtime,
                         GError    **error)
{
  g_auto (GStrv) argv = NULL;
  g_autofree char *program = NULL;

  G_LOCK (commands);
  if (commands != NULL)
    argv = g_strdupv (g_hash_table_lookup (commands, runtime));
  G_UNLOCK (commands);

  if (argv == NULL)
    argv = get_default (runtime);
  if (argv == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
                   "Unknown runtime '%s': known are native, python, gjs, and those set by "
                   "gmp_runtime_set_command ()", runtime);
      return NULL;
    }
  program = g_find_program_in_path (argv[0]);
  if (program != NULL || gmp_runtime_is_lost_program (argv[0]))
    return g_steal_pointer (&argv);
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               "The program of runtime '%s', '%s', does not exist: it is not installed, or was "
               "replaced while this program ran%s", runtime, argv[0], get_advice (runtime));
  return NULL;
}
