/* gmp-target.c: what a worker runs, as a string
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-target-private.h"

#include "base/gmp-error.h"
#include "base/gmp-module-private.h"
#include "base/gmp-runtime-private.h"

char *
gmp_target_get_runtime (const char *target,
                        GError    **error)
{
  const char *colon = strchr (target, ':');

  if (colon == NULL || colon == target || colon[1] == '\0')
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "'%s' is not a target: it should read RUNTIME:DESCRIPTION, as in "
                   "'native:libfoo.so:foo_client_get_type' or 'python:module:name'", target);
      return NULL;
    }
  return g_strndup (target, colon - target);
}

/* Address space randomisation gives each process other addresses, so a function travels as its
 * module and offset; the build id tells whether the other side has loaded the same file. */
char *
gmp_target_for_function (GmpMethod method,
                         GError  **error)
{
  g_autoptr (GmpModule) module = gmp_module_find_address ((gconstpointer) method);

  if (module == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "The function at %p is in no program or library (a closure made at run time?), "
                   "so another process cannot find it", (gpointer) method);
      return NULL;
    }
  if (module->build_id == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "'%s' has no build id, so another process could not tell whether it loaded the "
                   "same file: link it with -Wl,--build-id", module->path);
      return NULL;
    }
  if (!gmp_runtime_check_program (module->path, error))
    return NULL;
  return g_strdup_printf ("native:%s:" GMP_TARGET_OFFSET "0x%" G_GINTPTR_MODIFIER "x@%s",
                          module->path, (guintptr) method - module->base, module->build_id);
}

/* The module that registered @type, as far as its class shows: the first function in the class that
 * is not its parent's. */
static GmpModule *
find_module_of_type (GType type)
{
  g_autoptr (GTypeClass) klass = g_type_class_ref (type);
  GTypeClass *parent = g_type_class_peek_parent (klass);
  GTypeQuery query;
  GTypeQuery parent_query;

  g_type_query (type, &query);
  g_type_query (g_type_parent (type), &parent_query);
  for (guint i = sizeof (GTypeClass); i + sizeof (gpointer) <= query.class_size;
       i += sizeof (gpointer))
    {
      gpointer slot = G_STRUCT_MEMBER (gpointer, klass, i);

      if (i + sizeof (gpointer) <= parent_query.class_size &&
          slot == G_STRUCT_MEMBER (gpointer, parent, i))
        continue;
      if (gmp_module_is_code (slot))
        return gmp_module_find_address (slot);
    }
  return NULL;
}

char *
gmp_target_for_type (GType    type,
                     GError **error)
{
  g_autoptr (GmpModule) module = find_module_of_type (type);

  if (module != NULL && !gmp_runtime_check_program (module->path, error))
    return NULL;
  return g_strdup_printf ("native:%s:" GMP_TARGET_TYPE "%s",
                          module != NULL ? module->path : "", g_type_name (type));
}
