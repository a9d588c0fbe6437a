/* gmp-error.h: the error domain
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/**
 * GMP_ERROR:
 *
 * The error domain of gmproc. Cancelling is [error@Gio.IOErrorEnum.CANCELLED].
 *
 * Since: 0.1
 */
#define GMP_ERROR (gmp_error_quark ())

/**
 * GmpError:
 * @GMP_ERROR_FAILED: user code failed without its own error domain
 * @GMP_ERROR_NOT_FOUND: an id, function, type or runtime that does not exist
 * @GMP_ERROR_EXISTS: the id is taken
 * @GMP_ERROR_CRASHED: a worker's process ended before its work did, by a signal or by exiting
 * @GMP_ERROR_TIMED_OUT: a wait took longer than its limit
 * @GMP_ERROR_DISCONNECTED: the process at the other end of a connection has exited
 * @GMP_ERROR_SERVER_DONE: the server was done before it answered this request
 * @GMP_ERROR_PROTOCOL: the other side sent something that the protocol does not allow
 * @GMP_ERROR_BAD_PAYLOAD: a value that cannot be sent to, or read by, the other side
 * @GMP_ERROR_LAUNCH: a worker's process could not be started
 * @GMP_ERROR_NODE_LOST: the machine that a worker ran on cannot be reached any more
 *
 * Error codes of the domain %GMP_ERROR.
 *
 * An error that user code sets keeps its own domain and code on its way to the application.
 *
 * Since: 0.1
 */
typedef enum {
  GMP_ERROR_FAILED,
  GMP_ERROR_NOT_FOUND,
  GMP_ERROR_EXISTS,
  GMP_ERROR_CRASHED,
  GMP_ERROR_TIMED_OUT,
  GMP_ERROR_DISCONNECTED,
  GMP_ERROR_SERVER_DONE,
  GMP_ERROR_PROTOCOL,
  GMP_ERROR_BAD_PAYLOAD,
  GMP_ERROR_LAUNCH,
  GMP_ERROR_NODE_LOST
} GmpError;

GMP_PUBLIC GQuark gmp_error_quark (void);

G_END_DECLS
