/* gmp-exit-report.c: the text about a worker's end
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "report/gmp-exit-report-private.h"

#include "base/gmp-error.h"
#include "base/gmp-exit-private.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-runtime-private.h"
#include "base/gmp-target-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define MIB (1024.0 * 1024.0)

char *
gmp_exit_report_describe_worker (const GmpExitReport *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (g_str_equal (self->role, "server"))
    g_string_append (text, "The server");
  else
    g_string_append_printf (text, "%s '%s'", g_str_equal (self->role, "client") ? "Client"
                                                                                : "Worker",
                            self->label);
  if (self->pid != 0 && self->node != NULL)
    g_string_append_printf (text, " (pid %d on node %s)", self->pid, self->node);
  else if (self->node != NULL)
    g_string_append_printf (text, " (on node %s)", self->node);
  else if (self->pid != 0)
    g_string_append_printf (text, " (pid %d)", self->pid);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
describe_signal (const GmpExitReport *self,
                 int                  signum)
{
  double limit = self->options->cpu_time_limit;

  if (limit > 0 && signum == SIGXCPU)
    return g_strdup_printf ("used up its processor time of %g seconds (cpu-time-limit)", limit);
  /* The signal at the end of the grace period: see gmp-limits.c. */
  if (limit > 0 && signum == SIGKILL && !self->was_signalled &&
      self->usage.cpu_time >= limit + GMP_CPU_TIME_GRACE)
    return g_strdup_printf ("used up its processor time of %g seconds (cpu-time-limit), ignored "
                            "SIGXCPU for %d more, and was killed", limit,
                            GMP_CPU_TIME_GRACE);
  return g_strdup_printf ("was killed by signal %d (%s)%s%s", signum, g_strsignal (signum),
                          WCOREDUMP (self->wait_status) ? ", core dumped" : "",
                          signum == SIGXCPU ? ", at a limit that the application inherited: see "
                                              "'ulimit -t'" : "");
}

static gboolean
has_given_up_with (const GmpExitReport *self,
                   int                  status)
{
  return self->has_ended && !self->was_connected && WIFEXITED (self->wait_status) &&
         WEXITSTATUS (self->wait_status) == status;
}

/* It could not start its thread. */
gboolean
gmp_exit_report_had_no_thread (const GmpExitReport *self)
{
  return has_given_up_with (self, GMP_EXIT_NO_THREAD);
}

/* gmp_init () failed, and has printed the reason if there was one to add. */
static gboolean
has_given_up (const GmpExitReport *self)
{
  return has_given_up_with (self, GMP_EXIT_NO_WORKER) || gmp_exit_report_had_no_thread (self);
}

/* A process that has not even connected may be another program than was meant: that of an
 * embedded interpreter, which prints how it is used. */
static char *
ask_for_program (const GmpExitReport *self)
{
  g_autofree char *runtime = gmp_target_get_runtime (self->target, NULL);
  g_auto (GStrv) command = runtime != NULL ? gmp_runtime_get_command (runtime, NULL) : NULL;
  g_autofree char *program = command != NULL ? g_filename_display_name (command[0]) : NULL;

  if (program == NULL)
    return g_strdup ("before it was ready");
  return g_strdup_printf ("before it was ready: can '%s' run workers of %s?", program, runtime);
}

static char *
describe_moment (const GmpExitReport *self)
{
  if (self->was_connected)
    return g_strdup ("before its work was done");
  if (has_given_up (self))
    return g_strdup ("before it was ready");
  if (gmp_runtime_is_program (self->target))
    return g_strdup ("before it was ready: does its main () call gmp_init () first?");
  return ask_for_program (self);
}

char *
gmp_exit_report_describe_exit (const GmpExitReport *self)
{
  g_autofree char *moment = NULL;

  if (self->wait_status == GMP_PROCESS_STATUS_UNKNOWN)
    return g_strdup ("ended with unknown status (its fork server has died, or the program ignores "
                     "SIGCHLD or waits for all children)");
  if (WIFSIGNALED (self->wait_status))
    return describe_signal (self, WTERMSIG (self->wait_status));
  if (gmp_exit_report_had_no_thread (self))
    return g_strdup_printf ("could start no thread%s", gmp_limit_describe (EAGAIN));
  if (self->has_returned)
    return g_strdup_printf ("exited with status %d", WEXITSTATUS (self->wait_status));
  moment = describe_moment (self);
  return g_strdup_printf ("exited with status %d %s", WEXITSTATUS (self->wait_status), moment);
}

/* TRUE if the worker's error or its output contains any of these words. */
static gboolean
mentions (const GmpExitReport *self,
          const char  * const *words)
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

/* When a limit is hit, the kernel only reports that a call failed, and each library words that
 * differently. The limit is therefore mentioned if any of these words appears. */
static void
append_limits (const GmpExitReport *self,
               GString             *text)
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
append_costs (const GmpExitReport *self,
              GString             *text)
{
  if (self->pid == 0)
    return;
  g_string_append_printf (text, "\nRun time: %.3f s", self->run_time);
  if (self->usage.peak_memory > 0)
    g_string_append_printf (text, ", peak memory: %.1f MiB",
                            self->usage.peak_memory / MIB);
}

static void
append_tail (const GmpExitReport *self,
             GString             *text)
{
  if (self->tail == NULL || self->tail->head == NULL)
    return;
  g_string_append (text, "\nLast lines of standard error:");
  for (const GList *line = self->tail->head; line != NULL; line = line->next)
    g_string_append_printf (text, "\n  %s", (const char *) line->data);
}

/* Domain and code are those of the cause. An error from the worker's own code gets only the
 * worker's name in front. */
GError *
gmp_exit_report_to_error (const GmpExitReport *self,
                          gboolean             out_of_memory)
{
  g_autofree char *worker = gmp_exit_report_describe_worker (self);
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
      g_autofree char *exit = gmp_exit_report_describe_exit (self);

      g_string_append_printf (text, " %s", exit);
      if (has_given_up (self))
        code = GMP_ERROR_LAUNCH;
    }
  if (out_of_memory)
    g_string_append (text, ", perhaps by the kernel for lack of memory: it has killed a process "
                           "for that meanwhile");
  append_limits (self, text);
  if (domain == GMP_ERROR && (code == GMP_ERROR_CRASHED || code == GMP_ERROR_TIMED_OUT ||
                              code == GMP_ERROR_DISCONNECTED))
    append_costs (self, text);
  append_tail (self, text);
  return g_error_new_literal (domain, code, text->str);
}
