/* gmp-environment.c: the variables GMPROC_*
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-environment-private.h"

#include "base/gmp-error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

G_LOCK_DEFINE_STATIC (names);

/* TRUE if the kernel has given this program more rights than its caller has (setuid, setgid, file
 * capabilities, a security module), whether or not it still has them. */
gboolean
gmp_environment_is_secure (void)
{
  return getauxval (AT_SECURE) != 0;
}

/* (nullable): as g_getenv(), but a variable that is empty is as one that is unset. */
const char *
gmp_environment_get (const char *name)
{
  const char *value = secure_getenv (name);

  return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Says once of the variable @name that its @value is ignored, and what is not. */
static void
report_ignored (const char *name,
                const char *value,
                const char *choices)
{
  static GHashTable *names;
  gboolean is_first;

  G_LOCK (names);
  if (names == NULL)
    names = g_hash_table_new (g_str_hash, g_str_equal);
  is_first = g_hash_table_add (names, (char *) name);
  G_UNLOCK (names);
  if (is_first)
    g_message ("The variable %s is ignored, because it is “%s”: use %s, or unset it", name, value,
               choices);
}

/* Whether the variable @name is @word. It may also be @other (nullable), which is the default. May
 * emit a message, so no lock is held. @name is static. */
gboolean
gmp_environment_is (const char *name,
                    const char *word,
                    const char *other)
{
  const char *value = gmp_environment_get (name);
  g_autofree char *choices = NULL;

  if (value == NULL || g_strcmp0 (value, other) == 0)
    return FALSE;
  if (g_str_equal (value, word))
    return TRUE;
  choices = other != NULL ? g_strdup_printf ("%s or %s", word, other) : g_strdup (word);
  report_ignored (name, value, choices);
  return FALSE;
}

/* The variable @name, or @otherwise if it is not set. As gmp_environment_is(). */
double
gmp_environment_get_seconds (const char *name,
                             double      minimum,
                             double      otherwise)
{
  const char *value = gmp_environment_get (name);
  g_autofree char *choices = NULL;
  char *end;
  double seconds;

  if (value == NULL)
    return otherwise;
  seconds = g_ascii_strtod (value, &end);
  if (*end == '\0' && seconds >= minimum)
    return MIN (seconds, 1e6);
  choices = g_strdup_printf ("a number of seconds, %g or more", minimum);
  report_ignored (name, value, choices);
  return otherwise;
}

/* That of this process; never %NULL, as GLib's is after clearenv(). */
char **
gmp_environment_copy (void)
{
  char **result = g_get_environ ();

  return result != NULL ? result : g_new0 (char *, 1);
}

/* The environment of a worker. The worker may not have more rights than its caller, and would then
 * read the variables that this program ignores. */
char **
gmp_environment_clean (char **environment)
{
  guint n = 0;

  if (!gmp_environment_is_secure ())
    return environment;
  for (char **entry = environment; *entry != NULL; entry++)
    if (g_str_has_prefix (*entry, "GMPROC_"))
      g_free (*entry);
    else
      environment[n++] = *entry;
  environment[n] = NULL;
  return environment;
}

/* The same decision as the kernel's when it executes a program. */
static gboolean
is_given_rights (const char *program)
{
  g_autofree char *path = g_find_program_in_path (program);
  struct stat status;

  if (getuid () != geteuid () || getgid () != getegid ())
    return TRUE;
  if (path == NULL || stat (path, &status) != 0)
    return FALSE;
  return ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid ()) ||
         ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
          status.st_gid != getgid ()) ||
         (getuid () != 0 && getxattr (path, "security.capability", NULL, 0) > 0);
}

/* TRUE if this program was started as a worker but cannot recognize that, because a security module
 * has given it rights that its application could not foresee. */
static gboolean
is_lost_worker (void)
{
  struct stat status;

  return gmp_environment_is_secure () && g_getenv (GMP_WORKER_ENV) != NULL &&
         fstat (GMP_WORKER_FD, &status) == 0 && S_ISSOCK (status.st_mode);
}

/* A worker recognizes itself by a variable. A program that must ignore it would continue as another
 * application, and start workers in turn. */
gboolean
gmp_environment_can_pass (const char *program,
                          GError    **error)
{
  if (!is_given_rights (program) && !is_lost_worker ())
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH,
               "Cannot start '%s' as a worker: it would have more rights than its caller (setuid, "
               "setgid or file capabilities; user %d, effective %d), and such a program reads no "
               "variable of gmproc. Give up the rights, or take them for good (setresuid ()), and "
               "use a program without them for the workers", program, (int) getuid (),
               (int) geteuid ());
  return FALSE;
}

static const char * const fleeting[] = {
  "PYTEST_CURRENT_TEST", /* pytest changes it three times a test */
};

static gboolean
is_of (const char *entry,
       const char *name)
{
  gsize length = strlen (name);

  return strncmp (entry, name, length) == 0 && entry[length] == '=';
}

/* @entry: NAME=VALUE */
gboolean
gmp_environment_is_fleeting (const char *entry)
{
  for (guint i = 0; i < G_N_ELEMENTS (fleeting); i++)
    if (is_of (entry, fleeting[i]))
      return TRUE;
  return FALSE;
}

/* The fleeting entries of @environment, each with a zero at its end; @length bytes. */
char *
gmp_environment_get_fleeting (char **environment,
                              gsize *length)
{
  GString *text = g_string_new (NULL);

  for (; environment != NULL && *environment != NULL; environment++)
    if (gmp_environment_is_fleeting (*environment))
      g_string_append_len (text, *environment, (gssize) strlen (*environment) + 1);
  *length = text->len;
  return g_string_free (text, FALSE);
}

/* Makes these entries the fleeting ones of this process, which has one thread. */
void
gmp_environment_set_fleeting (const char *text,
                              gsize       length)
{
  const char *end = text + length;

  for (guint i = 0; i < G_N_ELEMENTS (fleeting); i++)
    g_unsetenv (fleeting[i]);
  for (const char *entry = text; entry < end; entry += strlen (entry) + 1)
    for (guint i = 0; i < G_N_ELEMENTS (fleeting); i++)
      if (is_of (entry, fleeting[i]))
        g_setenv (fleeting[i], entry + strlen (fleeting[i]) + 1, TRUE);
}
