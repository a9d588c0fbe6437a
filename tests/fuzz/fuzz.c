/* fuzz.c: common code of the fuzz targets
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The most children of a value that are read: some types have millions in a few bytes. */
#define MAX_LOOKS 2000

/* GDBus warns about unreadable messages and then ends the connection, which is correct. Messages
 * about programming errors are fatal. */
static GLogWriterOutput
writer (GLogLevelFlags   level,
        const GLogField *fields,
        gsize            n_fields,
        gpointer         user_data)
{
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) == 0)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_default (level, fields, n_fields, user_data);
}

int
LLVMFuzzerInitialize (int    *argc G_GNUC_UNUSED,
                      char ***argv G_GNUC_UNUSED)
{
  g_log_set_writer_func (writer, NULL, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  return 0;
}

/* Copies up to @size bytes to @place, and fills the rest with zeros. Returns how many there
 * were. */
gsize
fuzz_take (FuzzInput *self,
           gpointer   place,
           gsize      size)
{
  gsize n = MIN (size, self->size);

  if (size > n)
    memset ((guint8 *) place + n, 0, size - n);
  if (n > 0)
    memcpy (place, self->data, n);
  self->data += n;
  self->size -= n;
  return n;
}

guint8
fuzz_take_byte (FuzzInput *self)
{
  guint8 value;

  fuzz_take (self, &value, sizeof value);
  return value;
}

guint16
fuzz_take_short (FuzzInput *self)
{
  guint16 value;

  fuzz_take (self, &value, sizeof value);
  return GUINT16_FROM_LE (value);
}

guint64
fuzz_take_long (FuzzInput *self)
{
  guint64 value;

  fuzz_take (self, &value, sizeof value);
  return GUINT64_FROM_LE (value);
}

static void
look (GVariant *value,
      guint    *n_left)
{
  gsize n;

  if (*n_left == 0)
    return;
  --*n_left;
  if (!g_variant_is_container (value))
    {
      g_autofree char *text = g_variant_print (value, TRUE);

      g_assert_nonnull (text);
      return;
    }
  n = g_variant_n_children (value);
  for (gsize i = 0; i < n && *n_left > 0; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      look (child, n_left);
    }
}

void
fuzz_use_value (GVariant *value)
{
  guint n_left = MAX_LOOKS;
  gsize size = g_variant_get_size (value);
  g_autofree guint8 *copy = g_malloc (size + 1);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (value);

  /* Forwards the message, in either direction. */
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, size);
  g_variant_store (value, copy);
  g_assert_true (g_variant_type_is_definite (g_variant_get_type (value)));
  look (value, &n_left);
}

void
fuzz_check_error (const GError *error)
{
  g_assert_nonnull (error);
  g_assert_nonnull (g_quark_to_string (error->domain));
  g_assert_true (error->message[0] != '\0' || error->domain != 0);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

int
fuzz_new_memfd (gconstpointer data,
                gsize         size,
                int           seals)
{
  int fd = memfd_create ("gmproc-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_cmpint (fd, !=, -1);
  g_assert_cmpint (write (fd, data, size), ==, (gssize) size);
  g_assert_no_errno (fcntl (fd, F_ADD_SEALS, seals));
  return fd;
}
