/* gmp-value.c: a GVariant as type string and bytes, on its way between processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-value-private.h"

#include "base/gmp-error.h"

#include <string.h>

/* @value is nullable. Only what is in variants does not show in its type; there it takes the bytes.
 * Most values that are looked at came from elsewhere or are about to be copied, and have them. */
gboolean
gmp_value_check_sendable (GVariant *value,
                          GError  **error)
{
  const char *type = value != NULL ? g_variant_get_type_string (value) : "";
  const char *fault = NULL;

  if (strlen (type) > GMP_VALUE_TYPE_MAX)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "A value whose type has %" G_GSIZE_FORMAT " characters cannot be sent: at most "
                   "%" G_GSIZE_FORMAT ", so send an array of variants (av) in place of a long "
                   "tuple", strlen (type), GMP_VALUE_TYPE_MAX);
      return FALSE;
    }
  if (strpbrk (type, "hv") != NULL)
    fault = gmp_normal_form_find_fault (type, g_variant_get_data (value),
                                        g_variant_get_size (value), NULL);
  if (fault == NULL)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "A value of type '%.100s' cannot be sent: "
               "%s", type, fault);
  return FALSE;
}

/* Whether a value of @size bytes may be sent, or was to be: then @code is GMP_ERROR_PROTOCOL. A
 * @limit of 0 is none. */
gboolean
gmp_value_check_size (guint64  size,
                      guint64  limit,
                      GmpError code,
                      GError **error)
{
  if (limit == 0 || size <= limit)
    return TRUE;
  g_set_error (error, GMP_ERROR, code,
               "A value of %" G_GUINT64_FORMAT " bytes is bigger than the limit of %"
               G_GUINT64_FORMAT " bytes (value-size-limit)", size, limit);
  return FALSE;
}

/* Whether a type that came from elsewhere is one that a value can have. */
gboolean
gmp_value_check_type (const char *type,
                      GError    **error)
{
  g_autofree char *start = NULL;

  if (strlen (type) <= GMP_VALUE_TYPE_MAX && g_variant_type_string_is_valid (type) &&
      g_variant_type_is_definite ((const GVariantType *) type))
    return TRUE;
  start = g_utf8_make_valid (type, (gssize) MIN (strlen (type), 100));
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "A payload came with the impossible type '%s'", start);
  return FALSE;
}

/* Bytes in the middle of a message lie anywhere. GLib 2.74 aligns those of a new variant, but not
 * a few of them, and then aborts the process when somebody looks at a child of that variant. */
static GBytes *
align (GBytes *bytes)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  return GPOINTER_TO_SIZE (data) % 8 == 0 ? g_bytes_ref (bytes) : g_bytes_new (data, size);
}

/* Whether any bytes of the right size are a value of @type, so that no check has to read them. */
gboolean
gmp_value_is_numbers (const char *type)
{
  return type[0] == 'a' && type[1] != '\0' && strchr ("ynqiuxtd", type[1]) != NULL &&
         type[2] == '\0';
}

/* The value that came as @bytes, of a @type that gmp_value_check_type() has passed. Nobody else can
 * change the bytes, or not those that @look (nullable) was called with. They are checked once,
 * here, and GLib trusts them from then on: it takes quadratic time to read what it does not trust.
 */
GVariant *
gmp_value_from_bytes (const char        *type,
                      GBytes            *bytes,
                      GmpNormalFormLook  look,
                      GError           **error)
{
  g_autoptr (GBytes) aligned = align (bytes);
  gsize size;
  gconstpointer data = g_bytes_get_data (aligned, &size);
  const char *fault = gmp_normal_form_find_fault (type, data, size, look);

  if (fault == NULL)
    return g_variant_ref_sink (g_variant_new_from_bytes ((const GVariantType *) type, aligned,
                                                         TRUE));
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "A payload of type '%.100s' came with bytes that are not of this type: %s", type,
               fault);
  return NULL;
}
