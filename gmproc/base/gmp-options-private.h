/* gmp-options-private.h: how workers are started, limited and ended
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/gmp-types.h"

G_BEGIN_DECLS

/* The default of shared-memory-limit, for GmpClientServer and GmpPool: bytes for each direction of
 * each channel. Unused, it only takes address space. */
#define GMP_SHARED_MEMORY_LIMIT (G_GUINT64_CONSTANT (1) << 30)

/* Sources of a run come after the redrawing of a window (GTK's priority is 120) and before idle
 * work of a program. Requests to an application that is the server come after both. */
#define GMP_PRIORITY_DEFAULT  150
#define GMP_PRIORITY_REQUESTS  50 /* to be added */

/* The fields are the values of GmpRunner's properties. A run has its own copy, which does not
 * change any more. All parts of the run share it, including processes that were started ahead in
 * another thread. */
typedef struct {
  char      *runtime;           /* the application's */
  gboolean   capture_output;
  guint      inner_threads;     /* 0: a share of the processors */

  gboolean   warm_start;
  char     **fresh_modules;     /* (nullable) */
  char      *launcher;          /* (nullable): the environment's */

  char     **environment;       /* (nullable): NAME=VALUE */
  char      *working_directory; /* (nullable) */
  guint64    memory_limit;      /* in bytes; 0 for no limit, also below */
  double     cpu_time_limit;    /* in seconds, as all times */
  guint      open_files_limit;
  guint64    value_size_limit;  /* in bytes; of one value that a worker sends */
  int        nice;
  char      *affinity;      /* (nullable) */

  int        priority;          /* of the run's sources in its main context */
  double     startup_timeout;
  double     run_timeout;
  double     request_timeout;
  double     turn_timeout;
  double     stop_grace;
  double     kill_grace;

  GmpRestart restart;
  guint      max_restarts;
  double     restart_period;
  gboolean   resend_requests;
} GmpOptions;

/* The options as properties: they have the indices from 0 to n - 1. */
guint       gmp_options_get_n           (void);
GParamSpec *gmp_options_make_param_spec (guint index);

GmpOptions *gmp_options_new        (void);
GmpOptions *gmp_options_copy       (const GmpOptions *self);
GmpOptions *gmp_options_ref        (GmpOptions *self);
void        gmp_options_unref      (GmpOptions *self);
void        gmp_options_get        (const GmpOptions *self,
                                    guint             index,
                                    GValue           *value);
gboolean    gmp_options_set        (GmpOptions   *self,
                                    guint         index,
                                    GParamSpec   *pspec,
                                    const GValue *value);
char      **gmp_options_list_fresh_modules (const GmpOptions *self);
char      **gmp_options_to_environ (const GmpOptions *self);
GVariant   *gmp_options_to_variant (const GmpOptions *self,
                                    gboolean          is_last);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GmpOptions, gmp_options_unref)

G_END_DECLS
