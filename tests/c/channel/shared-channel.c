/* shared-channel.c: a channel in shared memory: where values lie
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "gmp-test.h"
#include "test-pair.h"

#include "base/gmp-variant.h"

#include <sys/stat.h>

/* Sizes around all limits, with alternating types. */
static void
test_sizes (void)
{
  const gsize sizes[] = { 0, 1, 7, 8, 9, 4096, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 65535,
                          65536, MIB - 1, MIB, MIB + 1, 3 * MIB };
  TestPair pair;

  test_pair_init (&pair, 2 * MIB);
  for (int turn = 0; turn < 3; turn++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        g_autoptr (GVariant) nothing = NULL;

        test_pair_check_same (&pair, test_new_bytes (sizes[i], (guint8) i));
        test_pair_check_same (&pair, g_variant_new ("(sdx)", "a text", 1.5, G_MININT64));
        test_pair_check_same (&pair, g_variant_new ("as", NULL));
        test_pair_check_same (&pair, g_variant_new_maybe (G_VARIANT_TYPE_VARIANT, NULL));
        test_pair_check_same (&pair, g_variant_new ("()"));
        test_pair_send (&pair, NULL);
        nothing = test_pair_receive (&pair);
        g_assert_null (nothing);
      }
  test_pair_clear (&pair);
}

/* The receiver's writes are private: neither the sender nor the next value in the block sees
 * them. */
static void
check_private (gsize size)
{
  g_autoptr (GVariant) sent = test_new_bytes (size, 1);
  g_autoptr (GVariant) next = test_new_bytes (size, 2);
  g_autoptr (GVariant) received = NULL;
  const guint8 *place;
  TestPair pair;

  test_pair_init (&pair, 64 * MIB);
  test_pair_send (&pair, sent);
  received = test_pair_receive (&pair);
  place = g_variant_get_data (received);
  g_assert_true (gmp_test_is_same (sent, received));
  g_assert_nonnull (gmp_variant_get_private_data (received));
  for (gsize i = 0; i < size; i += 1 + size / 7)
    ((guint8 *) gmp_variant_get_private_data (received))[i] = 99;
  g_assert_false (gmp_test_is_same (sent, received));
  g_assert_cmpmem (pair.memory->arena_out, 16, g_variant_get_data (sent), 16);
  g_clear_pointer (&received, g_variant_unref);

  test_pair_send (&pair, next);
  received = test_pair_receive (&pair);
  /* The block was reused. */
  g_assert_true (g_variant_get_data (received) == place);
  g_assert_true (gmp_test_is_same (next, received));
  test_pair_clear (&pair);
}

static void
test_private (void)
{
  check_private (80 * 1024);
  check_private (5 * MIB + 3);
}

/* A block is not reused while any part of its value is referenced, and outlives the channel. */
static void
test_held (void)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  TestPair pair;

  test_pair_init (&pair, 64 * MIB);
  for (guint i = 0; i < 2 * GMP_MEMORY_BLOCKS; i++)
    {
      g_autoptr (GVariant) bytes = test_new_bytes (80 * 1024 + i, (guint8) i);
      g_autoptr (GVariant) both = g_variant_ref_sink (g_variant_new ("(u@ay)", i, bytes));
      g_autoptr (GVariant) received = NULL;

      test_pair_send (&pair, both);
      received = test_pair_receive (&pair);
      /* A part keeps the whole value. Every third one is dropped, so that blocks are returned in
       * between. */
      if (i % 3 != 0)
        g_ptr_array_add (held, g_variant_get_child_value (received, 1));
    }
  test_pair_clear (&pair);
  for (guint i = 0, at = 0; i < 2 * GMP_MEMORY_BLOCKS; i++)
    {
      g_autoptr (GVariant) bytes = test_new_bytes (80 * 1024 + i, (guint8) i);

      if (i % 3 != 0)
        g_assert_true (gmp_test_is_same (bytes, held->pdata[at++]));
    }
}

static gsize
count_memory (TestPair *self)
{
  struct stat status;

  g_assert_cmpint (fstat (self->fd, &status), ==, 0);
  return (gsize) status.st_blocks * 512;
}

/* Unused pages are returned to the system after a silence, and allocated again when needed. */
static void
test_trim (void)
{
  TestPair pair;

  test_pair_init (&pair, 64 * MIB);
  for (int turn = 0; turn < 3; turn++)
    {
      g_autoptr (GVariant) held = NULL;
      g_autoptr (GVariant) small = test_new_bytes (MIB, 3);

      test_pair_check_same (&pair, test_new_bytes (20 * MIB, (guint8) turn));
      test_pair_send (&pair, small);
      held = test_pair_receive (&pair);
      g_assert_cmpuint (count_memory (&pair), >, 19 * MIB);
      gmp_channel_trim (pair.client);
      g_assert_cmpuint (count_memory (&pair), <, 3 * MIB);
      g_assert_true (gmp_test_is_same (small, held));
    }
  test_pair_clear (&pair);
}

/* Blocks of many sizes, returned in another order: in the end there is room again. */
static void
test_fragments (void)
{
  GVariant *held[16] = { NULL, };
  TestPair pair;

  test_pair_init (&pair, 8 * MIB);
  for (guint i = 0; i < 500; i++)
    {
      guint at = (i * 7) % G_N_ELEMENTS (held);
      gsize size = 17 * 1024 + (i * 7919) % (MIB / 2);
      g_autoptr (GVariant) bytes = test_new_bytes (size, (guint8) i);

      g_clear_pointer (&held[at], g_variant_unref);
      test_pair_send (&pair, bytes);
      held[at] = test_pair_receive (&pair);
      g_assert_true (gmp_test_is_same (bytes, held[at]));
    }
  for (guint i = 0; i < G_N_ELEMENTS (held); i++)
    g_clear_pointer (&held[i], g_variant_unref);
  test_pair_check_same (&pair, test_new_bytes (8 * MIB, 0));
  test_pair_clear (&pair);
}

static void
test_too_big (void)
{
  g_autofree char *type = g_strnfill (20 * 1024, 'i');
  g_autofree char *tuple = g_strdup_printf ("(%s)", type);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  TestPair pair;

  test_pair_init (&pair, 0);
  value = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE (tuple),
                                                       g_malloc0 (80 * 1024), 80 * 1024, FALSE,
                                                       NULL, NULL));
  g_assert_false (gmp_channel_send (pair.client, value, &error));
  g_assert_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD);
  gmp_test_check_in (error->message, "20482 characters");
  test_pair_check_same (&pair, g_variant_new_int32 (1));
  g_free ((gpointer) g_variant_get_data (value));
  test_pair_clear (&pair);
}

/* A client learns from a response that its server gathers requests. */
static void
test_gathers (void)
{
  TestPair pair;

  test_pair_init (&pair, 0);
  test_pair_check_same (&pair, g_variant_new_int32 (1));
  g_assert_false (pair.client->peer_gathers);
  pair.server->gathers = TRUE;
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GVariant) response = g_variant_ref_sink (g_variant_new_int32 (2));
      g_autoptr (GVariant) received = NULL;

      g_assert_true (gmp_channel_send (pair.server, response, NULL));
      g_assert_cmpint (gmp_channel_receive (pair.client, &received, NULL), ==,
                       GMP_CHANNEL_PAYLOAD);
      test_pair_check_same (&pair, g_variant_new_int32 (3));
      g_assert_true (pair.client->peer_gathers);
      g_assert_false (pair.server->peer_gathers);
    }
  test_pair_clear (&pair);
}

int
main (int    argc,
      char **argv)
{
  gmp_test_init (&argc, &argv);

  gmp_test_add ("/shared-channel/sizes", test_sizes);
  gmp_test_add ("/shared-channel/private", test_private);
  gmp_test_add ("/shared-channel/held", test_held);
  gmp_test_add ("/shared-channel/trim", test_trim);
  gmp_test_add ("/shared-channel/fragments", test_fragments);
  gmp_test_add ("/shared-channel/too-big", test_too_big);
  gmp_test_add ("/shared-channel/gathers", test_gathers);
  return g_test_run ();
}
