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

/* The fields, by the param specs of the properties that they belong to. */

static void
read_field (gpointer    field,
            GParamSpec *pspec,
            GValue     *value)
{
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, *(gboolean *) field);
      break;

    case G_TYPE_UINT:
      g_value_set_uint (value, *(guint *) field);
      break;

    case G_TYPE_INT:
      g_value_set_int (value, *(int *) field);
      break;

    case G_TYPE_UINT64:
      g_value_set_uint64 (value, *(guint64 *) field);
      break;

    case G_TYPE_DOUBLE:
      g_value_set_double (value, *(double *) field);
      break;

    case G_TYPE_ENUM:
      g_value_set_enum (value, *(GmpRestart *) field);
      break;

    case G_TYPE_STRING:
      g_value_set_string (value, *(char **) field);
      break;

    case G_TYPE_BOXED:
    default:
      g_value_set_boxed (value, *(char ***) field);
    }
}

static void
write_field (gpointer      field,
             GParamSpec   *pspec,
             const GValue *value)
{
  switch (G_TYPE_FUNDAMENTAL (pspec->value_type))
    {
    case G_TYPE_BOOLEAN:
      *(gboolean *) field = g_value_get_boolean (value);
      break;

    case G_TYPE_UINT:
      *(guint *) field = g_value_get_uint (value);
      break;

    case G_TYPE_INT:
      *(int *) field = g_value_get_int (value);
      break;

    case G_TYPE_UINT64:
      *(guint64 *) field = g_value_get_uint64 (value);
      break;

    case G_TYPE_DOUBLE:
      *(double *) field = g_value_get_double (value);
      break;

    case G_TYPE_ENUM:
      *(GmpRestart *) field = g_value_get_enum (value);
      break;

    case G_TYPE_STRING:
      g_free (*(char **) field);
      *(char **) field = g_value_dup_string (value);
      break;

    case G_TYPE_BOXED:
    default:
      g_strfreev (*(char ***) field);
      *(char ***) field = g_value_dup_boxed (value);
    }
}

static gboolean
is_same (GParamSpec   *pspec,
         const GValue *a,
         const GValue *b)
{
  const char * const *strv_a;
  const char * const *strv_b;

  if (!G_VALUE_HOLDS (a, G_TYPE_STRV))
    return g_param_values_cmp (pspec, a, b) == 0;
  strv_a = g_value_get_boxed (a);
  strv_b = g_value_get_boxed (b);
  return strv_a == strv_b || (strv_a != NULL && strv_b != NULL && g_strv_equal (strv_a, strv_b));
}

void
gmp_options_get_value (const GmpOptions *self,
                       gsize             offset,
                       GParamSpec       *pspec,
                       GValue           *value)
{
  read_field (G_STRUCT_MEMBER_P (self, offset), pspec, value);
}

/* %FALSE where the field has this value already. */
gboolean
gmp_options_set_value (GmpOptions   *self,
                       gsize         offset,
                       GParamSpec   *pspec,
                       const GValue *value)
{
  gpointer field = G_STRUCT_MEMBER_P (self, offset);
  g_auto (GValue) old = G_VALUE_INIT;

  g_value_init (&old, pspec->value_type);
  read_field (field, pspec, &old);
  if (is_same (pspec, &old, value))
    return FALSE;
  write_field (field, pspec, value);
  return TRUE;
}
