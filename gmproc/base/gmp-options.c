/* gmp-options.c: how workers are started, limited and ended
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-options-private.h"

#include "base/gmp-environment-private.h"
#include "base/gmp-option-private.h"

#include <errno.h>
#include <sys/resource.h>

#define SENT           GMP_OPTION_SENT
#define CONSTRUCT_ONLY GMP_OPTION_CONSTRUCT_ONLY

#define OPTION(name, field, type, minimum, maximum, number, string, flags) \
  { name, G_STRUCT_OFFSET (GmpOptions, field), type, minimum, maximum, number, string, flags }
#define BOOLEAN(name, field, value, flags) \
  OPTION (name, field, G_TYPE_BOOLEAN, FALSE, TRUE, value, NULL, flags)
#define INT(name, field, minimum, maximum, value, flags) \
  OPTION (name, field, G_TYPE_INT, minimum, maximum, value, NULL, flags)
#define UINT(name, field, value, flags) \
  OPTION (name, field, G_TYPE_UINT, 0, G_MAXUINT, value, NULL, flags)
#define UINT64(name, field, value, flags) \
  OPTION (name, field, G_TYPE_UINT64, 0, 0, value, NULL, flags)
#define SECONDS(name, field, value, flags) \
  OPTION (name, field, G_TYPE_DOUBLE, 0, G_MAXDOUBLE, value, NULL, flags)
#define RESTART(name, field, flags) \
  OPTION (name, field, G_TYPE_ENUM, 0, 0, GMP_RESTART_NEVER, NULL, flags)
#define STRING(name, field, value, flags) \
  OPTION (name, field, G_TYPE_STRING, 0, 0, 0, value, flags)
#define STRV(name, field, flags) \
  OPTION (name, field, G_TYPE_BOXED, 0, 0, 0, NULL, flags)

/* One row is one option. */
static const GmpOption options[] = {
  /**
   * GmpRunner:runtime:
   *
   * The application's language: `native`, `python` or `gjs`. Bindings set it.
   *
   * Workers use it to send values that the application can read: see
   * [func@Gmp.Worker.get_application_runtime]. If the application is the server itself, its clients
   * see it as the runtime of their peer: see [method@Gmp.Worker.get_peer_runtime].
   *
   * Since: 0.1
   */
  STRING ("runtime", runtime, "native", SENT | CONSTRUCT_ONLY),

  /**
   * GmpRunner:capture-output:
   *
   * If %TRUE, lines that workers print are emitted as the signal `output` instead of going to the
   * application's standard output and standard error.
   *
   * Since: 0.1
   */
  BOOLEAN ("capture-output", capture_output, FALSE, 0),

  /**
   * GmpRunner:inner-threads:
   *
   * The number of threads that a parallel library in a worker starts; 0, the default, for an equal
   * share of the processors, at least one.
   *
   * It is passed to OpenMP, OpenBLAS, MKL, BLIS and numexpr as `OMP_NUM_THREADS` and the like. If
   * such a variable is set in the application's environment or in
   * [property@Gmp.Runner:environment], that value is used.
   *
   * Since: 0.1
   */
  UINT ("inner-threads", inner_threads, 0, 0),

  /**
   * GmpRunner:warm-start:
   *
   * If %TRUE, the default, a worker may be forked from a process that has already loaded what
   * workers need. In Python a fork takes about a twentieth of the time of a cold start, and less if
   * workers import much. With %FALSE each worker process is executed anew.
   *
   * A forked worker differs from a fresh process in what the fork server has done before: in C,
   * what the program does before `gmp_init ()`; in Python, the import of installed modules. If that
   * code creates something that must be unique to a process, such as a random identifier, all
   * workers share it. Random numbers of GLib, Python and NumPy are seeded anew in each fork. A fork
   * server that has started threads or opened files is not used. Set this property to %FALSE for
   * everything else.
   *
   * [func@Gmp.runtime_get_cold_start_reason] returns why workers are not forked.
   *
   * Since: 0.1
   */
  BOOLEAN ("warm-start", warm_start, TRUE, 0),

  /**
   * GmpRunner:fresh-modules:
   *
   * Names of modules that the fork server of this object does not load; each worker loads them
   * itself.
   *
   * The modules concerned depend on the runtime. In Python they are the installed modules that
   * workers import. [property@Gmp.Runner:warm-start] explains when this is useful.
   *
   * Since: 0.1
   */
  STRV ("fresh-modules", fresh_modules, 0),

  /**
   * GmpRunner:launcher:
   *
   * The machines that workers run on: `local` for this machine, `slurm` for the nodes of the Slurm
   * allocation that the program runs in, or `command:` and a command that starts the agent of a
   * node. %NULL, the default, stands for the value of the environment variable `GMPROC_LAUNCHER`,
   * or for this machine if that is not set.
   *
   * If a program does not set it, its user decides whether it runs on one machine or on many. Set
   * it to `local` for workers that need this machine: its memory, a device, a display.
   *
   * Since: 0.1
   */
  STRING ("launcher", launcher, NULL, 0),

  /**
   * GmpRunner:environment:
   *
   * Environment variables for workers, each as `NAME=VALUE`; a `NAME` alone removes the variable.
   * All other variables are copied from the application when the worker starts.
   *
   * Since: 0.1
   */
  STRV ("environment", environment, 0),

  /**
   * GmpRunner:working-directory: (type filename)
   *
   * The directory that workers start in; %NULL for the application's current directory.
   *
   * Relative entries in `LD_LIBRARY_PATH`, `GI_TYPELIB_PATH`, `PYTHONPATH` and `GJS_PATH` are
   * resolved against the application's initial working directory, unless
   * [property@Gmp.Runner:environment] sets them.
   *
   * Since: 0.1
   */
  STRING ("working-directory", working_directory, NULL, 0),

  /**
   * GmpRunner:memory-limit:
   *
   * The number of bytes of private memory that each worker may use; 0 for no limit.
   *
   * This is the kernel's `RLIMIT_DATA`. It covers what the process allocates, its stacks and the
   * arrays that it received. It does not cover program files and memory shared with other
   * processes. A larger allocation fails: Python raises `MemoryError`, and GLib in C aborts. The
   * worker's error names the limit.
   *
   * Since: 0.1
   */
  UINT64 ("memory-limit", memory_limit, 0, SENT),

  /**
   * GmpRunner:cpu-time-limit:
   *
   * The seconds of processor time that a worker may use in a run, over all its threads; 0 for no
   * limit. Each of its child processes may use about twice as much.
   *
   * The kernel then ends the process with `SIGXCPU`. A process that handles or ignores this signal
   * is killed two seconds later. The worker's error names the limit in both cases.
   *
   * Since: 0.1
   */
  SECONDS ("cpu-time-limit", cpu_time_limit, 0, SENT),

  /**
   * GmpRunner:open-files-limit:
   *
   * The number of file descriptors that each worker may have; 0 for the application's limit. gmproc
   * itself uses about ten in each worker, and a server up to three more for each client.
   *
   * Since: 0.1
   */
  UINT ("open-files-limit", open_files_limit, 0, SENT),

  /**
   * GmpRunner:value-size-limit:
   *
   * The size in bytes of the largest request, response or result that a worker may send; 0 for no
   * limit. The default is 2 GiB.
   *
   * A larger value fails its sender with [error@Gmp.Error.BAD_PAYLOAD]. If a hostile worker sends
   * or announces one all the same, it fails with [error@Gmp.Error.PROTOCOL]. The receiver allocates
   * memory only for bytes that have arrived.
   *
   * Since: 0.1
   */
  UINT64 ("value-size-limit", value_size_limit, 0x80000000, SENT),

  /**
   * GmpRunner:nice:
   *
   * The nice increment of workers, added to the application's nice value. A negative value needs
   * the privilege `CAP_SYS_NICE`, or a limit that allows it.
   *
   * Since: 0.1
   */
  INT ("nice", nice, -40, 40, 0, SENT),

  /**
   * GmpRunner:affinity:
   *
   * The processors that workers run on, in the format of `taskset -c`: `0`, `0,2` or `4-7`; %NULL
   * for all processors that the application may use.
   *
   * Since: 0.1
   */
  STRING ("affinity", affinity, NULL, SENT),

  /**
   * GmpRunner:priority:
   *
   * The priority of the run's sources in its main context, as for `g_source_set_priority ()`; 150
   * by default. A smaller number is a higher priority.
   *
   * The default is below redrawing in GTK (120), so a window keeps drawing however much its workers
   * report. A worker that reports faster than the program handles it waits. If the application is
   * the server, its requests have this number plus 50.
   *
   * Since: 0.1
   */
  INT ("priority", priority, -1000, 1000, GMP_PRIORITY_DEFAULT, 0),

  /**
   * GmpRunner:startup-timeout:
   *
   * The seconds that a worker may take from its start until its function or its `start` method
   * begins; 60 by default, 0 for no limit. Importing modules and constructing the object count.
   *
   * Since: 0.1
   */
  SECONDS ("startup-timeout", startup_timeout, 60, 0),

  /**
   * GmpRunner:run-timeout:
   *
   * The seconds that a worker may take for a run, including its start; 0, the default, for no
   * limit. A restarted worker gets the whole time again.
   *
   * For a server the time begins when its last client has ended. Until then the limits of its
   * clients end the run, so a server that waits for a client is not the one that fails.
   *
   * Since: 0.1
   */
  SECONDS ("run-timeout", run_timeout, 0, 0),

  /**
   * GmpRunner:request-timeout:
   *
   * The seconds that a client waits for a response; 0, the default, for no limit.
   *
   * When the time is over, the client fails with [error@Gmp.Error.TIMED_OUT]. The server continues,
   * and its late response is dropped. A server that leaves a request unanswered and does not end
   * within this time after its last client is ended with the same error.
   *
   * Since: 0.1
   */
  SECONDS ("request-timeout", request_timeout, 0, SENT),

  /**
   * GmpRunner:turn-timeout:
   *
   * The seconds that a client may take from a response to its next request, or to its end; no limit
   * by default.
   *
   * A client that takes longer fails with [error@Gmp.Error.TIMED_OUT], and may be restarted; the
   * server and the other clients continue. Time in which the server did not read its messages does
   * not count. For a client's first request only [property@Gmp.Runner:startup-timeout] and
   * [property@Gmp.Runner:run-timeout] apply.
   *
   * Since: 0.1
   */
  SECONDS ("turn-timeout", turn_timeout, 0, SENT),

  /**
   * GmpRunner:stop-grace:
   *
   * The seconds between asking a worker to stop and `SIGTERM`; 0.3 by default, 0 for at once. A
   * worker is asked to stop when it is cancelled or exceeds a time limit.
   *
   * Since: 0.1
   */
  SECONDS ("stop-grace", stop_grace, 0.3, 0),

  /**
   * GmpRunner:kill-grace:
   *
   * The seconds between `SIGTERM` and `SIGKILL`; 0.3 by default, 0 for at once.
   *
   * Since: 0.1
   */
  SECONDS ("kill-grace", kill_grace, 0.3, 0),

  /**
   * GmpRunner:restart:
   *
   * The rule by which workers are started again after they have ended. It applies to servers and to
   * clients.
   *
   * With %GMP_RESTART_ALWAYS a run ends when its server is done, when it is stopped or cancelled,
   * or when [property@Gmp.Runner:max-restarts] is reached. A worker that has finished by then keeps
   * its last result.
   *
   * Since: 0.1
   */
  RESTART ("restart", restart, SENT),

  /**
   * GmpRunner:max-restarts:
   *
   * The largest number of restarts of each worker within [property@Gmp.Runner:restart-period]; 3 by
   * default. Restarts because of nodes that were lost together count as one.
   *
   * Since: 0.1
   */
  UINT ("max-restarts", max_restarts, 3, 0),

  /**
   * GmpRunner:restart-period:
   *
   * The period, in seconds, that [property@Gmp.Runner:max-restarts] refers to; 60 by default, 0 for
   * the whole run.
   *
   * Since: 0.1
   */
  SECONDS ("restart-period", restart_period, 60, 0),

  /**
   * GmpRunner:resend-requests:
   *
   * If %TRUE, a client sends its request again when the server is restarted before it has answered.
   * The server may then see the request twice.
   *
   * With %FALSE, the default, the client fails with [error@Gmp.Error.DISCONNECTED], and may be
   * restarted itself.
   *
   * Since: 0.1
   */
  BOOLEAN ("resend-requests", resend_requests, FALSE, SENT),
};

guint
gmp_options_get_n (void)
{
  return G_N_ELEMENTS (options);
}

GParamSpec *
gmp_options_make_param_spec (guint index)
{
  return gmp_option_make_param_spec (&options[index]);
}

static void
clear_field (const GmpOption *option,
             GmpOptions      *self)
{
  g_auto (GValue) nothing = G_VALUE_INIT;

  gmp_option_init_value (option, &nothing);
  gmp_option_write (option, self, &nothing);
}

GmpOptions *
gmp_options_new (void)
{
  GmpOptions *self = g_atomic_rc_box_new0 (GmpOptions);

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      GParamSpec *pspec = g_param_spec_ref_sink (gmp_option_make_param_spec (&options[i]));

      gmp_option_write (&options[i], self, g_param_spec_get_default_value (pspec));
      g_param_spec_unref (pspec);
    }
  return self;
}

GmpOptions *
gmp_options_copy (const GmpOptions *self)
{
  GmpOptions *copy = g_atomic_rc_box_new0 (GmpOptions);

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      gmp_option_init_value (&options[i], &value);
      gmp_option_read (&options[i], self, &value);
      gmp_option_write (&options[i], copy, &value);
    }
  return copy;
}

GmpOptions *
gmp_options_ref (GmpOptions *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear (gpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    clear_field (&options[i], data);
}

void
gmp_options_unref (GmpOptions *self)
{
  g_atomic_rc_box_release_full (self, clear);
}

void
gmp_options_get (const GmpOptions *self,
                 guint             index,
                 GValue           *value)
{
  gmp_option_read (&options[index], self, value);
}

static gboolean
is_same (GParamSpec   *pspec,
         const GValue *a,
         const GValue *b)
{
  const char * const *strv_a;
  const char * const *strv_b;

  if (!G_VALUE_HOLDS (a, G_TYPE_STRV))
    return g_param_values_cmp (pspec, a, b) == 0;
  strv_a = g_value_get_boxed (a);
  strv_b = g_value_get_boxed (b);
  return strv_a == strv_b || (strv_a != NULL && strv_b != NULL && g_strv_equal (strv_a, strv_b));
}

/* %FALSE if the field has this value already. */
gboolean
gmp_options_set (GmpOptions   *self,
                 guint         index,
                 GParamSpec   *pspec,
                 const GValue *value)
{
  g_auto (GValue) old = G_VALUE_INIT;

  g_value_init (&old, pspec->value_type);
  gmp_option_read (&options[index], self, &old);
  if (is_same (pspec, &old, value))
    return FALSE;
  gmp_option_write (&options[index], self, value);
  return TRUE;
}

/* The fresh modules whose names are text: fork servers load no others. */
char **
gmp_options_list_fresh_modules (const GmpOptions *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (char **name = self->fresh_modules; name != NULL && *name != NULL; name++)
    if (g_utf8_validate (*name, -1, NULL))
      g_strv_builder_add (builder, *name);
  return g_strv_builder_end (builder);
}

/* The environment of a worker that is started now; %NULL for this process's own. A name without a
 * value removes its variable. */
char **
gmp_options_to_environ (const GmpOptions *self)
{
  char **result = NULL;

  if (self->environment == NULL)
    return NULL;
  result = gmp_environment_copy ();
  for (char **word = self->environment; *word != NULL; word++)
    {
      const char *equals = strchr (*word, '=');
      g_autofree char *name = equals != NULL ? g_strndup (*word, equals - *word) : NULL;

      if (name != NULL)
        result = g_environ_setenv (result, name, equals + 1, TRUE);
      else
        result = g_environ_unsetenv (result, *word);
    }
  return result;
}

/* The options that a worker receives, floating, as org.gmproc.Worker1.Run describes them. Niceness
 * is sent as an absolute value: a kept process must not become nicer with each run. @is_last: no
 * run follows in the same process. */
GVariant *
gmp_options_to_variant (const GmpOptions *self,
                        gboolean          is_last)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      GVariant *value = (options[i].flags & SENT) != 0 ? gmp_option_to_variant (&options[i], self)
                                                         : NULL;

      if (value != NULL)
        g_variant_dict_insert_value (&dict, options[i].name, value);
    }
  if (self->nice != 0)
    {
      errno = 0;
      g_variant_dict_insert (&dict, "nice", "i",
                             CLAMP (getpriority (PRIO_PROCESS, 0) + self->nice, -20, 19));
    }
  if (is_last)
    g_variant_dict_insert (&dict, "last", "b", TRUE);
  return g_variant_dict_end (&dict);
}
