/* gmp-source.c: sources that an object has for a while
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-source-private.h"

/* Takes @source over, and returns it: it belongs to the thread-default main context from here on,
 * until gmp_source_clear(). */
GSource *
gmp_source_attach (GSource    *source,
                   int         priority,
                   GSourceFunc callback,
                   gpointer    user_data)
{
  g_source_set_priority (source, priority);
  g_source_set_callback (source, callback, user_data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

/* Where there is a source in @place, it comes no more. */
void
gmp_source_clear (GSource **place)
{
  if (*place != NULL)
    g_source_destroy (*place);
  g_clear_pointer (place, g_source_unref);
}
