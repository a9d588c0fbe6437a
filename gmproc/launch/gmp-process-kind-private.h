/* gmp-process-kind-private.h: processes of one kind, which can stand in for each other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "launch/gmp-fork-launcher-private.h"
#include "launch/gmp-process-spec-private.h"
#include "launch/gmp-worker-process-private.h"

G_BEGIN_DECLS

/* A process that was started. */
typedef struct {
  GmpWorkerProcess *process;
  int control_fd;   /* the application's end of the control socket */
  gboolean is_warm; /* it was not started for this order alone */
} GmpStarted;

typedef enum {
  GMP_SERVER_NONE,
  GMP_SERVER_LOADING,
  GMP_SERVER_READY,
  GMP_SERVER_REFUSED /* there will be none */
} GmpServerState;

/* A kind of process: the same command, environment and so on. A single first process is executed.
 * The second one creates a server, if the runtime can be forked, and all waiting and later ones are
 * forks of that. For each process that is taken, another is started ahead, as many as there are
 * processors: a fork or, without a server, an executed one. */
typedef struct {
  char *key;
  char *runtime;
  gboolean was_wanted; /* an earlier order was of this kind */
  GmpServerState state;
  gint64 load_begin;   /* of the server, in monotonic time */
  gboolean is_late;    /* a worker has waited in vain for the server to load */
  GmpForkLauncher *server;
  GmpForkLauncher *successor; /* (nullable): loads more modules, while the server continues */
  guint n_modules;            /* the modules that the last of both loads */
  guint n_successors;
  guint n_lost;               /* the servers in a row that were lost before their first fork */
  char *reason;               /* (nullable): why there is no server */
  const char *advice;         /* what to do about that */
  guint n_refused;            /* processes that were executed for that */
  char *slow;                 /* (nullable): what takes each fork long to load */
  guint n_slow;               /* processes that were forked in spite of that */
  GQueue waiting;             /* the cache's: specs that wait for the server */
  GQueue spares;              /* of Spare */
} GmpProcessKind;

GmpProcessKind *gmp_process_kind_new           (const GmpProcessSpec *spec);
void            gmp_process_kind_free          (GmpProcessKind *self);
void            gmp_process_kind_start_server  (GmpProcessKind       *self,
                                                GmpLauncher          *plain,
                                                const GmpProcessSpec *spec);
gboolean        gmp_process_kind_has_answer    (GmpProcessKind *self);
void            gmp_process_kind_settle_server (GmpProcessKind *self);
void            gmp_process_kind_renew_server  (GmpProcessKind       *self,
                                                GmpLauncher          *plain,
                                                const GmpProcessSpec *spec);
GmpStarted     *gmp_process_kind_start         (GmpProcessKind *self,
                                                GmpLauncher    *plain,
                                                GmpProcessSpec *spec,
                                                GError        **error);
char           *gmp_process_kind_complain      (GmpProcessKind *self);
GmpStarted     *gmp_process_kind_take_spare    (GmpProcessKind *self,
                                                GmpProcessSpec *spec);
void            gmp_process_kind_add_spare     (GmpProcessKind *self,
                                                GmpLauncher    *plain,
                                                GmpProcessSpec *spec);
gboolean        gmp_process_kind_drop_spares   (GmpProcessKind *self);
gboolean        gmp_process_kind_give_way      (GmpProcessKind *self);

GmpStarted *gmp_started_new  (GmpLauncher    *launcher,
                              GmpProcessSpec *spec,
                              gboolean        is_warm,
                              GError        **error);
void        gmp_started_free (GmpStarted *started);

G_END_DECLS
