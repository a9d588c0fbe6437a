/* gmp-process-kind.c: processes of one kind, which can stand in for each other
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "launch/gmp-process-kind-private.h"

#include "base/gmp-debug-private.h"
#include "base/gmp-error.h"
#include "base/gmp-processors-private.h"
#include "base/gmp-runtime-private.h"
#include "launch/gmp-room-private.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* The number of times that a server is replaced because workers have loaded modules that it
 * lacks. */
#define MAX_SUCCESSORS 8

/* The number of processes that start slowly after which a message is logged. */
#define NTH_SLOW 2

/* The number of servers in a row that may be lost before their first fork. One may be killed for
 * lack of memory, or be too slow once on a machine that has much to do. */
#define MAX_LOST 3

typedef struct {
  char *key;
  GmpStarted *started;
} Spare;

GmpStarted *
gmp_started_new (GmpLauncher    *launcher,
                 GmpProcessSpec *spec,
                 gboolean        is_warm,
                 GError        **error)
{
  GmpStarted *started = g_new0 (GmpStarted, 1);

  started->is_warm = is_warm;
  started->process = gmp_worker_process_new (launcher, spec, &started->control_fd, error);
  if (started->process == NULL)
    g_clear_pointer (&started, g_free);
  return started;
}

/* It is idle, so it is killed. */
void
gmp_started_free (GmpStarted *started)
{
  close (started->control_fd);
  gmp_worker_process_abandon (started->process);
  g_free (started);
}

static void
spare_free (gpointer data)
{
  Spare *spare = data;

  gmp_started_free (spare->started);
  g_free (spare->key);
  g_free (spare);
}

GmpProcessKind *
gmp_process_kind_new (const GmpProcessSpec *spec)
{
  GmpProcessKind *self = g_new0 (GmpProcessKind, 1);

  self->key = g_strdup (spec->server_key);
  self->runtime = g_strdup (spec->runtime);
  return self;
}

static void
retire_servers (GmpProcessKind *self)
{
  g_clear_pointer (&self->server, gmp_fork_launcher_retire);
  g_clear_pointer (&self->successor, gmp_fork_launcher_retire);
}

/* Ends its processes; gmp_process_settle() waits for that. */
void
gmp_process_kind_free (GmpProcessKind *self)
{
  g_assert (self->waiting.length == 0);

  g_queue_clear_full (&self->spares, spare_free);
  retire_servers (self);
  g_free (self->reason);
  g_free (self->slow);
  g_free (self->runtime);
  g_free (self->key);
  g_free (self);
}

static void
set_reason (GmpProcessKind *self,
            const char     *reason,
            const char     *advice)
{
  g_free (self->reason);
  /* The rest of a Python text is the place where it was raised. */
  self->reason = g_utf8_make_valid (reason, (gssize) strcspn (reason, "\n"));
  self->advice = advice;
  gmp_runtime_set_cold_start_reason (self->runtime, self->reason);
  gmp_debug ("workers of runtime %s are executed: %s", self->runtime, reason);
}

static void
clear_reason (GmpProcessKind *self)
{
  g_clear_pointer (&self->reason, g_free);
  gmp_runtime_set_cold_start_reason (self->runtime, NULL);
}

static void
refuse (GmpProcessKind *self,
        const char     *reason)
{
  self->state = GMP_SERVER_REFUSED;
  g_clear_pointer (&self->server, gmp_fork_launcher_retire);
  set_reason (self, reason, g_str_equal (self->runtime, "native")
              ? "Start threads and open files after gmp_init ()"
              : "Avoid that where the interpreter starts (sitecustomize, files *.pth)");
}

static GmpForkLauncher *
launch_server (GmpProcessKind       *self,
               GmpLauncher          *plain,
               const GmpProcessSpec *spec,
               GError              **error)
{
  GmpLaunch launch = {
    .argv = spec->argv,
    .environment = spec->environment,
    .working_directory = spec->working_directory,
    .inner_threads = spec->inner_threads,
  };
  g_auto (GStrv) modules = gmp_runtime_get_modules (spec->runtime);
  g_auto (GStrv) fresh = gmp_options_list_fresh_modules (spec->options);

  self->n_modules = g_strv_length (modules);
  gmp_debug ("a fork server for %s begins to load", spec->argv[0]);
  return gmp_fork_launcher_new (plain, &launch, g_variant_new ("(^as^as)", modules, fresh), error);
}

/* If descriptors or processes are lacking, there is none this time. */
void
gmp_process_kind_start_server (GmpProcessKind       *self,
                               GmpLauncher          *plain,
                               const GmpProcessSpec *spec)
{
  g_autoptr (GError) error = NULL;

  if (!gmp_room_is_wide ())
    {
      set_reason (self, "too few file descriptors are free",
                  "Raise the limit on them ('ulimit -n'), or close some");
      return;
    }
  self->server = launch_server (self, plain, spec, &error);
  self->state = GMP_SERVER_LOADING;
  self->load_begin = g_get_monotonic_time ();
  self->is_late = FALSE;
  if (self->server == NULL && g_error_matches (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN))
    self->state = GMP_SERVER_NONE;
  else if (self->server == NULL)
    refuse (self, error->message);
}

static gboolean
has_answered (GmpForkLauncher *server)
{
  struct pollfd place = { .fd = gmp_fork_launcher_get_fd (server), .events = POLLIN };

  return poll (&place, 1, 0) == 1;
}

gboolean
gmp_process_kind_has_answer (GmpProcessKind *self)
{
  return has_answered (self->server);
}

/* @loss is nullable. */
static void
lose_server (GmpProcessKind *self,
             const char     *loss)
{
  g_autofree char *reason = NULL;

  self->n_lost = gmp_fork_launcher_has_forked (self->server) ? 0 : self->n_lost + 1;
  if (self->n_lost < MAX_LOST)
    {
      self->state = GMP_SERVER_NONE;
      g_clear_pointer (&self->server, gmp_fork_launcher_retire);
    }
  else
    {
      reason = g_strconcat ("the fork server is lost: ", loss != NULL ? loss : "it has exited",
                            NULL);
      refuse (self, reason);
    }
}

static gboolean
get_ready (GmpProcessKind  *self,
           GmpForkLauncher *server,
           GError         **error)
{
  g_autofree char *slow = NULL;

  if (!gmp_fork_launcher_get_ready (server, &slow, error))
    return FALSE;
  g_free (self->slow);
  self->slow = g_steal_pointer (&slow);
  return TRUE;
}

/* The server has answered or ended, or the limit is reached. After the limit it goes on, for later
 * workers. */
void
gmp_process_kind_settle_server (GmpProcessKind *self)
{
  g_autoptr (GError) error = NULL;

  if (!has_answered (self->server))
    {
      self->is_late = TRUE;
      set_reason (self, "the fork server takes long to load",
                  "This ends when it has loaded what they need");
      return;
    }
  self->state = GMP_SERVER_READY;
  if (get_ready (self, self->server, &error))
    clear_reason (self);
  else if (error->domain == GMP_ERROR)
    refuse (self, error->message);
  else
    lose_server (self, error->message);
}

/* Workers may have reported modules since the server was started. Another server loads them as
 * well, and replaces this one when it has. This one stays until the processes that it has forked
 * have ended. */
void
gmp_process_kind_renew_server (GmpProcessKind       *self,
                               GmpLauncher          *plain,
                               const GmpProcessSpec *spec)
{
  if (self->state != GMP_SERVER_READY)
    return;
  if (self->successor == NULL && self->n_successors < MAX_SUCCESSORS &&
      gmp_runtime_count_modules (self->runtime) != self->n_modules)
    {
      self->n_successors++;
      self->successor = launch_server (self, plain, spec, NULL);
    }
  else if (self->successor != NULL && has_answered (self->successor))
    {
      if (get_ready (self, self->successor, NULL))
        {
          gmp_fork_launcher_retire (self->server);
          self->server = g_steal_pointer (&self->successor);
        }
      g_clear_pointer (&self->successor, gmp_fork_launcher_retire);
    }
}

/* A fork if there is a server, otherwise an executed process. */
GmpStarted *
gmp_process_kind_start (GmpProcessKind *self,
                        GmpLauncher    *plain,
                        GmpProcessSpec *spec,
                        GError        **error)
{
  GmpStarted *started = NULL;
  g_autofree char *loss = NULL;

  if (self->state == GMP_SERVER_READY && spec->working_directory != NULL)
    started = gmp_started_new (GMP_LAUNCHER (self->server), spec, TRUE, NULL);
  if (self->state == GMP_SERVER_READY && gmp_fork_launcher_is_lost (self->server, &loss))
    lose_server (self, loss);
  return started != NULL ? started : gmp_started_new (plain, spec, FALSE, error);
}

/* A message that is logged once: processes of this kind are executed although they might be forks,
 * or they are forks that have much to load. */
char *
gmp_process_kind_complain (GmpProcessKind *self)
{
  if (self->reason != NULL && ++self->n_refused == NTH_SLOW)
    return g_strdup_printf (
      "Workers of runtime %s start slowly, since each executes its program anew: %s. %s; or set "
      "warm-start to FALSE, and this is not logged", self->runtime, self->reason, self->advice);
  if (self->reason == NULL && self->slow != NULL && ++self->n_slow == NTH_SLOW)
    return g_strdup_printf (
      "Each worker of runtime %s loads %s itself, which takes long: when it is loaded, it starts "
      "threads, opens files or prints. Keep processes (reuse, a pool), or name it in "
      "fresh-modules, and this is not logged", self->runtime, self->slow);
  return NULL;
}

GmpStarted *
gmp_process_kind_take_spare (GmpProcessKind *self,
                             GmpProcessSpec *spec)
{
  Spare *spare;
  GmpStarted *started;

  while ((spare = g_queue_pop_head (&self->spares)) != NULL)
    {
      if (!g_str_equal (spare->key, spec->spare_key))
        {
          spare_free (spare);
          continue;
        }
      started = spare->started;
      g_free (spare->key);
      g_free (spare);
      return started;
    }
  return NULL;
}

void
gmp_process_kind_add_spare (GmpProcessKind *self,
                            GmpLauncher    *plain,
                            GmpProcessSpec *spec)
{
  GmpStarted *started;
  Spare *spare;

  if (self->spares.length >= gmp_processors_count () || self->state == GMP_SERVER_LOADING ||
      spec->working_directory == NULL || !gmp_room_is_ample ())
    return;
  spec->is_ahead = TRUE;
  started = gmp_process_kind_start (self, plain, spec, NULL);
  if (started == NULL)
    return;
  started->is_warm = TRUE;
  spare = g_new0 (Spare, 1);
  spare->key = g_strdup (spec->spare_key);
  spare->started = started;
  g_queue_push_tail (&self->spares, spare);
}

/* %FALSE if there are none. */
gboolean
gmp_process_kind_drop_spares (GmpProcessKind *self)
{
  gboolean result = self->spares.length > 0;

  g_queue_clear_full (&self->spares, spare_free);
  return result;
}

/* Ends all processes without a run; %FALSE if there are none. */
gboolean
gmp_process_kind_give_way (GmpProcessKind *self)
{
  gboolean result = gmp_process_kind_drop_spares (self);

  if (self->state != GMP_SERVER_READY)
    return result;
  self->state = GMP_SERVER_NONE;
  retire_servers (self);
  return TRUE;
}
