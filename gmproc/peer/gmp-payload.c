/* gmp-payload.c: a payload in a D-Bus message
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-payload-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-private-memory-private.h"
#include "channel/gmp-value-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to this size, copies through the socket cost less than a memfd. */
#define COPY_MAX ((gsize) 256 * 1024)

/* The most that a message carries if a memfd cannot be used. */
#define INLINE_MAX ((gsize) 16 * 1024 * 1024)

#define REPETITION "="

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static GVariant *
payload_bytes (GVariant *payload)
{
  g_autoptr (GBytes) bytes = payload != NULL ? g_variant_get_data_as_bytes (payload)
                                             : g_bytes_new (NULL, 0);

  return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
}

static gboolean
write_all (int           fd,
           const guint8 *data,
           gsize         size)
{
  while (size > 0)
    {
      gssize n = write (fd, data, size);

      if (n == -1 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      data += n;
      size -= n;
    }
  return TRUE;
}

/* The position in @handles of a sealed memfd, or -1. */
static int
append_memfd (GVariant    *payload,
              GUnixFDList *handles,
              GError     **error)
{
  int fd = memfd_create ("gmproc-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int position = -1;

  if (fd == -1 ||
      !gmp_limit_check_file_size (g_variant_get_size (payload)) ||
      !write_all (fd, g_variant_get_data (payload), g_variant_get_size (payload)) ||
      fcntl (fd, F_ADD_SEALS, SEALS) == -1)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "Cannot put a value of %" G_GSIZE_FORMAT " bytes into shared memory: %s%s",
                   g_variant_get_size (payload), g_strerror (errno), gmp_limit_describe (errno));
    }
  else
    {
      position = g_unix_fd_list_append (handles, fd, NULL);
      if (position == -1)
        g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "Cannot send a large value: %s%s",
                     g_strerror (errno), gmp_limit_describe (errno));
    }
  if (fd != -1)
    close (fd);
  return position;
}

/* @payload can be sent. */
static GVariant *
pack (GVariant    *payload,
      gsize        copy_max,
      GUnixFDList *handles,
      GError     **error)
{
  const char *type = payload != NULL ? g_variant_get_type_string (payload) : "";
  gsize size = payload != NULL ? g_variant_get_size (payload) : 0;
  g_autoptr (GError) local = NULL;
  GVariantBuilder positions;
  int position = -1;

  if (size > copy_max)
    position = append_memfd (payload, handles, &local);
  if (position == -1 && size > INLINE_MAX)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return NULL;
    }
  g_variant_builder_init (&positions, G_VARIANT_TYPE ("ah"));
  if (position != -1)
    g_variant_builder_add (&positions, "h", position);
  return g_variant_new ("(s@ayah)", type, payload_bytes (position == -1 ? payload : NULL),
                        &positions);
}

/* @payload may be %NULL, and is not consumed. Returns a floating (sayah). */
GVariant *
gmp_payload_pack (GVariant    *payload,
                  GUnixFDList *handles,
                  GError     **error)
{
  return gmp_value_check_sendable (payload, error) ? pack (payload, COPY_MAX, handles, error)
                                                   : NULL;
}

/* As gmp_payload_pack(), for one of many messages that a receiver may leave unread: the socket has
 * no room for a second big one, so that its sender waits. gmp_value_check_sendable() has passed
 * @payload. */
GVariant *
gmp_payload_pack_message (GVariant    *payload,
                          GUnixFDList *handles,
                          GError     **error)
{
  return pack (payload, INLINE_MAX, handles, error);
}

/* The reply of Run that stands for the value of the last Turn: its type string is not a type of a
 * value. Returns a floating (sayah). */
GVariant *
gmp_payload_new_repetition (void)
{
  return g_variant_new ("(s@ayah)", REPETITION, payload_bytes (NULL), NULL);
}

gboolean
gmp_payload_is_repetition (GVariant *packed)
{
  const char *type;

  g_variant_get_child (packed, 0, "&s", &type);
  return g_str_equal (type, REPETITION);
}

/* Returns a floating (say). */
GVariant *
gmp_payload_pack_inline (GVariant *payload,
                         GError  **error)
{
  if (!gmp_value_check_sendable (payload, error))
    return NULL;
  if (payload != NULL && g_variant_get_size (payload) > INLINE_MAX)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
                   "A report of %" G_GSIZE_FORMAT " bytes is too big: at most %" G_GSIZE_FORMAT
                   " bytes; return big values as results", g_variant_get_size (payload),
                   INLINE_MAX);
      return NULL;
    }
  return g_variant_new ("(s@ay)", payload != NULL ? g_variant_get_type_string (payload) : "",
                        payload_bytes (payload));
}

static void
unmap_cb (gpointer user_data)
{
  GMappedFile *file = user_data;

  gmp_private_memory_remove (g_mapped_file_get_contents (file));
  g_mapped_file_unref (file);
}

/* @fd is sealed before it is mapped, so that its owner can neither change what was validated nor
 * cut it off, which would be a SIGBUS. */
static GBytes *
map_sealed (int      fd,
            GError **error)
{
  g_autoptr (GError) local = NULL;
  GMappedFile *file;
  char *data;
  gsize size;
  int seals = fcntl (fd, F_GET_SEALS);

  if (seals == -1 || (seals & SEALS) != SEALS)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "Received a payload in a file that is not a sealed memfd");
      return NULL;
    }
  /* Private and writable: the receiver may change the value. */
  file = g_mapped_file_new_from_fd (fd, TRUE, &local);
  if (file == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                   "There is no room for a large value: %s%s", local->message,
                   gmp_limit_describe (ENOMEM));
      return NULL;
    }
  data = g_mapped_file_get_contents (file);
  size = g_mapped_file_get_length (file);
  gmp_private_memory_add (data, size);
  return g_bytes_new_with_free_func (data, size, unmap_cb, file);
}

static GBytes *
take_handle (GVariant    *positions,
             GUnixFDList *handles,
             GError     **error)
{
  GBytes *bytes;
  gint32 position;
  int fd;

  g_variant_get_child (positions, 0, "h", &position);
  if (handles == NULL || position < 0 || position >= g_unix_fd_list_get_length (handles))
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                   "A payload refers to a file descriptor that is missing");
      return NULL;
    }
  fd = g_unix_fd_list_get (handles, position, NULL);
  if (fd == -1)
    {
      int code = errno;

      g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD, "Cannot open a large value: %s%s",
                   g_strerror (code), gmp_limit_describe (code));
      return NULL;
    }
  bytes = map_sealed (fd, error);
  close (fd);
  return bytes;
}

/* TRUE for %NULL as a payload. */
gboolean
gmp_payload_is_null (const char *type,
                     GBytes     *bytes)
{
  return type[0] == '\0' && g_bytes_get_size (bytes) == 0;
}

static gboolean
rebuild (const char *type,
         GBytes     *bytes,
         guint64     limit,
         GVariant  **payload,
         GError    **error)
{
  *payload = NULL;
  if (gmp_payload_is_null (type, bytes))
    return TRUE;
  if (gmp_value_check_type (type, error) &&
      gmp_value_check_size (g_bytes_get_size (bytes), limit, GMP_ERROR_PROTOCOL, error))
    *payload = gmp_value_from_bytes (type, bytes, NULL, error);
  return *payload != NULL;
}

/* A message could hold eight times this size. */
static gboolean
check_inline (GVariant *data,
              GError  **error)
{
  if (g_variant_get_size (data) <= INLINE_MAX)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "Received a payload of %" G_GSIZE_FORMAT " bytes in a message, which may have %"
               G_GSIZE_FORMAT " at most", g_variant_get_size (data), INLINE_MAX);
  return FALSE;
}

/* The bytes, not checked, of the payload in @packed, a (sayah) from a peer, of which only the type
 * has been checked. @type, which is not checked either, is valid as long as @packed. */
GBytes *
gmp_payload_get_bytes (GVariant    *packed,
                       GUnixFDList *handles,
                       const char **type,
                       GError     **error)
{
  g_autoptr (GVariant) data = NULL;
  g_autoptr (GVariant) positions = NULL;

  g_variant_get (packed, "(&s@ay@ah)", type, &data, &positions);
  if (g_variant_n_children (positions) > 0)
    return take_handle (positions, handles, error);
  return check_inline (data, error) ? g_variant_get_data_as_bytes (data) : NULL;
}

/* @packed is as for gmp_payload_get_bytes(); @limit is the largest size of a payload in bytes, 0
 * for no limit. */
gboolean
gmp_payload_unpack (GVariant    *packed,
                    GUnixFDList *handles,
                    guint64      limit,
                    GVariant   **payload,
                    GError     **error)
{
  const char *type;
  g_autoptr (GBytes) bytes = gmp_payload_get_bytes (packed, handles, &type, error);

  return bytes != NULL && rebuild (type, bytes, limit, payload, error);
}

gboolean
gmp_payload_unpack_inline (GVariant  *packed,
                           GVariant **payload,
                           GError   **error)
{
  g_autoptr (GVariant) data = NULL;
  g_autoptr (GBytes) bytes = NULL;
  const char *type;

  g_variant_get (packed, "(&s@ay)", &type, &data);
  if (check_inline (data, error))
    bytes = g_variant_get_data_as_bytes (data);
  return bytes != NULL && rebuild (type, bytes, 0, payload, error);
}

/* @packed is a (sayah), as for gmp_payload_unpack(), or a (say), which has its own limit; only its
 * type has been checked. */
gboolean
gmp_payload_unpack_any (GVariant    *packed,
                        GUnixFDList *handles,
                        guint64      limit,
                        GVariant   **payload,
                        GError     **error)
{
  return g_variant_n_children (packed) == 3
         ? gmp_payload_unpack (packed, handles, limit, payload, error)
         : gmp_payload_unpack_inline (packed, payload, error);
}

/* In bytes. */
static gsize
get_size (GVariant    *packed,
          GUnixFDList *handles)
{
  g_autoptr (GVariant) data = g_variant_get_child_value (packed, 1);
  g_autoptr (GVariant) positions = NULL;
  struct stat status = { 0, };
  gint32 position;

  if (g_variant_n_children (packed) == 2)
    return g_variant_get_size (data);
  positions = g_variant_get_child_value (packed, 2);
  if (g_variant_n_children (positions) == 0)
    return g_variant_get_size (data);
  g_variant_get_child (positions, 0, "h", &position);
  if (handles != NULL && position >= 0 && position < g_unix_fd_list_get_length (handles))
    fstat (g_unix_fd_list_peek_fds (handles, NULL)[position], &status);
  return (gsize) status.st_size;
}

/* TRUE if the check of the payload in @packed, which is as for gmp_payload_unpack_any(), takes so
 * long that no main loop should wait for it. */
gboolean
gmp_payload_is_large (GVariant    *packed,
                      GUnixFDList *handles)
{
  const char *type;

  g_variant_get_child (packed, 0, "&s", &type);
  return gmp_value_is_large (type, get_size (packed, handles));
}
