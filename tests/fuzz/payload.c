/* payload.c: fuzz target: a payload in a D-Bus message, with a file and without
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "base/gmp-normal-form-private.h"
#include "peer/gmp-payload-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The input: a byte that selects the file of the message; a short, the size of that file; its
 * bytes; and the message's (sayah), which D-Bus ensures to be in normal form. */
enum {
  FILE_NONE,
  FILE_SEALED,
  FILE_UNSEALED,
  FILE_HALF_SEALED,
  FILE_DEVICE,
  N_FILES
};

static GUnixFDList *
make_handles (FuzzInput *input)
{
  const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const int seals[] = { [FILE_SEALED] = all, [FILE_UNSEALED] = 0,
                        [FILE_HALF_SEALED] = F_SEAL_GROW | F_SEAL_WRITE };
  guint8 kind = fuzz_take_byte (input) % N_FILES;
  gsize size = fuzz_take_short (input);
  g_autofree guint8 *bytes = g_malloc (size);
  int fd;

  size = fuzz_take (input, bytes, size);
  if (kind == FILE_NONE)
    return NULL;
  fd = kind == FILE_DEVICE ? open ("/dev/zero", O_RDONLY | O_CLOEXEC)
                           : fuzz_new_memfd (bytes, size, seals[kind]);
  return g_unix_fd_list_new_from_array (&fd, 1);
}

static void
check (gboolean  was_unpacked,
       GVariant *payload,
       GError   *error)
{
  if (was_unpacked)
    {
      g_assert_no_error (error);
      if (payload != NULL)
        fuzz_use_value (payload);
      g_clear_pointer (&payload, g_variant_unref);
      return;
    }
  g_assert_null (payload);
  fuzz_check_error (error);
  g_error_free (error);
}

/* The check gives the same answer as GLib, with three exceptions: GLib accepts handles, types
 * with more characters, and an empty array that is too deep. */
static void
compare (GVariant *inlined)
{
  g_autoptr (GVariant) data = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autofree guint8 *copy = NULL;
  const char *type;
  const char *fault;
  gsize size;

  g_variant_get (inlined, "(&s@ay)", &type, &data);
  size = g_variant_get_size (data);
  if (!g_variant_type_string_is_valid (type) ||
      !g_variant_type_is_definite ((const GVariantType *) type))
    return;
  copy = g_malloc (size + 8);
  if (size > 0)
    memcpy (copy, g_variant_get_data (data), size);
  fault = gmp_normal_form_find_fault (type, copy, size, NULL);
  value = g_variant_ref_sink (
    g_variant_new_from_data ((const GVariantType *) type, copy, size, FALSE, NULL, NULL));
  if (g_variant_is_normal_form (value) && g_variant_get_size (value) == size)
    g_assert_true (fault == NULL || strstr (fault, "handle") != NULL ||
                   strstr (fault, "too deeply") != NULL || strstr (fault, "characters") != NULL);
  else
    g_assert_nonnull (fault);
}

static GVariant *
make_value (const char *type,
            GBytes     *bytes)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (
    g_variant_new_from_bytes ((const GVariantType *) type, bytes, FALSE));

  return g_variant_is_normal_form (value) ? g_steal_pointer (&value) : NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  g_autoptr (GUnixFDList) handles = make_handles (&input);
  g_autoptr (GBytes) bytes = g_bytes_new (input.data, input.size);
  g_autoptr (GVariant) packed = make_value (GMP_PAYLOAD_TYPE, bytes);
  g_autoptr (GVariant) inlined = make_value (GMP_PAYLOAD_INLINE_TYPE, bytes);
  GVariant *payload = NULL;
  GError *error = NULL;
  gboolean was_unpacked;

  if (packed != NULL)
    {
      was_unpacked = gmp_payload_unpack (packed, handles, 0, &payload, &error);
      check (was_unpacked, payload, error);
    }
  payload = NULL;
  error = NULL;
  if (inlined != NULL)
    {
      compare (inlined);
      was_unpacked = gmp_payload_unpack_inline (inlined, &payload, &error);
      check (was_unpacked, payload, error);
    }
  return 0;
}
