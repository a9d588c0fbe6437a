/* gmp-large.c: a large value that another thread prepares for a channel
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-large-private.h"

#include "base/gmp-errand-private.h"

/* The owner has a reference, and so has the errand, which outlives it if the owner goes first. */
struct _GmpLarge
{
  GmpDoorbell *doorbell;
  int is_done; /* atomic; set by the errand, which reads and writes the rest before */

  /* Of a received value. */
  char *type;     /* (nullable): the value is sent */
  GBytes *bytes;
  GmpNormalFormLook look;

  /* Of one that is sent. */
  GmpSender *sender; /* (nullable): it copies the value */
  guint8 tag;
  guint64 limit;

  GVariant *value; /* (nullable) */
  GError *error;   /* (nullable) */
};

static void
clear (gpointer data)
{
  GmpLarge *self = data;

  gmp_doorbell_unref (self->doorbell);
  g_free (self->type);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_pointer (&self->value, g_variant_unref);
  g_clear_pointer (&self->sender, gmp_sender_unref);
  g_clear_error (&self->error);
}

static void
release (gpointer data)
{
  g_atomic_rc_box_release_full (data, clear);
}

static void
prepare (gpointer data)
{
  GmpLarge *self = data;

  if (self->type != NULL)
    self->value = gmp_value_from_bytes (self->type, self->bytes, self->look, &self->error);
  else if (gmp_value_check_sendable (self->value, &self->error) &&
           gmp_value_check_size (g_variant_get_size (self->value), self->limit,
                                 GMP_ERROR_BAD_PAYLOAD, &self->error))
    {
      g_variant_get_data (self->value);
      if (self->sender != NULL)
        gmp_sender_store (self->sender, self->value);
      gmp_errand_join_freed (self->value);
    }
  g_atomic_int_set (&self->is_done, TRUE);
  gmp_doorbell_ring (self->doorbell);
}

static GmpLarge *
new (GmpDoorbell *doorbell)
{
  GmpLarge *self = g_atomic_rc_box_new0 (GmpLarge);

  self->doorbell = gmp_doorbell_ref (doorbell);
  return self;
}

static GmpLarge *
begin (GmpLarge *self)
{
  gmp_errand_begin (prepare, g_atomic_rc_box_acquire (self), release);
  return self;
}

/* Checks a value, as gmp_value_from_bytes(). */
GmpLarge *
gmp_large_new_received (const char        *type,
                        GBytes            *bytes,
                        GmpNormalFormLook  look,
                        GmpDoorbell       *doorbell)
{
  GmpLarge *self = new (doorbell);

  self->type = g_strdup (type);
  self->bytes = g_bytes_ref (bytes);
  self->look = look;
  return begin (self);
}

/* Serialises and checks @value, of at most @limit bytes where that is not 0. A @sender (nullable)
 * copies it as well, and must not be used for other values meanwhile. */
GmpLarge *
gmp_large_new_sent (GVariant    *value,
                    guint8       tag,
                    guint64      limit,
                    GmpSender   *sender,
                    GmpDoorbell *doorbell)
{
  GmpLarge *self = new (doorbell);

  self->value = g_variant_ref (value);
  self->tag = tag;
  self->limit = limit;
  self->sender = sender != NULL ? gmp_sender_ref (sender) : NULL;
  return begin (self);
}

gboolean
gmp_large_is_sent (GmpLarge *self)
{
  return self->type == NULL;
}

/* TRUE after the doorbell has rung for it. */
gboolean
gmp_large_is_done (GmpLarge *self)
{
  return g_atomic_int_get (&self->is_done);
}

guint8
gmp_large_get_tag (GmpLarge *self)
{
  return self->tag;
}

/* Call it when it is done. Returns a reference to the value, or %NULL if it is not valid, or cannot
 * be sent. Frees @self. */
GVariant *
gmp_large_finish (GmpLarge  *self,
                  GError   **error)
{
  GVariant *value = NULL;

  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  else
    value = g_variant_ref (self->value);
  gmp_large_free (self);
  return value;
}

/* It may still be under way. */
void
gmp_large_free (GmpLarge *self)
{
  release (self);
}
