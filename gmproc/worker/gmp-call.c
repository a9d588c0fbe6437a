/* gmp-call.c: a type whose instances can be called by id in a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "worker/gmp-call-private.h"

static GQuark
call_quark (void)
{
  return g_quark_from_static_string ("gmp-call");
}

void
gmp_call_register (GType   type,
                   GmpCall call)
{
  g_type_set_qdata (type, call_quark (), (gpointer) call);
}

/* The function that @type or its nearest ancestor registered. */
GmpCall
gmp_call_lookup (GType type)
{
  GmpCall call = NULL;

  for (; type != G_TYPE_INVALID && call == NULL; type = g_type_parent (type))
    call = (GmpCall) g_type_get_qdata (type, call_quark ());
  return call;
}
