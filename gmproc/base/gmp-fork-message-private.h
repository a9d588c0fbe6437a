/* gmp-fork-message-private.h: messages between an application and its fork server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Set in addition to GMP_WORKER_ENV, it makes a process a fork server, and its socket speaks this
 * protocol. */
#define GMP_FORK_SERVER_ENV "GMPROC_WARM_SERVER"

/* The application sends LOAD once, and receives READY or REFUSED. After that, FORKED or REFUSED
 * answers each FORK, and ENDED reports each process that has ended. The server exits when the
 * socket closes. */
typedef enum {
  GMP_FORK_LOAD = 1, /* what to load: text is a GVariant of type v */
  GMP_FORK_READY,    /* text (nullable): modules that take each worker long to load */
  GMP_FORK_REFUSED,  /* text is the reason */
  GMP_FORK_FORK,     /* number: see GMP_FORK_AHEAD; descriptors: see GmpForkHandle; text: the
                      * fleeting variables */
  GMP_FORK_FORKED,   /* number is the pid; descriptor: its pidfd */
  GMP_FORK_ENDED     /* number is the pid; text: wait status and peak memory in KiB */
} GmpForkMessageKind;

/* The number of a FORK that is requested before there is a job for it. */
#define GMP_FORK_AHEAD 1

/* The descriptors of FORK. */
typedef enum {
  GMP_FORK_HANDLE_CONTROL,
  GMP_FORK_HANDLE_STDOUT,
  GMP_FORK_HANDLE_STDERR,
  GMP_FORK_HANDLE_FOLDER, /* the working directory */
  GMP_FORK_N_HANDLES
} GmpForkHandle;

typedef struct {
  guint32 kind;
  gint32 number;
  guint32 n_handles;
  int handles[GMP_FORK_N_HANDLES];
  gsize length;
  char *text; /* (nullable): ends with a zero that @length does not count */
} GmpForkMessage;

gboolean gmp_fork_message_send    (int                   fd,
                                   const GmpForkMessage *message,
                                   GError              **error);
gboolean gmp_fork_message_receive (int             fd,
                                   gboolean        keeps_it,
                                   GmpForkMessage *message,
                                   GError        **error);
void     gmp_fork_message_clear   (GmpForkMessage        *message);

G_END_DECLS
