/* gmp-value.c: a GVariant as type string and bytes, on its way between processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-value-private.h"

#include "base/gmp-error.h"

#include <string.h>

/* Types with at most as many characters are not nested too deeply themselves. */
#define SHALLOW ((gsize) 128)

/* @value is nullable. The type does not show the contents of variants; for these it reads the
 * bytes. Most checked values were received or are about to be copied, and have them. */
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
  if (strpbrk (type, "hv") != NULL || strlen (type) > SHALLOW)
    fault = gmp_normal_form_find_fault (type, g_variant_get_data (value),
                                        g_variant_get_size (value), NULL);
  if (fault == NULL)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "A value of type '%.100s' cannot be sent: "
               "%s", type, fault);
  return FALSE;
}

/* TRUE if a value of @size bytes may be sent, or was allowed to be, in which case @code is
 * GMP_ERROR_PROTOCOL. A @limit of 0 means no limit. */
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

/* TRUE if a received type is one that a value can have. */
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
               "Received a payload of the invalid type '%s'", start);
  return FALSE;
}

/* Bytes inside a message may be unaligned. GLib 2.74 aligns those of a new variant, but not if they
 * are few, and then aborts when a child of that variant is read. */
static GBytes *
align (GBytes *bytes)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  return GPOINTER_TO_SIZE (data) % 8 == 0 ? g_bytes_ref (bytes) : g_bytes_new (data, size);
}

/* TRUE if any bytes of the right size are a value of @type, so that no check has to read them. */
gboolean
gmp_value_is_numbers (const char *type)
{
  return type[0] == 'a' && type[1] != '\0' && strchr ("ynqiuxtd", type[1]) != NULL &&
         type[2] == '\0';
}

/* The most bytes that a main loop checks itself: where they have to be read, and where most of them
 * need not be. */
#define CHECKED_MAX ((gsize) 256 * 1024)
#define MAPPED_MAX  ((gsize) 4 * 1024 * 1024)

/* TRUE if the check of a value takes so long that no main loop should wait for it. */
gboolean
gmp_value_is_large (const char *type,
                    gsize       size)
{
  const char *elements = strchr (type, 'a');

  if (size <= CHECKED_MAX || gmp_value_is_numbers (type))
    return FALSE;
  return size > MAPPED_MAX || strchr (type, 'v') != NULL ||
         (elements != NULL && strpbrk (elements, "sog") != NULL);
}

/* The value that came as @bytes, of a @type that gmp_value_check_type() has passed. No other
 * process can change the bytes, or at least not those that @look (nullable) was called with. They
 * are checked once, here, and GLib trusts them from then on: it takes quadratic time to read what
 * it does not trust. */
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
               "A payload of type '%.100s' has invalid bytes: %s", type, fault);
  return NULL;
}
