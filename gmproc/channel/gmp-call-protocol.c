/* gmp-call-protocol.c: messages between a pool and its workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "channel/gmp-call-protocol-private.h"

#include "base/gmp-error-private.h"

#include <stdatomic.h>

#define ONE_WITHDRAWAL (G_GUINT64_CONSTANT (1) << 32)

static guint64
make_mark (guint32 n_withdrawn,
           guint32 n_begun)
{
  return (guint64) n_withdrawn << 32 | n_begun;
}

/* The worker begins its next call after @n_begun others; %FALSE if the pool has withdrawn it. */
gboolean
gmp_call_mark_begin (GmpMark *mark,
                     guint32  n_withdrawn,
                     guint32  n_begun)
{
  guint64 expected = make_mark (n_withdrawn, n_begun);

  return atomic_compare_exchange_strong (mark, &expected, make_mark (n_withdrawn, n_begun + 1));
}

/* The pool withdraws the calls that have not begun. Returns the number of calls that have. */
guint32
gmp_call_mark_withdraw (GmpMark *mark)
{
  return (guint32) atomic_fetch_add (mark, ONE_WITHDRAWAL);
}

guint32
gmp_call_mark_n_begun (GmpMark *mark)
{
  return (guint32) atomic_load (mark);
}

/* Returns a new reference. */
GVariant *
gmp_call_error_pack (const GError *error)
{
  g_autofree char *text = g_utf8_make_valid (error->message, -1);
  GmpErrorName name = gmp_error_get_name (error);

  return g_variant_ref_sink (g_variant_new ("(sis)", name.domain, name.code, text));
}

/* %NULL if @packed does not come from gmp_call_error_pack(). */
GError *
gmp_call_error_unpack (GVariant *packed)
{
  const char *domain;
  const char *text;
  int code;

  if (packed == NULL || !g_variant_is_of_type (packed, G_VARIANT_TYPE ("(sis)")))
    return NULL;
  g_variant_get (packed, "(&si&s)", &domain, &code, &text);
  return domain[0] != '\0' ? g_error_new_literal (g_quark_from_string (domain), code, text) : NULL;
}
