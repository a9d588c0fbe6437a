/* gmp-kind-private.h: processes of one kind, which can stand in for each other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "application/gmp-order-private.h"
#include "application/gmp-worker-process-private.h"
#include "launch/gmp-warm-launcher-private.h"

G_BEGIN_DECLS

/* A process that was started. */
typedef struct {
  GmpWorkerProcess *process;
  int control_fd;   /* the application's end of the control socket */
  gboolean is_warm; /* it was not started for this order alone, as it would be by hand */
} GmpStarted;

typedef enum {
  GMP_SERVER_NONE,
  GMP_SERVER_LOADING,
  GMP_SERVER_READY,
  GMP_SERVER_REFUSED /* there will be none */
} GmpServerState;

/* A kind of process: the same command, environment and so on. The first one is executed. With the
 * second one comes a server that is forked for it and those to come, where the runtime can be
 * forked. For each process that is taken, another is started ahead, as many as there are
 * processors: a fork, or where there is no server, one that was executed. */
typedef struct {
  char *key;
  char *runtime;
  gboolean was_wanted; /* an earlier order was of this kind */
  GmpServerState state;
  GmpWarmLauncher *server;
  GmpWarmLauncher *successor; /* (nullable): loads more modules, while the server goes on */
  guint n_modules;            /* that the last of both was told to load */
  guint n_successors;
  char *reason;               /* (nullable): why there is no server */
  guint n_refused;            /* processes that were executed for that */
  GQueue waiting;             /* the starter's: orders that wait for the server */
  GQueue spares;              /* of Spare */
} GmpKind;

GmpKind    *gmp_kind_new           (const GmpOrder *order);
void        gmp_kind_free          (GmpKind        *self);
void        gmp_kind_start_server  (GmpKind        *self,
                                    GmpLauncher    *plain,
                                    const GmpOrder *order);
gboolean    gmp_kind_has_answer    (GmpKind        *self);
void        gmp_kind_settle_server (GmpKind        *self);
void        gmp_kind_renew_server  (GmpKind        *self,
                                    GmpLauncher    *plain,
                                    const GmpOrder *order);
GmpStarted *gmp_kind_start         (GmpKind        *self,
                                    GmpLauncher    *plain,
                                    GmpOrder       *order,
                                    GError        **error);
char       *gmp_kind_complain      (GmpKind        *self);
GmpStarted *gmp_kind_take_spare    (GmpKind        *self,
                                    GmpOrder       *order);
void        gmp_kind_add_spare     (GmpKind        *self,
                                    GmpLauncher    *plain,
                                    GmpOrder       *order);
gboolean    gmp_kind_drop_spares   (GmpKind        *self);

GmpStarted *gmp_started_new        (GmpLauncher    *launcher,
                                    GmpOrder       *order,
                                    gboolean        is_warm,
                                    GError        **error);
void        gmp_started_free       (GmpStarted     *started);

G_END_DECLS
