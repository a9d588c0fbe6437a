/* work.c: the work that is measured, the same for everybody
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Counting starts when each client has had this many responses. */
#define WARM_UP 50

/* How many times longer than expected this may take. */
#define PATIENCE 20

/* The upper bits of a request are the client's number. */
#define CLIENT_SHIFT 20
#define COUNT_MASK   0xfffff

#define PAGE 4096

gint64
work_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

void
work_print (double  seconds,
            guint64 count)
{
  printf ("{\"seconds\": %.9g, \"count\": %" G_GUINT64_FORMAT "}\n", seconds, count);
  fflush (stdout);
}

void
work_fail (const char *format,
           ...)
{
  va_list args;

  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
  fputc ('\n', stderr);
  exit (EXIT_FAILURE);
}

void
work_tally_init (WorkTally *self,
                 guint      n_clients,
                 double     seconds)
{
  if (n_clients < 1 || n_clients > WORK_MAX_CLIENTS)
    work_fail ("1 to %d clients, not %u", WORK_MAX_CLIENTS, n_clients);
  memset (self, 0, sizeof *self);
  self->n_clients = self->n_running = n_clients;
  self->seconds = seconds;
  self->until_clock = 1;
}

static gboolean
has_everybody (WorkTally *self,
               guint64    count)
{
  for (guint i = 0; i < self->n_clients; i++)
    if (self->counts[i] < count)
      return FALSE;
  return TRUE;
}

/* If other programs use the processors, a client may need longer for its turn. */
static gboolean
is_enough (WorkTally *self,
           gint64     now)
{
  double seconds = (now - self->begin) / 1e9;

  return seconds >= self->seconds &&
         (has_everybody (self, 1) || seconds >= PATIENCE * self->seconds);
}

static void
work_tally_look (WorkTally *self)
{
  gint64 now = work_now ();

  /* Reading the clock costs a tenth of a fast request. */
  self->until_clock = now - self->looked < 100 * 1000 ? 32 : 1;
  self->looked = now;
  if (self->phase == WORK_WARMING)
    {
      if (self->warm_since == 0 && has_everybody (self, WARM_UP))
        self->warm_since = now;
      if (self->warm_since == 0 || now - self->warm_since < self->seconds / 4 * 1e9)
        return;
      memset (self->counts, 0, sizeof self->counts);
      self->begin = now;
      self->phase = WORK_COUNTING;
    }
  else if (self->phase == WORK_COUNTING && is_enough (self, now))
    {
      self->end = now;
      self->phase = WORK_ENDING;
    }
}

gint32
work_tally_answer (WorkTally *self,
                   gint32     request)
{
  guint client = (guint) request >> CLIENT_SHIFT;

  if (client >= self->n_clients)
    work_fail ("A request from client %u, of %u", client, self->n_clients);
  if (self->phase != WORK_ENDING)
    {
      self->counts[client]++;
      if (--self->until_clock == 0)
        work_tally_look (self);
    }
  if (self->phase == WORK_ENDING)
    {
      self->n_running--;
      return WORK_STOP;
    }
  return (request & ~COUNT_MASK) | ((request + 1) & COUNT_MASK);
}

gboolean
work_tally_is_over (WorkTally *self)
{
  return self->n_running == 0;
}

/* The seconds for one request, over all clients. */
double
work_tally_get (WorkTally *self,
                guint64   *count)
{
  *count = 0;
  for (guint i = 0; i < self->n_clients; i++)
    {
      if (self->counts[i] == 0)
        work_fail ("Client %u was not served while the others were", i);
      *count += self->counts[i];
    }
  return (self->end - self->begin) / 1e9 / *count;
}

void
work_asker_init (WorkAsker *self,
                 guint      client)
{
  self->client = client << CLIENT_SHIFT;
  self->n = 0;
}

gint32
work_asker_next (WorkAsker *self)
{
  return self->client | self->n;
}

gboolean
work_asker_take (WorkAsker *self,
                 gint32     response)
{
  if (response == WORK_STOP)
    return FALSE;
  self->n = (self->n + 1) & COUNT_MASK;
  if (response != (self->client | self->n))
    work_fail ("The answer should be %d, and is %d", self->client | self->n, response);
  return TRUE;
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  gint64 first = *(const gint64 *) a, second = *(const gint64 *) b;

  return (first > second) - (first < second);
}

static double
median (GArray *times)
{
  g_array_sort (times, compare_times);
  return g_array_index (times, gint64, times->len / 2) / 1e9;
}

void
work_times_init (WorkTimes *self,
                 guint      n)
{
  self->n = MAX (n, 1);
  self->times = g_array_new (FALSE, FALSE, sizeof (gint64));
}

void
work_times_begin (WorkTimes *self)
{
  self->begin = work_now ();
}

void
work_times_end (WorkTimes *self)
{
  gint64 time = work_now () - self->begin;

  g_array_append_val (self->times, time);
}

gboolean
work_times_is_over (WorkTimes *self)
{
  return self->times->len >= self->n + self->n / 10;
}

double
work_times_get (WorkTimes *self)
{
  g_array_remove_range (self->times, 0, self->n / 10);
  return median (self->times);
}

static guint8
pattern (gsize i)
{
  return (guint8) (i ^ (i >> 12));
}

static void
work_echo_begin_size (WorkEcho *self)
{
  self->batch = self->sizes[self->index] <= 64 * 1024 ? 20 : 1;
  self->n_batches = self->n_done = 0;
  self->until = 0;
  g_array_set_size (self->times, 0);
}

void
work_echo_init (WorkEcho           *self,
                double              seconds,
                const char * const *sizes)
{
  gsize biggest = 8;

  memset (self, 0, sizeof *self);
  self->seconds = seconds;
  self->n_sizes = g_strv_length ((char **) sizes);
  self->sizes = g_new (gsize, self->n_sizes + 1);
  self->results = g_new (double, self->n_sizes + 1);
  self->times = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint i = 0; i < self->n_sizes; i++)
    {
      self->sizes[i] = MAX (g_ascii_strtoull (sizes[i], NULL, 10), 8);
      biggest = MAX (biggest, self->sizes[i]);
    }
  self->sizes[self->n_sizes] = 1;
  self->data = g_malloc (biggest);
  for (gsize i = 0; i < biggest; i++)
    self->data[i] = pattern (i);
  work_echo_begin_size (self);
}

/* Each message begins with its own stamp. */
gconstpointer
work_echo_next (WorkEcho *self,
                gsize    *size)
{
  *size = self->sizes[self->index];
  if (*size == 1)
    return self->data;
  if (self->n_done == 0)
    self->begin = work_now ();
  self->stamp++;
  memcpy (self->data, &self->stamp, sizeof self->stamp);
  return self->data;
}

/* The first message of a size is compared as a whole, the others in one byte of each page: a
 * program that returns a mapping must have filled it. */
static void
work_echo_check (WorkEcho     *self,
                 const guint8 *data,
                 gsize         size)
{
  if (size != self->sizes[self->index])
    work_fail ("The answer should have %zu bytes, and has %zu", self->sizes[self->index], size);
  if (memcmp (data, &self->stamp, sizeof self->stamp) != 0)
    work_fail ("The answer is an old one");
  if (self->n_batches == 0 && self->n_done == 0 && memcmp (data, self->data, size) != 0)
    work_fail ("The answer of %zu bytes is not what was sent", size);
  for (gsize i = PAGE; i < size; i += PAGE)
    if (data[i] != pattern (i))
      work_fail ("Byte %zu of the answer is not what was sent", i);
  if (data[size - 1] != self->data[size - 1])
    work_fail ("The last byte of the answer is not what was sent");
}

static void
work_echo_end_batch (WorkEcho *self)
{
  gint64 now = work_now ();
  gint64 time = (now - self->begin) / self->batch;

  self->n_done = 0;
  if (self->n_batches++ == 0)
    {
      self->until = now + self->seconds * 1e9;
      return;
    }
  g_array_append_val (self->times, time);
  if (now < self->until)
    return;
  self->results[self->index++] = median (self->times);
  if (self->index < self->n_sizes)
    work_echo_begin_size (self);
}

gboolean
work_echo_take (WorkEcho     *self,
                gconstpointer data,
                gsize         size)
{
  if (self->index == self->n_sizes)
    return FALSE;
  work_echo_check (self, data, size);
  if (++self->n_done == self->batch)
    work_echo_end_batch (self);
  return TRUE;
}

char *
work_echo_get (WorkEcho *self)
{
  GString *text = g_string_new ("{");

  for (guint i = 0; i < self->n_sizes; i++)
    g_string_append_printf (text, "%s\"%zu\": %.9g", i > 0 ? ", " : "", self->sizes[i],
                            self->results[i]);
  g_string_append (text, "}");
  return g_string_free (text, FALSE);
}
