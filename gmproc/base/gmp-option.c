/* gmp-option.c: an option of any type: its property and its field
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-option-private.h"

#include "base/gmp-enum-types.h"

GParamSpec *
gmp_option_make_param_spec (const GmpOption *self)
{
  const char *name = self->name;
  double number = self->number;
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  if ((self->flags & GMP_OPTION_CONSTRUCT_ONLY) != 0)
    flags |= G_PARAM_CONSTRUCT_ONLY;
  switch (self->type)
    {
    case G_TYPE_BOOLEAN:
      return g_param_spec_boolean (name, NULL, NULL, number != 0, flags);

    case G_TYPE_INT:
      return g_param_spec_int (name, NULL, NULL, (int) self->minimum, (int) self->maximum,
                               (int) number, flags);

    case G_TYPE_UINT:
      return g_param_spec_uint (name, NULL, NULL, (guint) self->minimum, (guint) self->maximum,
                                (guint) number, flags);

    case G_TYPE_UINT64:
      return g_param_spec_uint64 (name, NULL, NULL, 0, G_MAXUINT64, (guint64) number, flags);

    case G_TYPE_DOUBLE:
      return g_param_spec_double (name, NULL, NULL, self->minimum, self->maximum, number,
                                  flags);

    case G_TYPE_ENUM:
      return g_param_spec_enum (name, NULL, NULL, GMP_TYPE_RESTART, (int) number, flags);

    case G_TYPE_STRING:
      return g_param_spec_string (name, NULL, NULL, self->string, flags);

    default:
      return g_param_spec_boxed (name, NULL, NULL, G_TYPE_STRV, flags);
    }
}

void
gmp_option_read (const GmpOption *self,
                 gconstpointer    options,
                 GValue          *value)
{
  gpointer field = G_STRUCT_MEMBER_P (options, self->offset);

  switch (self->type)
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

    default:
      g_value_set_boxed (value, *(char ***) field);
    }
}

void
gmp_option_write (const GmpOption *self,
                  gpointer         options,
                  const GValue    *value)
{
  gpointer field = G_STRUCT_MEMBER_P (options, self->offset);

  switch (self->type)
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

    default:
      g_strfreev (*(char ***) field);
      *(char ***) field = g_value_dup_boxed (value);
    }
}

/* A value of the type that the option's property has. */
void
gmp_option_init_value (const GmpOption *self,
                       GValue          *value)
{
  if (self->type == G_TYPE_ENUM)
    g_value_init (value, GMP_TYPE_RESTART);
  else if (self->type == G_TYPE_BOXED)
    g_value_init (value, G_TYPE_STRV);
  else
    g_value_init (value, self->type);
}

/* %NULL for a value that means no limit. */
GVariant *
gmp_option_to_variant (const GmpOption *self,
                       gconstpointer    options)
{
  gpointer field = G_STRUCT_MEMBER_P (options, self->offset);

  switch (self->type)
    {
    case G_TYPE_BOOLEAN:
      return *(gboolean *) field ? g_variant_new_boolean (TRUE) : NULL;

    case G_TYPE_INT:
      return *(int *) field != 0 ? g_variant_new_int32 (*(int *) field) : NULL;

    case G_TYPE_UINT:
      return *(guint *) field > 0 ? g_variant_new_uint32 (*(guint *) field) : NULL;

    case G_TYPE_UINT64:
      return *(guint64 *) field > 0 ? g_variant_new_uint64 (*(guint64 *) field) : NULL;

    case G_TYPE_DOUBLE:
      return *(double *) field > 0 ? g_variant_new_double (*(double *) field) : NULL;

    case G_TYPE_ENUM:
      return g_variant_new_int32 (*(GmpRestart *) field);

    case G_TYPE_STRING:
      /* The worker refuses what is no text. */
      return *(char **) field != NULL
             ? g_variant_new_take_string (g_utf8_make_valid (*(char **) field, -1)) : NULL;

    default:
      g_assert_not_reached ();
    }
}
