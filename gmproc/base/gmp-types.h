/* gmp-types.h: export macro and the types that every floor shares
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#if !defined (GMPROC_INSIDE) && !defined (GMPROC_COMPILATION)
#error "Include <gmproc.h> alone."
#endif

/* The library is built with hidden visibility: this marks the public interface. */
#define GMP_PUBLIC __attribute__ ((visibility ("default"))) extern

G_BEGIN_DECLS

/**
 * GmpMethod:
 * @params: (nullable): the parameters given to [method@Gmp.Workers.add]
 * @error: return location for an error
 *
 * A plain function that runs in a worker process and returns a value.
 *
 * Static functions work too. The function must not rely on anything that the application did after
 * `gmp_init ()`: it runs in its own, fresh process.
 *
 * Returns: (transfer full) (nullable): the result, floating or not; %NULL without an error is a
 *   result too
 *
 * Since: 0.1
 */
typedef GVariant *(*GmpMethod) (GVariant *params,
                                GError  **error);

/**
 * GmpOutputStream:
 * @GMP_OUTPUT_STDOUT: the standard output
 * @GMP_OUTPUT_STDERR: the standard error
 *
 * The stream that a worker wrote a line to.
 *
 * Since: 0.1
 */
typedef enum {
  GMP_OUTPUT_STDOUT,
  GMP_OUTPUT_STDERR
} GmpOutputStream;

/**
 * GmpRestart:
 * @GMP_RESTART_NEVER: a worker that failed is not started again
 * @GMP_RESTART_ON_FAILURE: a worker that failed is started again
 * @GMP_RESTART_ALWAYS: a worker that ended is started again, even if it finished
 *
 * The rule by which workers are started again; see [property@Gmp.Runner:restart].
 *
 * These are the rules `temporary`, `transient` and `permanent` of the supervisors of Erlang/OTP.
 *
 * Since: 0.1
 */
typedef enum {
  GMP_RESTART_NEVER,
  GMP_RESTART_ON_FAILURE,
  GMP_RESTART_ALWAYS
} GmpRestart;

G_END_DECLS
