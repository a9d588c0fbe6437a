/* gmp-net-frame.c: a value as it comes by a connection to another machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-net-frame-private.h"

#include "base/gmp-private-memory-private.h"
#include "channel/gmp-value-private.h"
#include "peer/gmp-large-memory-private.h"

#include <errno.h>
#include <string.h>

/* Smaller values are copied by a receiver that writes to them. */
#define PRIVATE_MIN ((gsize) 4096)

/* The largest reason of a channel's end, in bytes. */
#define CLOSE_MAX ((gsize) 2 * 1024 * 1024)

/* The head and the type of a message with @value (nullable), whose bytes follow. */
GByteArray *
gmp_net_frame_begin (guint8    tag,
                     gboolean  is_close,
                     GVariant *value)
{
  const char *type = value != NULL ? g_variant_get_type_string (value) : "";
  GmpNetHead head = {
    .size = value != NULL ? g_variant_get_size (value) : 0,
    .type_size = (guint32) strlen (type),
    .tag = tag,
    .is_close = is_close,
  };
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) &head, sizeof head);
  return g_byte_array_append (bytes, (const guint8 *) type, head.type_size);
}

static gboolean
check_head (const GmpNetHead *head,
            guint64           value_limit,
            GError          **error)
{
  if (head->type_size <= GMP_VALUE_TYPE_MAX && head->unused == 0 && head->is_close <= 1 &&
      (head->type_size > 0 || head->size == 0))
    return gmp_value_check_size (head->size, head->is_close != 0 ? CLOSE_MAX : value_limit,
                                 GMP_ERROR_PROTOCOL, error);
  g_set_error_literal (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
                       "Invalid message on a channel from another node");
  return FALSE;
}

/* Pages take memory only when bytes arrive for them, because the announced size is not trusted. */
static gboolean
make_room (GmpNetFrame *self,
           GError     **error)
{
  gsize size = (gsize) self->head.size;

  if (self->head.size <= G_MAXSSIZE)
    self->bytes = gmp_large_memory_take (size, &self->capacity);
  if (self->bytes != NULL)
    return TRUE;
  g_set_error (error, GMP_ERROR, GMP_ERROR_BAD_PAYLOAD,
               "Not enough memory for a value of %" G_GUINT64_FORMAT " bytes: %s", self->head.size,
               g_strerror (ENOMEM));
  return FALSE;
}

static gboolean
is_mapped (const GmpNetFrame *self)
{
  return self->head.size >= GMP_LARGE_MEMORY_MIN;
}

/* The place and the size of the next bytes; nothing if the value is complete. */
gboolean
gmp_net_frame_get_room (GmpNetFrame *self,
                        guint64      value_limit,
                        guint8     **place,
                        gsize       *size,
                        GError     **error)
{
  if (self->n_head < sizeof self->head)
    {
      *place = (guint8 *) &self->head + self->n_head;
      *size = sizeof self->head - self->n_head;
      return TRUE;
    }
  if (self->type == NULL)
    {
      if (!check_head (&self->head, value_limit, error))
        return FALSE;
      self->type = g_malloc0 (self->head.type_size + 1);
    }
  if (self->n_type < self->head.type_size)
    {
      *place = (guint8 *) self->type + self->n_type;
      *size = self->head.type_size - self->n_type;
      return TRUE;
    }
  if (self->bytes == NULL && is_mapped (self) && !make_room (self, error))
    return FALSE;
  if (self->bytes == NULL)
    self->bytes = g_aligned_alloc (1, MAX (self->head.size, 1), 64);
  *place = self->bytes + self->n_bytes;
  *size = (gsize) self->head.size - self->n_bytes;
  return TRUE;
}

/* @size bytes have arrived at the place from gmp_net_frame_get_room(). */
void
gmp_net_frame_take (GmpNetFrame *self,
                    gsize        size)
{
  if (self->n_head < sizeof self->head)
    self->n_head += size;
  else if (self->n_type < self->head.type_size)
    self->n_type += size;
  else
    self->n_bytes += size;
}

typedef struct {
  guint8 *bytes;
  gsize size;
  gsize capacity; /* of the mapping; 0: there is none */
} Place;

static void
place_free (gpointer data)
{
  Place *place = data;

  if (place->size >= PRIVATE_MIN)
    gmp_private_memory_remove (place->bytes);
  if (place->capacity > 0)
    gmp_large_memory_give_back (place->bytes, place->capacity);
  else
    g_aligned_free (place->bytes);
  g_free (place);
}

/* The bytes of the complete value, for gmp_value_from_bytes(), and its @type, which is empty for
 * %NULL; @self begins the next. */
GBytes *
gmp_net_frame_finish (GmpNetFrame *self,
                      char       **type,
                      GError     **error)
{
  Place *place = g_new (Place, 1);
  g_autoptr (GBytes) bytes = NULL;

  *place = (Place) { g_steal_pointer (&self->bytes), (gsize) self->head.size, self->capacity };
  if (place->size >= PRIVATE_MIN)
    gmp_private_memory_add (place->bytes, place->size);
  bytes = g_bytes_new_with_free_func (place->bytes, place->size, place_free, place);
  *type = g_steal_pointer (&self->type);
  *self = (GmpNetFrame) { 0 };
  if ((*type)[0] == '\0' || gmp_value_check_type (*type, error))
    return g_steal_pointer (&bytes);
  g_clear_pointer (type, g_free);
  return NULL;
}

void
gmp_net_frame_clear (GmpNetFrame *self)
{
  g_clear_pointer (&self->type, g_free);
  if (self->bytes != NULL && self->capacity > 0)
    gmp_large_memory_give_back (self->bytes, self->capacity);
  else
    g_aligned_free (self->bytes);
  *self = (GmpNetFrame) { 0 };
}
