/* targets.c: fuzz target: the string that names a worker's code
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "base/gmp-module-private.h"
#include "base/gmp-target-private.h"
#include "host/gmp-native-host-private.h"
#include "worker/gmp-worker.h"

#include <string.h>

/* The input is the target. The named function is not called: a target may name any function,
 * with the rights of the program's author. */

static void
check_offset (const char *place)
{
  g_autoptr (GmpModule) module = NULL;
  const char *build_id;
  guintptr offset;

  if (!gmp_target_parse_offset (place, &offset, &build_id))
    return;
  g_assert_true (build_id[0] != '\0' && build_id[-1] == '@');
  module = gmp_module_find_build_id (build_id);
  gmp_module_is_code ((gpointer) ((module != NULL ? module->base : 0) + offset));
}

static void
check_type (const char *name)
{
  g_autofree char *symbol = gmp_target_get_type_symbol (name);

  g_assert_true (g_str_has_suffix (symbol, "_get_type"));
  for (const char *c = symbol; *c != '\0'; c++)
    g_assert_false (g_ascii_isupper (*c));
}

static void
check_native (const char *description)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *module = NULL;
  const char *name;

  if (!gmp_target_parse_native (description, &module, &name, &error))
    {
      g_assert_nonnull (error);
      return;
    }
  g_assert_true (g_str_has_prefix (description, module));
  g_assert_true (name[0] != '\0' && strchr (name, ':') == NULL);
  if (g_str_has_prefix (name, GMP_TARGET_OFFSET))
    check_offset (name + strlen (GMP_TARGET_OFFSET));
  else if (g_str_has_prefix (name, GMP_TARGET_TYPE))
    check_type (name + strlen (GMP_TARGET_TYPE));
}

/* A module that does not exist, so each call of the host fails. */
static void
check_host (const char *name)
{
  g_autofree char *description = g_strconcat ("/nowhere/libnone.so:", name, NULL);
  g_autoptr (GmpHost) host = gmp_native_host_new ();
  g_autoptr (GError) error = NULL;

  if (g_str_has_prefix (name, GMP_TARGET_TYPE) || strchr (name, ':') != NULL)
    return;
  g_assert_null (GMP_HOST_GET_CLASS (host)->build (host, description, "1", &error));
  g_assert_nonnull (error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  g_autofree char *target = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autofree char *runtime = gmp_target_get_runtime (target, &error);

  if (runtime == NULL)
    {
      g_assert_nonnull (error);
      return 0;
    }
  g_assert_true (runtime[0] != '\0' && strchr (runtime, ':') == NULL);
  check_native (target + strlen (runtime) + 1);
  check_host (target + strlen (runtime) + 1);
  return 0;
}
