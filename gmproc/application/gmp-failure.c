/* gmp-failure.c: why and how a worker failed
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-failure-private.h"

#include "application/gmp-oom-private.h"
#include "base/gmp-error.h"
#include "launch/gmp-process-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define MIB (1024.0 * 1024.0)

/**
 * GmpFailure:
 *
 * Why and how a worker failed, in numbers: what the text of its error says, for programs.
 *
 * [method@Gmp.Application.get_failures] has those of a run.
 *
 * Since: 0.1
 */
struct _GmpFailure
{
  GObject parent_instance;

  char *id;
  GError *error;
  int pid;
  int exit_status;
  int signal;
  gboolean out_of_memory;
  double run_time;
  guint64 peak_memory;
  guint n_restarts;
  char **last_lines;
};

enum {
  PROP_0,
  PROP_ID,
  PROP_ERROR,
  PROP_PID,
  PROP_EXIT_STATUS,
  PROP_SIGNAL,
  PROP_OUT_OF_MEMORY,
  PROP_RUN_TIME,
  PROP_PEAK_MEMORY,
  PROP_N_RESTARTS,
  PROP_LAST_LINES,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (GmpFailure, gmp_failure, G_TYPE_OBJECT)

static void
gmp_failure_finalize (GObject *object)
{
  GmpFailure *self = GMP_FAILURE (object);

  g_free (self->id);
  g_clear_error (&self->error);
  g_strfreev (self->last_lines);
  G_OBJECT_CLASS (gmp_failure_parent_class)->finalize (object);
}

static void
gmp_failure_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  GmpFailure *self = GMP_FAILURE (object);

  switch (prop_id)
    {
    case PROP_ID:
      g_value_set_string (value, self->id);
      break;

    case PROP_ERROR:
      g_value_set_boxed (value, self->error);
      break;

    case PROP_PID:
      g_value_set_int (value, self->pid);
      break;

    case PROP_EXIT_STATUS:
      g_value_set_int (value, self->exit_status);
      break;

    case PROP_SIGNAL:
      g_value_set_int (value, self->signal);
      break;

    case PROP_OUT_OF_MEMORY:
      g_value_set_boolean (value, self->out_of_memory);
      break;

    case PROP_RUN_TIME:
      g_value_set_double (value, self->run_time);
      break;

    case PROP_PEAK_MEMORY:
      g_value_set_uint64 (value, self->peak_memory);
      break;

    case PROP_N_RESTARTS:
      g_value_set_uint (value, self->n_restarts);
      break;

    case PROP_LAST_LINES:
      g_value_set_boxed (value, self->last_lines);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/**
 * GmpFailure:id: (getter get_id)
 *
 * The worker's id, that of [class@Gmp.Workers] written as a number; "server" for a server.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:error: (getter get_error)
 *
 * The worker's error, whose text has all of this in words.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:pid: (getter get_pid)
 *
 * The worker's process; 0 where it could not be started.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:exit-status: (getter get_exit_status)
 *
 * What the process exited with; -1 where it was killed, or has not ended.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:signal: (getter get_signal)
 *
 * The signal that killed the process; 0 where none did.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:out-of-memory: (getter get_out_of_memory)
 *
 * Whether the kernel has killed it for lack of memory, as far as can be known: it was killed by a
 * `SIGKILL` that the application did not send, and the kernel has counted such a kill in the
 * application's control group.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:run-time: (getter get_run_time)
 *
 * How many seconds the run took, from the process's start, or from the call to one that was kept.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:peak-memory: (getter get_peak_memory)
 *
 * How many bytes of memory the process had at most, shared memory included; 0 where that is not
 * known, because it has not ended or never began.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:n-restarts: (getter get_n_restarts)
 *
 * How often the worker had been restarted before this.
 *
 * Since: 0.1
 */

/**
 * GmpFailure:last-lines: (getter get_last_lines)
 *
 * The last lines that it wrote to standard error, made valid UTF-8; ten at most.
 *
 * Since: 0.1
 */

static void
gmp_failure_class_init (GmpFailureClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = gmp_failure_finalize;
  object_class->get_property = gmp_failure_get_property;

  properties[PROP_ID] = g_param_spec_string ("id", NULL, NULL, NULL, flags);

  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, flags);

  properties[PROP_PID] = g_param_spec_int ("pid", NULL, NULL, 0, G_MAXINT, 0, flags);

  properties[PROP_EXIT_STATUS] = g_param_spec_int ("exit-status", NULL, NULL, -1, 255, -1, flags);

  properties[PROP_SIGNAL] = g_param_spec_int ("signal", NULL, NULL, 0, G_MAXINT, 0, flags);

  properties[PROP_OUT_OF_MEMORY] = g_param_spec_boolean ("out-of-memory", NULL, NULL, FALSE, flags);

  properties[PROP_RUN_TIME] = g_param_spec_double ("run-time", NULL, NULL, 0, G_MAXDOUBLE, 0,
                                                   flags);

  properties[PROP_PEAK_MEMORY] = g_param_spec_uint64 ("peak-memory", NULL, NULL, 0, G_MAXUINT64, 0,
                                                      flags);

  properties[PROP_N_RESTARTS] = g_param_spec_uint ("n-restarts", NULL, NULL, 0, G_MAXUINT, 0,
                                                   flags);

  properties[PROP_LAST_LINES] = g_param_spec_boxed ("last-lines", NULL, NULL, G_TYPE_STRV, flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_failure_init (GmpFailure *self)
{
  self->exit_status = -1;
}

char *
gmp_end_describe_worker (const GmpEnd *self)
{
  const char *kind = "Worker";

  if (g_str_equal (self->role, "server"))
    return self->pid != 0 ? g_strdup_printf ("The server (pid %d)", self->pid)
                          : g_strdup ("The server");
  if (g_str_equal (self->role, "client"))
    kind = "Client";
  if (self->pid == 0)
    return g_strdup_printf ("%s '%s'", kind, self->id);
  return g_strdup_printf ("%s '%s' (pid %d)", kind, self->id, self->pid);
}

static char *
describe_signal (const GmpEnd *self,
                 int           signum)
{
  if (signum == SIGXCPU && self->options->cpu_time_limit > 0)
    return g_strdup_printf ("has used up its processor time, %g seconds (cpu-time-limit)",
                            self->options->cpu_time_limit);
  return g_strdup_printf ("was killed by signal %d (%s)%s%s", signum, g_strsignal (signum),
                          WCOREDUMP (self->wait_status) ? ", core dumped" : "",
                          signum == SIGXCPU ? ", at a limit that the application has inherited: "
                          "see 'ulimit -t'" : "");
}

char *
gmp_end_describe_exit (const GmpEnd *self)
{
  const char *when = self->was_connected
                     ? "before its work was done"
                     : "before it was ready: does its main () call gmp_init () first?";

  if (self->wait_status == GMP_PROCESS_STATUS_UNKNOWN)
    return g_strdup ("ended, and how is not known, for the warm-start server that had forked it "
                     "is gone");
  if (WIFSIGNALED (self->wait_status))
    return describe_signal (self, WTERMSIG (self->wait_status));
  return g_strdup_printf ("exited with status %d %s", WEXITSTATUS (self->wait_status), when);
}

/* Whether what a worker said, or wrote, has any of these words. */
static gboolean
mentions (const GmpEnd       *self,
          const char * const *words)
{
  for (; *words != NULL; words++)
    {
      if (self->cause != NULL && strstr (self->cause->message, *words) != NULL)
        return TRUE;
      for (const GList *line = self->tail != NULL ? self->tail->head : NULL; line != NULL;
           line = line->next)
        if (strstr (line->data, *words) != NULL)
          return TRUE;
    }
  return FALSE;
}

/* The kernel says of a limit only that something failed, and each library has its own words for it.
 * So the limit is told where these words appear. */
static void
append_limits (const GmpEnd *self,
               GString      *text)
{
  const char *no_memory[] = {
    "MemoryError", "failed to allocate", "bad_alloc", "ut of memory", "Cannot allocate memory",
    g_strerror (ENOMEM), NULL,
  };
  const char *no_files[] = { "Too many open files", g_strerror (EMFILE), NULL };

  if (self->options->memory_limit > 0 && mentions (self, no_memory))
    g_string_append_printf (text, "\nIts memory is limited to %.1f MiB (memory-limit)",
                            self->options->memory_limit / MIB);
  if (self->options->open_files_limit > 0 && mentions (self, no_files))
    g_string_append_printf (text, "\nIts open files are limited to %u (open-files-limit)",
                            self->options->open_files_limit);
}

static void
append_costs (const GmpEnd *self,
              GString      *text)
{
  if (self->pid == 0)
    return;
  g_string_append_printf (text, "\nIt ran for %.3f seconds", self->run_time);
  if (self->peak_memory > 0)
    g_string_append_printf (text, ", and had %.1f MiB of memory at most",
                            self->peak_memory / MIB);
}

static void
append_tail (const GmpEnd *self,
             GString      *text)
{
  if (self->tail == NULL || self->tail->head == NULL)
    return;
  g_string_append (text, "\nThe last it wrote to standard error:");
  for (const GList *line = self->tail->head; line != NULL; line = line->next)
    g_string_append_printf (text, "\n  %s", (const char *) line->data);
}

/* Domain and code are the cause's. What the worker's own code said needs no more than its name. */
static GError *
make_error (const GmpEnd *self,
            gboolean      out_of_memory)
{
  g_autofree char *worker = gmp_end_describe_worker (self);
  g_autoptr (GString) text = g_string_new (worker);
  GQuark domain = GMP_ERROR;
  int code = GMP_ERROR_CRASHED;

  if (self->cause != NULL)
    {
      domain = self->cause->domain;
      code = self->cause->code;
      g_string_append_printf (text, ": %s", self->cause->message);
    }
  else
    {
      g_autofree char *exit = gmp_end_describe_exit (self);

      g_string_append_printf (text, " %s", exit);
    }
  if (out_of_memory)
    g_string_append (text, ", perhaps by the kernel for lack of memory: it has killed a process of "
                           "this control group for that");
  append_limits (self, text);
  if (domain == GMP_ERROR && (code == GMP_ERROR_CRASHED || code == GMP_ERROR_TIMED_OUT ||
                              code == GMP_ERROR_DISCONNECTED))
    append_costs (self, text);
  append_tail (self, text);
  return g_error_new_literal (domain, code, text->str);
}

static char **
copy_tail (const GQueue *tail)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (const GList *line = tail != NULL ? tail->head : NULL; line != NULL; line = line->next)
    g_strv_builder_add (builder, line->data);
  return g_strv_builder_end (builder);
}

GmpFailure *
gmp_failure_new (const GmpEnd *end)
{
  GmpFailure *self = g_object_new (GMP_TYPE_FAILURE, NULL);

  self->id = g_strdup (end->id);
  self->pid = end->pid;
  self->run_time = end->run_time;
  self->peak_memory = end->peak_memory;
  self->last_lines = copy_tail (end->tail);
  if (end->has_ended && WIFEXITED (end->wait_status))
    self->exit_status = WEXITSTATUS (end->wait_status);
  if (end->has_ended && WIFSIGNALED (end->wait_status))
    self->signal = WTERMSIG (end->wait_status);
  if (self->signal == SIGKILL && !end->was_signalled)
    self->out_of_memory = gmp_oom_explains ();
  self->error = make_error (end, self->out_of_memory);
  return self;
}

/* For a worker that never began. */
GmpFailure *
gmp_failure_new_for_error (const char   *id,
                           const GError *error)
{
  GmpFailure *self = g_object_new (GMP_TYPE_FAILURE, NULL);

  self->id = g_strdup (id);
  self->error = g_error_copy (error);
  self->last_lines = g_new0 (char *, 1);
  return self;
}

/* The worker was restarted after this, and in the end failed with @last; or with this itself, where
 * that is %NULL. */
void
gmp_failure_give_up (GmpFailure *self,
                     guint       n_restarts,
                     GmpFailure *last)
{
  g_autofree char *message = self->error->message;
  g_autofree char *first_line = NULL;

  self->n_restarts = n_restarts;
  if (last != NULL)
    first_line = g_strndup (last->error->message, strcspn (last->error->message, "\n"));
  self->error->message = g_strdup_printf ("%s\nIt was restarted %u times%s%s", message, n_restarts,
                                          first_line != NULL ? ", and in the end: " : "",
                                          first_line != NULL ? first_line : "");
}

/**
 * gmp_failure_get_id: (get-property id)
 * @self: a failure
 *
 * The worker's id, as [property@Gmp.Failure:id].
 *
 * Returns: (transfer none): the id
 *
 * Since: 0.1
 */
const char *
gmp_failure_get_id (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), NULL);
  return self->id;
}

/**
 * gmp_failure_get_error: (get-property error)
 * @self: a failure
 *
 * The worker's error, as [property@Gmp.Failure:error].
 *
 * Returns: (transfer none): the error
 *
 * Since: 0.1
 */
const GError *
gmp_failure_get_error (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), NULL);
  return self->error;
}

/**
 * gmp_failure_get_pid: (get-property pid)
 * @self: a failure
 *
 * The worker's process, as [property@Gmp.Failure:pid].
 *
 * Returns: a number
 *
 * Since: 0.1
 */
int
gmp_failure_get_pid (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->pid;
}

/**
 * gmp_failure_get_exit_status: (get-property exit-status)
 * @self: a failure
 *
 * What the process exited with, as [property@Gmp.Failure:exit-status].
 *
 * Returns: a status
 *
 * Since: 0.1
 */
int
gmp_failure_get_exit_status (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), -1);
  return self->exit_status;
}

/**
 * gmp_failure_get_signal: (get-property signal)
 * @self: a failure
 *
 * The signal that killed the process, as [property@Gmp.Failure:signal].
 *
 * Returns: a number
 *
 * Since: 0.1
 */
int
gmp_failure_get_signal (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->signal;
}

/**
 * gmp_failure_get_out_of_memory: (get-property out-of-memory)
 * @self: a failure
 *
 * Whether the kernel has killed the process for lack of memory, as
 * [property@Gmp.Failure:out-of-memory].
 *
 * Returns: %TRUE where it has
 *
 * Since: 0.1
 */
gboolean
gmp_failure_get_out_of_memory (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), FALSE);
  return self->out_of_memory;
}

/**
 * gmp_failure_get_run_time: (get-property run-time)
 * @self: a failure
 *
 * How long the run took, as [property@Gmp.Failure:run-time].
 *
 * Returns: seconds
 *
 * Since: 0.1
 */
double
gmp_failure_get_run_time (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->run_time;
}

/**
 * gmp_failure_get_peak_memory: (get-property peak-memory)
 * @self: a failure
 *
 * How much memory the process had at most, as [property@Gmp.Failure:peak-memory].
 *
 * Returns: bytes
 *
 * Since: 0.1
 */
guint64
gmp_failure_get_peak_memory (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->peak_memory;
}

/**
 * gmp_failure_get_n_restarts: (get-property n-restarts)
 * @self: a failure
 *
 * How often the worker had been restarted, as [property@Gmp.Failure:n-restarts].
 *
 * Returns: a number
 *
 * Since: 0.1
 */
guint
gmp_failure_get_n_restarts (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), 0);
  return self->n_restarts;
}

/**
 * gmp_failure_get_last_lines: (get-property last-lines)
 * @self: a failure
 *
 * The last lines of standard error, as [property@Gmp.Failure:last-lines].
 *
 * Returns: (transfer none) (array zero-terminated=1): lines
 *
 * Since: 0.1
 */
const char * const *
gmp_failure_get_last_lines (GmpFailure *self)
{
  g_return_val_if_fail (GMP_IS_FAILURE (self), NULL);
  return (const char * const *) self->last_lines;
}
