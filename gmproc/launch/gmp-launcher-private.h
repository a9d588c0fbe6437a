/* gmp-launcher-private.h: starts processes, here or elsewhere
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-process-private.h"

#include <signal.h>

G_BEGIN_DECLS

/* The process to start, with its descriptors. */
typedef struct {
  char **argv;
  char **environment;            /* (nullable): of this process as it is now */
  const char *working_directory; /* (nullable): of this process as it is now */
  guint inner_threads;           /* for libraries that start a thread for each processor */
  gboolean is_ahead;             /* no run waits for it yet */
  int control_fd;                /* becomes GMP_WORKER_FD */
  int stdout_fd;                 /* -1: inherited */
  int stderr_fd;                 /* -1: inherited */
} GmpLaunch;

/* The steps of the child before it executes the program. */
typedef struct {
  sigset_t mask;
  gboolean leaves_descriptors; /* GLib cannot close them */
  int highest;                 /* of these; -1: none is left */
} GmpLaunchSetup;

void        gmp_launch_setup_begin      (GmpLaunchSetup  *self,
                                         sigset_t        *old);
void        gmp_launch_setup_end        (const sigset_t  *old);
void        gmp_launch_setup_cb         (gpointer         setup);
char      **gmp_launch_make_environment (const GmpLaunch *self);
const char *gmp_launch_get_folder       (const GmpLaunch *self);
void        gmp_launch_close            (const GmpLaunch *self);
void        gmp_launch_set_error        (GError         **error,
                                         const GError    *reason);

/* launch: starts @launch->argv, or fails with GMP_ERROR_LAUNCH; takes ownership of the descriptors
 * either way. It must not fork a process that has threads. */

#define GMP_TYPE_LAUNCHER (gmp_launcher_get_type ())
G_DECLARE_DERIVABLE_TYPE (GmpLauncher, gmp_launcher, GMP, LAUNCHER, GObject)

struct _GmpLauncherClass
{
  GObjectClass parent_class;

  GmpProcess *(*launch) (GmpLauncher     *self,
                         const GmpLaunch *launch,
                         GError         **error);
};

GmpProcess *gmp_launcher_launch (GmpLauncher     *self,
                                 const GmpLaunch *launch,
                                 GError         **error);

G_END_DECLS
