/* states.c: fuzz target: the state that a game sends to an environment
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "base/gmp-error.h"
#include "remote/gmp-remote-text-private.h"

/* The input is the datagram. No byte after it may be read by mistake. */
int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  g_autofree char *copy = g_memdup2 (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) state = gmp_remote_text_parse_state (copy, size, &error);

  if (state == NULL)
    {
      g_assert_true (error->domain == GMP_ERROR && error->code == GMP_ERROR_PROTOCOL);
      fuzz_check_error (error);
      return 0;
    }
  g_assert_no_error (error);
  g_variant_ref_sink (state);
  g_assert_true (g_variant_is_of_type (state, G_VARIANT_TYPE_VARDICT));
  g_assert_true (g_variant_is_normal_form (state));
  fuzz_use_value (state);
  return 0;
}
