/* gmp-warm-private.h: what an application and its warm-start server say to each other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Tells a process beside GMP_WORKER_ENV, whose socket then speaks this, that it is to be forked. */
#define GMP_WARM_ENV "GMPROC_WARM_SERVER"

/* The application says LOAD, once, and is told READY or REFUSED. After that each FORK is answered
 * by FORKED or REFUSED, and each process that has ended is made known by ENDED. The end of the
 * socket is the end of the server. */
typedef enum {
  GMP_WARM_LOAD = 1, /* what to load: text is a GVariant of type v */
  GMP_WARM_READY,
  GMP_WARM_REFUSED,  /* text says why */
  GMP_WARM_FORK,     /* descriptors: see GmpWarmHandle */
  GMP_WARM_FORKED,   /* number is the pid; descriptor: its pidfd */
  GMP_WARM_ENDED     /* number is the pid; text: wait status and KiB of memory it had at most */
} GmpWarmKind;

/* The descriptors of FORK. */
typedef enum {
  GMP_WARM_HANDLE_CONTROL,
  GMP_WARM_HANDLE_STDOUT,
  GMP_WARM_HANDLE_STDERR,
  GMP_WARM_HANDLE_FOLDER, /* the working directory */
  GMP_WARM_N_HANDLES
} GmpWarmHandle;

typedef struct {
  guint32 kind;
  gint32 number;
  guint32 n_handles;
  int handles[GMP_WARM_N_HANDLES];
  gsize length;
  char *text; /* (nullable): ends with a zero that @length does not count */
} GmpWarmMessage;

gboolean gmp_warm_send          (int                    fd,
                                 const GmpWarmMessage  *message,
                                 GError               **error);
gboolean gmp_warm_receive       (int                    fd,
                                 gboolean               keeps_it,
                                 GmpWarmMessage        *message,
                                 GError               **error);
void     gmp_warm_message_clear (GmpWarmMessage        *message);

G_END_DECLS
