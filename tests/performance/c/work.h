/* work.h: the work that is measured, the same for everybody
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Nothing here waits or transports anything, because that is what is measured. A wrong response
 * ends the process with an error, and thus the measurement. */

gint64 work_now   (void);                /* nanoseconds */
void   work_print (double      seconds,  /* for one operation */
                   guint64     count);
void   work_fail  (const char *format,
                   ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;

/* Requests per second, counted by the server. It answers each request, an int, with the next
 * int. When all clients have started and are warm, it counts for some time. The last response to
 * each client is WORK_STOP. */

#define WORK_STOP        (-1)
#define WORK_MAX_CLIENTS 1024

typedef enum {
  WORK_WARMING,
  WORK_COUNTING,
  WORK_ENDING
} WorkPhase;

typedef struct
{
  guint     n_clients;
  double    seconds;
  WorkPhase phase;
  guint64   counts[WORK_MAX_CLIENTS];
  guint     n_running;   /* clients that were not stopped */
  guint     until_clock; /* requests between two readings of the clock */
  gint64    looked;
  gint64    warm_since;  /* 0 until all clients have started */
  gint64    begin;
  gint64    end;
} WorkTally;

void     work_tally_init    (WorkTally *self,
                             guint      n_clients,
                             double     seconds);
gint32   work_tally_answer  (WorkTally *self,
                             gint32     request);
gboolean work_tally_is_over (WorkTally *self);
double   work_tally_get     (WorkTally *self,
                             guint64   *count);

/* A client of such a server. */

typedef struct
{
  gint32 client;
  gint32 n;
} WorkAsker;

void     work_asker_init (WorkAsker *self,
                          guint      client);
gint32   work_asker_next (WorkAsker *self);
gboolean work_asker_take (WorkAsker *self,
                          gint32     response); /* returns whether to continue */

/* Times of single operations, summarized as their median. The first tenth is warm-up. */

typedef struct
{
  guint   n;
  gint64  begin;
  GArray *times; /* of gint64 */
} WorkTimes;

void     work_times_init    (WorkTimes *self,
                             guint      n);
void     work_times_begin   (WorkTimes *self);
void     work_times_end     (WorkTimes *self);
gboolean work_times_is_over (WorkTimes *self);
double   work_times_get     (WorkTimes *self);

/* Messages of given sizes, which the server returns unchanged. A message of one byte is the last
 * one. Small ones are timed in batches. */

typedef struct
{
  gsize  *sizes;
  guint   n_sizes;
  double  seconds;   /* for each size */
  guint   index;     /* of the size */
  guint   n_batches; /* the first is warm-up */
  guint   batch;     /* messages in a batch */
  guint   n_done;    /* in this batch */
  gint64  begin;
  gint64  until;
  guint32 stamp;
  guint8 *data;      /* the data to be sent, as large as the largest message */
  GArray *times;     /* of gint64: the time of one message, from each batch of this size */
  double *results;   /* for each size */
} WorkEcho;

void          work_echo_init  (WorkEcho           *self,
                               double              seconds,
                               const char * const *sizes);
gconstpointer work_echo_next  (WorkEcho           *self,
                               gsize              *size);
gboolean      work_echo_take  (WorkEcho           *self,
                               gconstpointer       data,
                               gsize               size); /* returns whether to continue */
char         *work_echo_get   (WorkEcho           *self); /* the result to be printed */

G_END_DECLS
