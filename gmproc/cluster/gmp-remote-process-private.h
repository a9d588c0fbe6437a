/* gmp-remote-process-private.h: a process that an agent has started
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"
#include "launch/gmp-line-reader-private.h"
#include "launch/gmp-process-private.h"
#include "peer/gmp-bus-private.h"

G_BEGIN_DECLS

/* The body of the signal Ended. */
#define GMP_REMOTE_ENDED G_VARIANT_TYPE ("(itdas)")

#define GMP_TYPE_REMOTE_PROCESS (gmp_remote_process_get_type ())
G_DECLARE_FINAL_TYPE (GmpRemoteProcess, gmp_remote_process, GMP, REMOTE_PROCESS, GmpProcess)

GmpRemoteProcess *gmp_remote_process_new         (GmpBus           *bus,
                                                  const char       *node,
                                                  guint             number);
void              gmp_remote_process_set_pid     (GmpRemoteProcess *self,
                                                  int               pid);
GmpLineReader    *gmp_remote_process_get_reader  (GmpRemoteProcess *self,
                                                  GmpOutputStream   stream);
void              gmp_remote_process_take_signal (GmpRemoteProcess *self,
                                                  const char       *name,
                                                  GVariant         *body);

G_END_DECLS
