/* gmp-failure.c: what an error says about a worker that failed
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-failure-private.h"

#include "base/gmp-error.h"

#include <sys/wait.h>

char *
gmp_failure_describe_worker (const GmpFailure *self)
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

char *
gmp_failure_describe_exit (const GmpFailure *self)
{
  const char *when = self->was_connected
                     ? "before its work was done"
                     : "before it was ready: does its main () call gmp_init () first?";

  if (WIFSIGNALED (self->wait_status))
    return g_strdup_printf ("was killed by signal %d (%s)%s", WTERMSIG (self->wait_status),
                            g_strsignal (WTERMSIG (self->wait_status)),
                            WCOREDUMP (self->wait_status) ? ", core dumped" : "");
  return g_strdup_printf ("exited with status %d %s", WEXITSTATUS (self->wait_status), when);
}

static char *
quote_tail (const GmpFailure *self)
{
  GString *text = g_string_new (NULL);

  if (self->tail == NULL)
    return g_string_free (text, FALSE);
  if (self->tail->head != NULL)
    g_string_append (text, "\nThe last it wrote to standard error:");
  for (const GList *line = self->tail->head; line != NULL; line = line->next)
    g_string_append_printf (text, "\n  %s", (const char *) line->data);
  return g_string_free (text, FALSE);
}

/* Domain and code are the cause's. */
GError *
gmp_failure_to_error (const GmpFailure *self)
{
  g_autofree char *worker = gmp_failure_describe_worker (self);
  g_autofree char *tail = quote_tail (self);
  g_autofree char *exit = NULL;

  if (self->cause != NULL)
    return g_error_new (self->cause->domain, self->cause->code, "%s: %s%s", worker,
                        self->cause->message, tail);
  exit = gmp_failure_describe_exit (self);
  return g_error_new (GMP_ERROR, GMP_ERROR_CRASHED, "%s %s%s", worker, exit, tail);
}
