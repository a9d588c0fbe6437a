/* gmp-environment-private.h: the variables GMPROC_*
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The descriptor of the control socket in a worker's process, and the variable by which a process
 * recognizes that it is a worker. */
#define GMP_WORKER_FD  3
#define GMP_WORKER_ENV "GMPROC_WORKER"

/* In seconds: how long a node may be silent. */
#define GMP_NODE_TIMEOUT_ENV "GMPROC_NODE_TIMEOUT"
#define GMP_NODE_TIMEOUT     15

/* All variables of gmproc are read here. They name programs that are run, so a program with more
 * rights than its caller ignores them. */
const char *gmp_environment_get         (const char  *name);
gboolean    gmp_environment_is          (const char  *name,
                                         const char  *word,
                                         const char  *other);
double      gmp_environment_get_seconds (const char  *name,
                                         double       minimum,
                                         double       otherwise);
gboolean    gmp_environment_is_secure   (void);
char      **gmp_environment_copy        (void);
char      **gmp_environment_clean       (char       **environment);
gboolean    gmp_environment_can_pass    (const char  *program,
                                         GError     **error);

/* Variables that change all the time and that nothing is loaded by. Processes that differ in these
 * alone can replace each other. */
gboolean    gmp_environment_is_fleeting  (const char *entry);
char       *gmp_environment_get_fleeting (char      **environment,
                                          gsize      *length);
void        gmp_environment_set_fleeting (const char *text,
                                          gsize       length);

G_END_DECLS
