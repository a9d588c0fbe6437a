/* gmp-native-host.c: finds functions and types of this process's modules
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-native-host-private.h"

#include "base/gmp-error.h"
#include "base/gmp-module-private.h"
#include "base/gmp-target-private.h"

#include <gmodule.h>

struct _GmpNativeHost
{
  GmpHost parent_instance;

  char *description; /* (nullable): the last function that was called, because a pool often calls
                        only one */
  GmpMethod method;
};

G_DEFINE_FINAL_TYPE (GmpNativeHost, gmp_native_host, GMP_TYPE_HOST)

/* Modules are never unloaded: their code and types are in use until the process ends. */
static GModule *
open_module (const char *path)
{
  GModule *module = g_module_open (path[0] != '\0' ? path : NULL, G_MODULE_BIND_LAZY);

  if (module != NULL)
    g_module_make_resident (module);
  return module;
}

/* Searches first all loaded modules, then the module itself. */
static gpointer
find_symbol (const char *path,
             const char *name,
             GError    **error)
{
  GModule *program = path[0] == '\0' ? open_module ("") : NULL;
  GModule *module = path[0] != '\0' ? open_module (path) : program;
  gpointer symbol = NULL;

  if (module != NULL && g_module_symbol (module, name, &symbol) && symbol != NULL)
    return symbol;
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "There is no function '%s' in '%s': %s", name,
               path[0] != '\0' ? path : "the program", g_module_error ());
  return NULL;
}

/* @place is the text behind "offset=": 0xADDR@BUILD_ID. */
static gpointer
find_offset (const char *path,
             const char *place,
             GError    **error)
{
  g_autoptr (GmpModule) module = NULL;
  const char *build_id;
  guintptr offset;
  gpointer address;

  if (!gmp_target_parse_offset (place, &offset, &build_id))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "'" GMP_TARGET_OFFSET "%s' names no place in '%s': it should read "
                   GMP_TARGET_OFFSET "0xADDRESS@BUILD_ID", place, path);
      return NULL;
    }
  module = gmp_module_find_build_id (build_id);
  if (module == NULL && open_module (path) != NULL)
    module = gmp_module_find_build_id (build_id);
  if (module == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                   "The function is in '%s', which the worker cannot load as the application did: "
                   "it is missing, or another build has taken its place", path);
      return NULL;
    }
  address = (gpointer) (module->base + offset);
  if (gmp_module_is_code (address))
    return address;
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "There is no code at %s in '%s'", place,
               path);
  return NULL;
}

static GmpMethod
find_function (const char *path,
               const char *name,
               GError    **error)
{
  if (g_str_has_prefix (name, GMP_TARGET_OFFSET))
    return (GmpMethod) find_offset (path, name + strlen (GMP_TARGET_OFFSET), error);
  return (GmpMethod) find_symbol (path, name, error);
}

static GType
call_get_type (GModule    *module,
               const char *symbol_name)
{
  gpointer symbol = NULL;

  if (module != NULL && g_module_symbol (module, symbol_name, &symbol) && symbol != NULL)
    return ((GType (*) (void)) symbol) ();
  return G_TYPE_INVALID;
}

static GType
find_type (const char *path,
           const char *type_name,
           GError    **error)
{
  g_autofree char *symbol = gmp_target_get_type_symbol (type_name);
  GType type = g_type_from_name (type_name);

  if (type == G_TYPE_INVALID)
    type = call_get_type (open_module (""), symbol);
  /* The program itself is among the paths and cannot be opened, so this is tried second. */
  if (type == G_TYPE_INVALID && path[0] != '\0')
    type = call_get_type (open_module (path), symbol);
  if (type == G_TYPE_INVALID)
    g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND,
                 "The type %s of '%s' is not known in the worker: call g_type_ensure () for it "
                 "before gmp_init (), or export %s ()", type_name,
                 path[0] != '\0' ? path : "the program", symbol);
  return type;
}

static GObject *
make_instance (const char *path,
               const char *name,
               GType       wanted,
               GError    **error)
{
  GType type = G_TYPE_INVALID;

  if (g_str_has_prefix (name, GMP_TARGET_TYPE))
    type = find_type (path, name + strlen (GMP_TARGET_TYPE), error);
  else
    {
      gpointer symbol = find_symbol (path, name, error);

      if (symbol != NULL)
        type = ((GType (*) (void)) symbol) ();
    }
  if (type == G_TYPE_INVALID)
    return NULL;
  if (g_type_is_a (type, wanted) && !G_TYPE_IS_ABSTRACT (type))
    return g_object_new (type, NULL);
  g_set_error (error, GMP_ERROR, GMP_ERROR_NOT_FOUND, "%s %s: give a class that derives from "
               "GmpServerWorker or GmpClientWorker and is not abstract", g_type_name (type),
               G_TYPE_IS_ABSTRACT (type) ? "is abstract" : "is not a worker class");
  return NULL;
}

static GVariant *
gmp_native_host_call (GmpHost    *host,
                      const char *description,
                      const char *id,
                      GVariant   *params,
                      GError    **error)
{
  GmpNativeHost *self = GMP_NATIVE_HOST (host);
  g_autofree char *path = NULL;
  const char *name;
  GmpMethod method;

  if (self->description != NULL && g_str_equal (self->description, description))
    return self->method (params, error);
  if (!gmp_target_parse_native (description, &path, &name, error))
    return NULL;
  if (g_str_has_prefix (name, GMP_TARGET_TYPE))
    {
      g_autoptr (GObject) instance = make_instance (path, name, G_TYPE_OBJECT, error);

      return instance != NULL ? gmp_host_call_instance (host, instance, id, params, error) : NULL;
    }
  method = find_function (path, name, error);
  if (method == NULL)
    return NULL;
  g_free (self->description);
  self->description = g_strdup (description);
  self->method = method;
  return method (params, error);
}

static void
gmp_native_host_finalize (GObject *object)
{
  g_free (GMP_NATIVE_HOST (object)->description);
  G_OBJECT_CLASS (gmp_native_host_parent_class)->finalize (object);
}

static GmpWorker *
gmp_native_host_build (GmpHost    *host G_GNUC_UNUSED,
                       const char *description,
                       const char *id G_GNUC_UNUSED,
                       GError    **error)
{
  g_autofree char *path = NULL;
  GObject *instance;
  const char *name;

  if (!gmp_target_parse_native (description, &path, &name, error))
    return NULL;
  instance = make_instance (path, name, GMP_TYPE_WORKER, error);
  return instance != NULL ? GMP_WORKER (instance) : NULL;
}

static void
gmp_native_host_class_init (GmpNativeHostClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gmp_native_host_finalize;
  GMP_HOST_CLASS (klass)->call = gmp_native_host_call;
  GMP_HOST_CLASS (klass)->build = gmp_native_host_build;
}

static void
gmp_native_host_init (GmpNativeHost *self G_GNUC_UNUSED)
{
}

GmpHost *
gmp_native_host_new (void)
{
  return g_object_new (GMP_TYPE_NATIVE_HOST, NULL);
}
