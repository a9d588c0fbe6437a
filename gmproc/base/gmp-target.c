/* gmp-target.c: targets: the code that a worker runs, as a string
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-target-private.h"

#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-module-private.h"
#include "base/gmp-runtime-private.h"

char *
gmp_target_get_runtime (const char *target,
                        GError    **error)
{
  const char *colon = strchr (target, ':');

  if (colon == NULL || colon == target || colon[1] == '\0' || !g_utf8_validate (target, -1, NULL))
    {
      g_autofree char *valid = g_utf8_make_valid (target, -1);

      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "'%s' is not a target: write it as RUNTIME:DESCRIPTION, as in "
                   "'native:libfoo.so:foo_client_get_type' or 'python:module:name'%s", valid,
                   g_str_equal (valid, target) ? ""
                   : ", and in UTF-8: another path as a URI, 'native:file:///lib%FF.so:name'");
      return NULL;
    }
  return g_strndup (target, colon - target);
}

/* A target is text. A path that is not valid text is written as a URI. The path of the program
 * itself is unknown (%NULL) without /proc. */
static char *
describe_path (const char *path)
{
  g_autofree char *absolute = NULL;

  if (path == NULL)
    return g_strdup ("");
  if (g_utf8_validate (path, -1, NULL))
    return g_strdup (path);
  absolute = g_canonicalize_filename (path, NULL);
  return g_filename_to_uri (absolute, NULL, NULL);
}

/* Address space randomisation gives each process other addresses, so a function travels as its
 * module and offset; the build id tells whether the other side has loaded the same file. */
char *
gmp_target_for_function (GmpMethod method,
                         GError  **error)
{
  g_autoptr (GmpModule) module = gmp_module_find_address ((gconstpointer) method);
  g_autofree char *path = NULL;

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
                   "'%s' has no build id, so another process could not verify that it loaded the "
                   "same file: link it with -Wl,--build-id", module->path);
      return NULL;
    }
  if (!gmp_runtime_check_program (module->path, error))
    return NULL;
  path = describe_path (module->path);
  return g_strdup_printf ("native:%s:" GMP_TARGET_OFFSET "0x%" G_GINTPTR_MODIFIER "x@%s",
                          path, (guintptr) method - module->base, module->build_id);
}

/* The interned targets of functions. Valid until a module is unloaded. */
G_LOCK_DEFINE_STATIC (known);
GMP_FORK_WAITS_FOR (known)
static GHashTable *known;
static guint64 n_unloads;

/* As gmp_target_for_function(), interned and remembered, for calls of a few microseconds. */
const char *
gmp_target_intern_function (GmpMethod method,
                            GError  **error)
{
  guint64 count = gmp_module_count_unloads ();
  g_autofree char *made = NULL;
  const char *target;

  G_LOCK (known);
  if (known == NULL)
    known = g_hash_table_new (NULL, NULL);
  if (count != n_unloads)
    g_hash_table_remove_all (known);
  n_unloads = count;
  target = g_hash_table_lookup (known, (gconstpointer) method);
  G_UNLOCK (known);
  if (target != NULL)
    return target;
  made = gmp_target_for_function (method, error);
  if (made == NULL)
    return NULL;
  target = g_intern_string (made);
  G_LOCK (known);
  g_hash_table_replace (known, (gpointer) method, (gpointer) target);
  G_UNLOCK (known);
  return target;
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
  g_autofree char *path = describe_path (module != NULL ? module->path : "");

  if (module != NULL && !gmp_runtime_check_program (module->path, error))
    return NULL;
  return g_strdup_printf ("native:%s:" GMP_TARGET_TYPE "%s",
                          path, g_type_name (type));
}

/* MODULE:NAME. MODULE is a path, which may have colons, or a file's URI; names have none. */
gboolean
gmp_target_parse_native (const char  *description,
                         char       **module,
                         const char **name,
                         GError     **error)
{
  const char *colon = strrchr (description, ':');

  if (colon == NULL || colon[1] == '\0')
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "'native:%s' is not a target: write it as native:MODULE:SYMBOL",
                   description);
      return FALSE;
    }
  *module = g_strndup (description, colon - description);
  *name = colon + 1;
  if (g_str_has_prefix (*module, "file:"))
    {
      char *path = g_filename_from_uri (*module, NULL, error);

      g_free (*module);
      *module = path;
    }
  return *module != NULL;
}

/* @place is the text behind "offset=": 0xADDR@BUILD_ID. */
gboolean
gmp_target_parse_offset (const char  *place,
                         guintptr    *offset,
                         const char **build_id)
{
  g_auto (GStrv) parts = g_strsplit (place, "@", 2);
  guint64 number;

  if (parts[0] == NULL || parts[1] == NULL || parts[1][0] == '\0' ||
      !g_str_has_prefix (parts[0], "0x") ||
      !g_ascii_string_to_unsigned (parts[0] + 2, 16, 0, ~(guintptr) 0, &number, NULL))
    return FALSE;
  *offset = (guintptr) number;
  *build_id = strchr (place, '@') + 1;
  return TRUE;
}

/* MyGObjectThing: my_gobject_thing_get_type; as GtkBuilder does, one word a run of capitals. */
char *
gmp_target_get_type_symbol (const char *type_name)
{
  GString *symbol = g_string_new (NULL);

  for (const char *c = type_name; *c != '\0'; c++)
    {
      gboolean starts_word = c > type_name && g_ascii_isupper (*c) &&
                             (!g_ascii_isupper (c[-1]) || g_ascii_islower (c[1]));

      if (starts_word && c[-1] != '_')
        g_string_append_c (symbol, '_');
      g_string_append_c (symbol, g_ascii_tolower (*c));
    }
  g_string_append (symbol, "_get_type");
  return g_string_free (symbol, FALSE);
}
