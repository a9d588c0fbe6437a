/* pool.c: kills processes of a pool at moments drawn by chance, and accounts for each call
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Usage: pool N_KILLS
 *
 * Some processes also die before they take a call, in the initializer. Each kill may fail the one
 * call that its process executes; all other calls have their right result. ../pool.py starts this.
 */

#include <gmproc.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_WORKERS 4
#define N_PENDING 16
#define BIG 100000

typedef struct {
  GmpPool *pool;
  GMainLoop *loop;
  guint n_pending;
  guint n_calls;
  guint n_failed;
  GHashTable *failed; /* the workers that a call has failed with */
  GMutex lock;        /* protects the members below */
  GCond answered;
  guint n_answered;
  GArray *workers;    /* Workers: started and not killed */
  GHashTable *killed; /* the numbers of these */
  guint n_kills;      /* remaining */
} Trial;

typedef struct {
  guint number;
  int pid;
} Worker;

typedef struct {
  Trial *trial;
  guint number;
} Call;

static void submit (Trial *self);

static GVariant *
initialize (GVariant *params G_GNUC_UNUSED,
            GError  **error G_GNUC_UNUSED)
{
  if (getpid () % 10 == 0)
    raise (SIGKILL);
  return NULL;
}

/* Returns the number and the sum of the bytes of its parameters. */
static GVariant *
add_up (GVariant *params,
        GError  **error G_GNUC_UNUSED)
{
  g_autoptr (GVariant) bytes = g_variant_get_child_value (params, 1);
  const guint8 *data = g_variant_get_data (bytes);
  gsize size = g_variant_get_size (bytes);
  guint32 number;
  guint64 sum = 0;

  g_variant_get_child (params, 0, "u", &number);
  for (gsize i = 0; i < size; i++)
    sum += data[i];
  return g_variant_new ("(ut@ay)", number, sum, bytes);
}

/* The worker's number in an error: "Worker '3' (pid 4711) was killed ...". */
static guint
find_worker (const GError *error)
{
  const char *found = strstr (error->message, "Worker '");

  return found != NULL ? (guint) atoi (found + strlen ("Worker '")) : 0;
}

static void
check_failure (Trial        *self,
               const GError *error)
{
  guint worker = find_worker (error);

  self->n_failed++;
  if (!g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED))
    g_error ("A call failed for another reason than a death: %s", error->message);
  if (!g_hash_table_add (self->failed, GUINT_TO_POINTER (worker)))
    g_error ("Worker %u has failed a second call: %s", worker, error->message);
  g_mutex_lock (&self->lock);
  if (!g_hash_table_contains (self->killed, GUINT_TO_POINTER (worker)))
    g_error ("A call failed of worker %u, which was not killed: %s", worker, error->message);
  g_mutex_unlock (&self->lock);
}

static void
called_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autofree Call *call = user_data;
  Trial *self = call->trial;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = gmp_pool_call_finish (GMP_POOL (source), result, &error);
  g_autoptr (GVariant) bytes = NULL;
  guint32 answered;
  guint64 sum;

  self->n_pending--;
  g_mutex_lock (&self->lock);
  self->n_answered++;
  g_cond_signal (&self->answered);
  g_mutex_unlock (&self->lock);
  if (value != NULL)
    {
      g_variant_get (value, "(ut@ay)", &answered, &sum, &bytes);
      if (answered != call->number ||
          sum != (call->number & 0xff) * (guint64) g_variant_get_size (bytes))
        g_error ("Call %u has the result of call %u, or a damaged one", call->number, answered);
    }
  else
    {
      check_failure (self, error);
    }
  submit (self);
}

/* Keeps this many calls pending until all kills are done, so that there is always an answer to
 * come. */
static void
submit (Trial *self)
{
  gboolean is_over;

  g_mutex_lock (&self->lock);
  is_over = self->n_kills == 0;
  g_mutex_unlock (&self->lock);
  while (!is_over && self->n_pending < N_PENDING)
    {
      guint number = ++self->n_calls;
      gsize size = number % 4 == 1 ? BIG : number % 100;
      guint8 *data = g_malloc (size);
      Call *call = g_new (Call, 1);
      GVariant *bytes;

      memset (data, number & 0xff, size);
      bytes = g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, g_free, data);
      *call = (Call) { self, number };
      self->n_pending++;
      gmp_pool_call_async (self->pool, add_up, g_variant_new ("(u@ay)", number, bytes), NULL,
                           called_cb, call);
    }
  if (self->n_pending == 0)
    g_main_loop_quit (self->loop);
}

static void
started_cb (GmpPool *pool G_GNUC_UNUSED,
            guint    number,
            int      pid,
            Trial   *self)
{
  Worker worker = { number, pid };

  g_mutex_lock (&self->lock);
  g_array_append_val (self->workers, worker);
  g_mutex_unlock (&self->lock);
}

/* Waits for a random time, so that the next kill can happen at any moment of a call. */
static void
linger (void)
{
  gint64 end = g_get_monotonic_time () + g_random_int_range (0, 300);

  while (g_get_monotonic_time () < end)
    continue;
}

/* Kills a random process from time to time. */
static gpointer
kill_all (gpointer user_data)
{
  Trial *self = user_data;
  guint next = 0;

  g_mutex_lock (&self->lock);
  while (self->n_kills > 0)
    {
      next += (guint) g_random_int_range (0, 3 * N_PENDING);
      while (self->n_answered < next || self->workers->len == 0)
        g_cond_wait (&self->answered, &self->lock);
      g_mutex_unlock (&self->lock);
      linger ();
      g_mutex_lock (&self->lock);
      if (self->workers->len > 0)
        {
          guint i = (guint) g_random_int_range (0, (gint32) self->workers->len);
          Worker worker = g_array_index (self->workers, Worker, i);

          g_array_remove_index_fast (self->workers, i);
          g_hash_table_add (self->killed, GUINT_TO_POINTER (worker.number));
          kill (worker.pid, SIGKILL);
          self->n_kills--;
        }
    }
  g_mutex_unlock (&self->lock);
  return NULL;
}

int
main (int    argc,
      char **argv)
{
  Trial self = { .loop = NULL };
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  guint n_kills;
  GThread *killer;

  gmp_init (&argc, &argv);
  n_kills = argc > 1 ? (guint) atoi (argv[1]) : 1000;
  self.loop = g_main_loop_new (NULL, FALSE);
  self.n_kills = n_kills;
  self.workers = g_array_new (FALSE, FALSE, sizeof (Worker));
  self.killed = g_hash_table_new (NULL, NULL);
  self.failed = g_hash_table_new (NULL, NULL);
  g_mutex_init (&self.lock);
  g_cond_init (&self.answered);
  self.pool = gmp_pool_new (N_WORKERS);
  if (!gmp_pool_set_initializer (self.pool, initialize, NULL, &error))
    g_error ("%s", error->message);
  g_signal_connect (self.pool, "worker-started", G_CALLBACK (started_cb), &self);
  submit (&self);
  killer = g_thread_new ("killer", kill_all, &self);
  g_main_loop_run (self.loop);
  g_thread_join (killer);
  value = gmp_pool_call (self.pool, add_up, g_variant_new_parsed ("(uint32 7, b'')"), NULL, &error);
  if (value == NULL && !g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED))
    g_error ("After the last kill: %s", error->message);
  gmp_pool_close (self.pool);
  g_print ("%u calls, %u kills, %u calls failed\n", self.n_calls, n_kills, self.n_failed);
  g_object_unref (self.pool);
  g_hash_table_unref (self.failed);
  g_hash_table_unref (self.killed);
  g_array_unref (self.workers);
  g_main_loop_unref (self.loop);
  g_cond_clear (&self.answered);
  g_mutex_clear (&self.lock);
  return 0;
}
