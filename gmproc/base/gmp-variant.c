/* gmp-variant.c: variants for language bindings
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-variant.h"

#include "base/gmp-errand-private.h"
#include "base/gmp-error.h"
#include "base/gmp-normal-form-private.h"
#include "base/gmp-private-memory-private.h"

/**
 * gmp_variant_from_bytes:
 * @type_string: a definite type
 * @bytes: a value of this type in serialised form
 * @error: return location for an error
 *
 * Creates a variant that is not floating, for bindings that leak a reference of floating ones.
 *
 * GJS keeps one reference more than it should of every floating variant that a function returns,
 * and all of GLib's constructors return such. Its own layer over gmproc serialises values itself
 * and comes here.
 *
 * Returns: (transfer full): a variant; %NULL with [error@Gmp.Error.BAD_PAYLOAD] where the type is
 *   none, or @bytes are not a value of it in normal form that can be sent
 *
 * Since: 0.1
 */
GVariant *
gmp_variant_from_bytes (const char *type_string,
                        GBytes     *bytes,
                        GError    **error)
{
  const char *fault;

  g_return_val_if_fail (type_string != NULL, NULL);
  g_return_val_if_fail (bytes != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!g_variant_type_string_is_valid (type_string) ||
      !g_variant_type_is_definite ((const GVariantType *) type_string))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "'%.100s' is not a definite type",
                   type_string);
      return NULL;
    }
  fault = gmp_normal_form_find_fault (type_string, g_bytes_get_data (bytes, NULL),
                                      g_bytes_get_size (bytes), NULL);
  if (fault == NULL)
    return g_variant_ref_sink (g_variant_new_from_bytes ((const GVariantType *) type_string, bytes,
                                                         TRUE));
  g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
               "These %" G_GSIZE_FORMAT " bytes cannot be sent as a value of type '%.100s': %s",
               g_bytes_get_size (bytes), type_string, fault);
  return NULL;
}

/**
 * gmp_variant_get_private_data: (skip)
 * @value: a value that came from another process, or a child of one
 *
 * The bytes of a value, where the receiver may write to them, for bindings whose arrays can be
 * written to.
 *
 * A large value that came through shared memory lies in memory of the receiver's own. No other
 * process sees what is written there, and the sender's next value does not appear there before the
 * last reference to this one is dropped. The writer must ensure that @value is not read as a
 * [struct@GLib.Variant] any more. All other values have to be copied first.
 *
 * Returns: (nullable): the bytes of @value, `g_variant_get_size ()` of them, valid while a
 *   reference to @value is held; %NULL if they must not be written to, or if there are no bytes
 *
 * Since: 0.1
 */
gpointer
gmp_variant_get_private_data (GVariant *value)
{
  gpointer data;

  g_return_val_if_fail (value != NULL, NULL);

  data = (gpointer) g_variant_get_data (value);
  return gmp_private_memory_make_writable (data, g_variant_get_size (value)) ? data : NULL;
}

/**
 * gmp_variant_may_wait: (skip)
 *
 * Asks, in a function that frees the memory of a value, whether it may wait for a lock.
 *
 * Large values are serialised in a thread of the library, which then frees the parts they were made
 * of. A thread that holds the lock of an interpreter may wait for the value, or for that thread
 * before a fork. So the function must not wait for that lock, and leaves the rest for later.
 *
 * Returns: %FALSE in that thread
 *
 * Since: 0.1
 */
gboolean
gmp_variant_may_wait (void)
{
  return !gmp_errand_is_here ();
}
