/* gmp-failure-log.c: logs the deaths of workers during a run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "report/gmp-failure-log-private.h"

#include "base/gmp-source-private.h"

/* The milliseconds that a run may take to end before a worker's death is logged: a run that ends
 * reports everything itself. A user does not notice this delay. */
#define DELAY 20

/* A run reports its failures when all workers have ended, which may take hours. Code that sets an
 * error could have printed something itself; a killed process could not. Its death is therefore
 * logged here, unless the signal `failed` has handlers. */
static gboolean
is_death (GmpFailure *failure)
{
  const GError *error = gmp_failure_get_error (failure);

  return g_error_matches (error, GMP_ERROR, GMP_ERROR_CRASHED) ||
         g_error_matches (error, GMP_ERROR, GMP_ERROR_NODE_LOST) ||
         g_error_matches (error, GMP_ERROR, GMP_ERROR_TIMED_OUT);
}

void
gmp_failure_log_init (GmpFailureLog *self,
                      gpointer       owner)
{
  self->owner = owner;
  self->pending = g_ptr_array_new_with_free_func (g_object_unref);
}

void
gmp_failure_log_free (GmpFailureLog *self)
{
  gmp_failure_log_end (self);
  g_ptr_array_unref (self->pending);
}

/* One line for any number of failures. It is not a warning, because warnings may be fatal to the
 * application, and a worker's failure must not be. */
static gboolean
log_cb (gpointer user_data)
{
  GmpFailureLog *self = user_data;
  const char *text = gmp_failure_get_error (self->pending->pdata[0])->message;
  int length = (int) strcspn (text, "\n");

  if (self->pending->len == 1)
    g_message ("%.*s; the run continues", length, text);
  else
    g_message ("%.*s, and %u more failed; the run continues", length, text, self->pending->len - 1);
  gmp_failure_log_end (self);
  return G_SOURCE_REMOVE;
}

static gboolean
has_handler (gpointer owner)
{
  guint failed = g_signal_lookup ("failed", G_OBJECT_TYPE (owner));

  return g_signal_has_handler_pending (owner, failed, 0, FALSE);
}

/* In the main context of the run. */
void
gmp_failure_log_add (GmpFailureLog *self,
                     GmpFailure    *failure)
{
  if (!is_death (failure) || has_handler (self->owner))
    return;
  g_ptr_array_add (self->pending, g_object_ref (failure));
  /* An application that is the server receives requests without a pause. */
  if (self->source == NULL)
    self->source = gmp_source_attach (g_timeout_source_new (DELAY), G_PRIORITY_HIGH, log_cb, self);
}

/* The run has ended, or nothing is left to log. */
void
gmp_failure_log_end (GmpFailureLog *self)
{
  gmp_source_clear (&self->source);
  g_ptr_array_set_size (self->pending, 0);
}
