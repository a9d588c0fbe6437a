/* gmp-server-cycle-private.h: a server's life cycle, for each way to wait for requests
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "channel/gmp-inbox-private.h"
#include "worker/gmp-request-private.h"

G_BEGIN_DECLS

/* How a server takes its requests. */
typedef enum {
  GMP_SERVER_ANSWERS, /* process: one request at a time */
  GMP_SERVER_KEEPS,   /* request: each is answered at any time */
  GMP_SERVER_BATCHES, /* process_batch: several at once */
  GMP_SERVER_GATHERS  /* gmp_server_cycle_take_batch(): the caller takes them */
} GmpServerMode;

/* When a batch is complete. */
typedef struct {
  guint size;     /* 0: as many as there are clients */
  double timeout; /* in seconds, from its first request on; 0: none */
} GmpBatchRule;

#define GMP_BATCH_PARAM_FLAGS (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY)

/* A server's methods, implemented by a GmpServerWorker in its process or by the application. A
 * method has failed if *error is set. */
typedef struct {
  gboolean  (*start)         (gpointer      self,
                              GVariant     *params,
                              GError      **error);
  GVariant *(*process)       (gpointer      self,
                              const char   *client_id,
                              GVariant     *request,
                              GError      **error);
  gboolean  (*request)       (gpointer      self,
                              GmpRequest   *request,
                              GError      **error);
  gboolean  (*process_batch) (gpointer      self,
                              GPtrArray    *requests,
                              GError      **error);
  gboolean  (*wait)          (gpointer      self,
                              GError      **error);
  gboolean  (*done)          (gpointer      self,
                              GError      **error);
  GVariant *(*finish)        (gpointer      self,
                              GError      **error);
  gboolean  (*client_failed) (gpointer      self,
                              const char   *client_id,
                              const GError *reason,
                              GError      **error);
  void      (*client_late)   (gpointer      self,
                              const char   *client_id);
} GmpServerMethods;

/* The life cycle of one server. The caller waits for messages: in a loop of the server's process,
 * or in a main loop of the application. */
typedef struct {
  const GmpServerMethods *methods;
  gpointer server;
  GmpInbox *inbox;
  GmpServerMode mode;
  const GmpBatchRule *rule; /* may change at any time */

  GmpRequests *requests; /* (nullable): of those that are not answered at once */
  GPtrArray *batch;      /* of GmpRequest: until it is complete */
  gint64 begun;          /* when the batch's first request came, in monotonic time; -1: none */
} GmpServerCycle;

gboolean  gmp_batch_rule_set        (GmpBatchRule *self,
                                     const GValue *value);

void      gmp_server_cycle_init     (GmpServerCycle         *self,
                                     const GmpServerMethods *methods,
                                     gpointer                server,
                                     GmpInbox               *inbox,
                                     GmpServerMode           mode,
                                     const GmpBatchRule     *rule);
void      gmp_server_cycle_clear    (GmpServerCycle *self);
gboolean  gmp_server_cycle_start    (GmpServerCycle *self,
                                     GVariant       *params,
                                     GError        **error);
gboolean  gmp_server_cycle_is_done  (GmpServerCycle *self,
                                     GError        **error);
gboolean  gmp_server_cycle_handle   (GmpServerCycle *self,
                                     GmpInboxStatus  status,
                                     GmpMail        *mail,
                                     GError        **error);
gint64    gmp_server_cycle_get_deadline (GmpServerCycle *self);
GPtrArray *gmp_server_cycle_take_batch (GmpServerCycle *self,
                                        guint           n);
GVariant *gmp_server_cycle_finish   (GmpServerCycle *self,
                                     GError        **error);
void      gmp_server_cycle_abandon  (GmpServerCycle *self,
                                     const GError   *reason);

G_END_DECLS
