/* gmp-error.c: the error domain
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-error-private.h"

/* The names are what D-Bus tools show when a worker's reply is an error. */
static const GDBusErrorEntry entries[] = {
  { GMP_ERROR_FAILED, "org.gmproc.Error.Failed" },
  { GMP_ERROR_NOT_FOUND, "org.gmproc.Error.NotFound" },
  { GMP_ERROR_EXISTS, "org.gmproc.Error.Exists" },
  { GMP_ERROR_CRASHED, "org.gmproc.Error.Crashed" },
  { GMP_ERROR_TIMED_OUT, "org.gmproc.Error.TimedOut" },
  { GMP_ERROR_DISCONNECTED, "org.gmproc.Error.Disconnected" },
  { GMP_ERROR_SERVER_DONE, "org.gmproc.Error.ServerDone" },
  { GMP_ERROR_PROTOCOL, "org.gmproc.Error.Protocol" },
  { GMP_ERROR_BAD_PAYLOAD, "org.gmproc.Error.BadPayload" },
  { GMP_ERROR_LAUNCH, "org.gmproc.Error.Launch" },
  { GMP_ERROR_NODE_LOST, "org.gmproc.Error.NodeLost" },
};

/**
 * gmp_error_quark:
 *
 * The number of the error domain, which %GMP_ERROR stands for.
 *
 * Returns: the domain
 *
 * Since: 0.1
 */
GQuark
gmp_error_quark (void)
{
  static gsize quark;

  g_dbus_error_register_error_domain ("gmp-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return (GQuark) quark;
}

static gboolean
can_be_sent (const char *domain)
{
  return domain != NULL && domain[0] != '\0' && strlen (domain) < GMP_ERROR_DOMAIN_MAX &&
         g_utf8_validate (domain, -1, NULL);
}

/* The name of @error (nullable), of which "" stands for none. User code can make errors of any
 * domain, and even without one: such an error has failed, and keeps its text. */
GmpErrorName
gmp_error_get_name (const GError *error)
{
  const char *domain = error != NULL ? g_quark_to_string (error->domain) : "";

  if (error == NULL || can_be_sent (domain))
    return (GmpErrorName) { domain, error != NULL ? error->code : 0 };
  return (GmpErrorName) { g_quark_to_string (GMP_ERROR), GMP_ERROR_FAILED };
}
