/* gmp-packing.c: packs and unpacks large payloads outside the main loop
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-packing-private.h"

#include "base/gmp-errand-private.h"
#include "base/gmp-source-private.h"
#include "peer/gmp-payload-private.h"

/* The owner has a reference, and so has the errand, which outlives it if the owner goes first. */
struct _GmpPacking
{
  GVariant *payload;
  GSource *source; /* the owner's */

  /* Written by the errand, and read when it is done. */
  GVariant *packed; /* (nullable) */
  GUnixFDList *handles;
  GError *error; /* (nullable) */
};

static void
clear (gpointer data)
{
  GmpPacking *self = data;

  g_variant_unref (self->payload);
  g_clear_pointer (&self->packed, g_variant_unref);
  g_object_unref (self->handles);
  g_clear_error (&self->error);
}

static void
release (gpointer data)
{
  g_atomic_rc_box_release_full (data, clear);
}

static void
pack (gpointer data)
{
  GmpPacking *self = data;

  self->packed = gmp_payload_pack (self->payload, self->handles, &self->error);
  if (self->packed != NULL)
    g_variant_ref_sink (self->packed);
  gmp_errand_join_freed (self->payload);
}

/* Calls @done in the thread-default main context when @payload is packed. Returns %NULL if it is
 * quicker to pack it when it is needed. */
GmpPacking *
gmp_packing_begin (GVariant   *payload,
                   int         priority,
                   GSourceFunc done,
                   gpointer    user_data)
{
  GmpPacking *self;

  if (!gmp_errand_is_for (payload))
    return NULL;
  self = g_atomic_rc_box_new0 (GmpPacking);
  self->payload = g_variant_ref (payload);
  self->handles = g_unix_fd_list_new ();
  self->source = gmp_errand_begin_with_source (pack, g_atomic_rc_box_acquire (self), release,
                                               priority, done, user_data);
  return self;
}

/* Makes it call back soon, packed or not. */
void
gmp_packing_hurry (GmpPacking *self)
{
  g_source_set_ready_time (self->source, 0);
}

/* Call it when it is packed. As gmp_payload_pack(), but returns references. */
gboolean
gmp_packing_get (GmpPacking   *self,
                 GVariant    **packed,
                 GUnixFDList **handles,
                 GError      **error)
{
  if (self->error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->error));
      return FALSE;
    }
  *packed = g_variant_ref (self->packed);
  *handles = g_object_ref (self->handles);
  return TRUE;
}

/* It does not call back after this. */
void
gmp_packing_free (GmpPacking *self)
{
  gmp_source_clear (&self->source);
  release (self);
}

struct _GmpUnpacking
{
  GVariant *packed;
  GUnixFDList *handles; /* (nullable) */
  guint64 limit;
  GSource *source;      /* the owner's */

  /* Written by the errand, and read when it is done. */
  gboolean is_valid;
  GVariant *payload; /* (nullable) */
  GError *error;     /* (nullable) */
};

static void
clear_unpacking (gpointer data)
{
  GmpUnpacking *self = data;

  g_variant_unref (self->packed);
  g_clear_object (&self->handles);
  g_clear_pointer (&self->payload, g_variant_unref);
  g_clear_error (&self->error);
}

static void
release_unpacking (gpointer data)
{
  g_atomic_rc_box_release_full (data, clear_unpacking);
}

static void
unpack (gpointer data)
{
  GmpUnpacking *self = data;

  self->is_valid = gmp_payload_unpack_any (self->packed, self->handles, self->limit,
                                           &self->payload, &self->error);
}

/* Calls @done in the thread-default main context when the payload in @packed, which is as for
 * gmp_payload_unpack_any(), as @limit is, is checked. Returns %NULL if it is quicker to do that
 * now. */
GmpUnpacking *
gmp_unpacking_begin (GVariant    *packed,
                     GUnixFDList *handles,
                     guint64      limit,
                     int          priority,
                     GSourceFunc  done,
                     gpointer     user_data)
{
  GmpUnpacking *self;

  if (!gmp_payload_is_large (packed, handles))
    return NULL;
  self = g_atomic_rc_box_new0 (GmpUnpacking);
  self->packed = g_variant_ref (packed);
  self->handles = handles != NULL ? g_object_ref (handles) : NULL;
  self->limit = limit;
  self->source = gmp_errand_begin_with_source (unpack, g_atomic_rc_box_acquire (self),
                                               release_unpacking, priority, done, user_data);
  return self;
}

/* Call it when the payload is checked. As gmp_payload_unpack_any(). */
gboolean
gmp_unpacking_finish (GmpUnpacking *self,
                      GVariant    **payload,
                      GError      **error)
{
  *payload = g_steal_pointer (&self->payload);
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  return self->is_valid;
}

/* It does not call back after this. */
void
gmp_unpacking_free (GmpUnpacking *self)
{
  gmp_source_clear (&self->source);
  release_unpacking (self);
}
