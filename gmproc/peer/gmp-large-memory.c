/* gmp-large-memory.c: memory for large values, which is used again
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer/gmp-large-memory-private.h"

#include <sys/mman.h>

/* The system clears each page that a process touches first, which takes as long as to decrypt what
 * comes there. Mappings are therefore kept for the next values: one for a value that is received,
 * and one for a copy that is being sent, until the channels are silent. In bytes each: */
#define KEPT_MAX ((gsize) 64 * 1024 * 1024)

typedef struct {
  guint8 *bytes;
  gsize capacity;
} Mapping;

/* Without a lock, because values are freed in any thread, also while another one forks. */
static gpointer kept[2]; /* of Mapping (nullable) */

static void
mapping_free (Mapping *mapping)
{
  if (mapping != NULL)
    munmap (mapping->bytes, mapping->capacity);
  g_free (mapping);
}

static void
keep (Mapping *mapping)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    if (g_atomic_pointer_compare_and_exchange (&kept[i], NULL, mapping))
      return;
  mapping_free (g_atomic_pointer_exchange (&kept[0], mapping));
}

/* At least @size bytes, whose pages take memory when they are written to, or are a former value's.
 * %NULL if there is not enough memory. */
guint8 *
gmp_large_memory_take (gsize  size,
                       gsize *capacity)
{
  guint8 *bytes;

  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    {
      Mapping *mapping = g_atomic_pointer_exchange (&kept[i], NULL);

      if (mapping != NULL && mapping->capacity >= size && mapping->capacity / 2 <= size)
        {
          bytes = mapping->bytes;
          *capacity = mapping->capacity;
          g_free (mapping);
          return bytes;
        }
      if (mapping != NULL)
        keep (mapping);
    }
  bytes = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
  *capacity = size;
  return bytes != MAP_FAILED ? bytes : NULL;
}

void
gmp_large_memory_give_back (guint8 *bytes,
                            gsize   capacity)
{
  Mapping *mapping = g_new (Mapping, 1);

  *mapping = (Mapping) { bytes, capacity };
  if (capacity <= KEPT_MAX)
    keep (mapping);
  else
    mapping_free (mapping);
}

/* Returns what is kept to the system. */
void
gmp_large_memory_trim (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kept); i++)
    mapping_free (g_atomic_pointer_exchange (&kept[i], NULL));
}
