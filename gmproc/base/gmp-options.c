/* gmp-options.c: how workers are started, limited and ended
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-options-private.h"

#include <errno.h>
#include <sys/resource.h>

GmpOptions *
gmp_options_new (void)
{
  GmpOptions *self = g_atomic_rc_box_new0 (GmpOptions);

  self->runtime = g_strdup ("native");
  self->warm_start = TRUE;
  self->value_size_limit = (guint64) 1 << 31;
  self->priority = GMP_PRIORITY_DEFAULT;
  self->startup_timeout = 60;
  self->stop_grace = 0.3;
  self->kill_grace = 0.3;
  self->max_restarts = 3;
  self->restart_period = 60;
  return self;
}

GmpOptions *
gmp_options_copy (const GmpOptions *self)
{
  GmpOptions *copy = g_atomic_rc_box_new0 (GmpOptions);

  *copy = *self;
  copy->runtime = g_strdup (self->runtime);
  copy->fresh_modules = g_strdupv (self->fresh_modules);
  copy->environment = g_strdupv (self->environment);
  copy->working_directory = g_strdup (self->working_directory);
  copy->affinity = g_strdup (self->affinity);
  return copy;
}

GmpOptions *
gmp_options_ref (GmpOptions *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  GmpOptions *self = data;

  g_free (self->runtime);
  g_strfreev (self->fresh_modules);
  g_strfreev (self->environment);
  g_free (self->working_directory);
  g_free (self->affinity);
}

void
gmp_options_unref (GmpOptions *self)
{
  g_atomic_rc_box_release_full (self, clear);
}

/* The environment of a worker that is started now; %NULL for this process's own. A word without a
 * value takes its variable out. */
char **
gmp_options_to_environ (const GmpOptions *self)
{
  char **result = NULL;

  if (self->environment == NULL)
    return NULL;
  result = g_get_environ ();
  for (char **word = self->environment; *word != NULL; word++)
    {
      const char *equals = strchr (*word, '=');
      g_autofree char *name = equals != NULL ? g_strndup (*word, equals - *word) : NULL;

      if (name != NULL)
        result = g_environ_setenv (result, name, equals + 1, TRUE);
      else
        result = g_environ_unsetenv (result, *word);
    }
  return result;
}

/* What a worker has to know of them, floating, as org.gmproc.Worker1.Run describes it. Niceness is
 * told as it should be in the end: a process that is kept must not become nicer with each run.
 * @is_last: no run follows in the same process. */
GVariant *
gmp_options_to_variant (const GmpOptions *self,
                        gboolean          is_last)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  if (self->memory_limit > 0)
    g_variant_dict_insert (&dict, "memory-limit", "t", self->memory_limit);
  if (self->cpu_time_limit > 0)
    g_variant_dict_insert (&dict, "cpu-time-limit", "d", self->cpu_time_limit);
  if (self->open_files_limit > 0)
    g_variant_dict_insert (&dict, "open-files-limit", "u", self->open_files_limit);
  if (self->value_size_limit > 0)
    g_variant_dict_insert (&dict, "value-size-limit", "t", self->value_size_limit);
  if (self->nice != 0)
    {
      errno = 0;
      g_variant_dict_insert (&dict, "nice", "i",
                             CLAMP (getpriority (PRIO_PROCESS, 0) + self->nice, -20, 19));
    }
  if (self->affinity != NULL)
    g_variant_dict_insert (&dict, "affinity", "s", self->affinity);
  if (self->request_timeout > 0)
    g_variant_dict_insert (&dict, "request-timeout", "d", self->request_timeout);
  if (self->resend_requests)
    g_variant_dict_insert (&dict, "resend-requests", "b", TRUE);
  if (is_last)
    g_variant_dict_insert (&dict, "last", "b", TRUE);
  g_variant_dict_insert (&dict, "runtime", "s", self->runtime);
  g_variant_dict_insert (&dict, "restart", "i", self->restart);
  return g_variant_dict_end (&dict);
}
