/* net.c: fuzz target: what comes over a connection from another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "channel/gmp-value-private.h"
#include "peer/gmp-net-frame-private.h"
#include "peer/gmp-net-letter-private.h"

/* In bytes: a frame can announce more than it contains. */
#define VALUE_LIMIT (1024 * 1024)

/* The first byte selects the format. 0 means a letter; another one is the largest piece in which
 * the bytes of a stream arrive. */

static void
read_letter (FuzzInput *input)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  GmpNetLetter letter = { 0 };
  g_autoptr (GError) error = NULL;

  g_byte_array_append (bytes, input->data, (guint) input->size);
  /* There is no letter without a descriptor. */
  g_assert_false (gmp_net_letter_read (&letter, bytes, -1, &error));
  fuzz_check_error (error);
  gmp_net_letter_clear (&letter);
}

/* Returns whether a whole value has arrived; %FALSE with an error or at the end. */
static gboolean
read_frame (GmpNetFrame *frame,
            FuzzInput   *input,
            gsize        max_piece,
            GError     **error)
{
  guint8 *place;
  gsize size;

  while (gmp_net_frame_get_room (frame, VALUE_LIMIT, &place, &size, error))
    {
      if (size == 0)
        return TRUE;
      if (input->size == 0)
        return FALSE;
      gmp_net_frame_take (frame, fuzz_take (input, place, MIN (size, max_piece)));
    }
  return FALSE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  gsize max_piece = fuzz_take_byte (&input);
  GmpNetFrame frame = { 0 };
  g_autoptr (GError) error = NULL;

  if (max_piece == 0)
    {
      read_letter (&input);
      return 0;
    }
  while (error == NULL && read_frame (&frame, &input, max_piece, &error))
    {
      g_autofree char *type = NULL;
      g_autoptr (GBytes) bytes = gmp_net_frame_finish (&frame, &type, &error);
      g_autoptr (GVariant) value = NULL;

      if (bytes != NULL && type[0] != '\0')
        value = gmp_value_from_bytes (type, bytes, NULL, &error);
      if (value != NULL)
        fuzz_use_value (value);
    }
  if (error != NULL)
    fuzz_check_error (error);
  gmp_net_frame_clear (&frame);
  return 0;
}
