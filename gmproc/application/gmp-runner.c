/* gmp-runner.c: what GmpWorkers and GmpClientServer have in common
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "application/gmp-runner-private.h"

#include "base/gmp-enum-types.h"
#include "base/gmp-error.h"
#include "base/gmp-fork-private.h"
#include "base/gmp-limit-private.h"

#include <errno.h>

/**
 * GmpRunner:
 *
 * How workers are started, limited, restarted and ended: what [class@Gmp.Workers] and
 * [class@Gmp.ClientServer] have in common.
 *
 * All times are in seconds, fractions included, and all sizes in bytes; 0 is no limit. A property
 * counts for runs that begin after it is set, and the processes that were kept end when it changes.
 *
 * # Time limits
 *
 * A worker that takes longer than it may fails with [error@Gmp.Error.TIMED_OUT], and is ended as
 * one that is cancelled: its [func@Gmp.Worker.get_cancellable] is cancelled; after
 * [property@Gmp.Runner:stop-grace] it gets `SIGTERM`; after a further
 * [property@Gmp.Runner:kill-grace] `SIGKILL`.
 *
 * Limits count the time in which the main loop of the run turns. While the program holds it up, or
 * is stopped itself, they stand still; and a result that has come counts, however late it is read.
 *
 * # Restarts
 *
 * With [property@Gmp.Runner:restart] a worker that has ended is begun again, in a new process
 * and from its `start`: at most [property@Gmp.Runner:max-restarts] times within
 * [property@Gmp.Runner:restart-period]. After that it stays as it is, and its failure is the
 * first of those that it was restarted for.
 *
 * A server that is restarted gets new channels to its clients, which live on. A client that waits
 * for an answer then fails, or asks again with [property@Gmp.Runner:resend-requests]. A server
 * that is done is not restarted: the run is over.
 *
 * # Deaths
 *
 * A run reports failures when all its workers have ended. That one has died, or has exceeded a time
 * limit, is logged at once while others go on, as a message of the domain `gmproc`; unless
 * something is connected to the signal `failed`, which tells a program of each failure.
 *
 * Since: 0.1
 */

typedef struct {
  GmpOptions *options;
  GmpFailureLog failure_log;
  int run; /* atomic: while there is a run, that of run_mark(); 0 before the first */
} GmpRunnerPrivate;

enum {
  PROP_0,
  PROP_RUNTIME,
  PROP_CAPTURE_OUTPUT,
  PROP_INNER_THREADS,
  PROP_WARM_START,
  PROP_FRESH_MODULES,
  PROP_ENVIRONMENT,
  PROP_WORKING_DIRECTORY,
  PROP_MEMORY_LIMIT,
  PROP_CPU_TIME_LIMIT,
  PROP_OPEN_FILES_LIMIT,
  PROP_VALUE_SIZE_LIMIT,
  PROP_NICE,
  PROP_AFFINITY,
  PROP_PRIORITY,
  PROP_STARTUP_TIMEOUT,
  PROP_RUN_TIMEOUT,
  PROP_REQUEST_TIMEOUT,
  PROP_STOP_GRACE,
  PROP_KILL_GRACE,
  PROP_RESTART,
  PROP_MAX_RESTARTS,
  PROP_RESTART_PERIOD,
  PROP_RESEND_REQUESTS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

/* Where a property is kept; its type is that of its GParamSpec. */
static const gsize offsets[N_PROPS] = {
  [PROP_RUNTIME] = G_STRUCT_OFFSET (GmpOptions, runtime),
  [PROP_CAPTURE_OUTPUT] = G_STRUCT_OFFSET (GmpOptions, capture_output),
  [PROP_INNER_THREADS] = G_STRUCT_OFFSET (GmpOptions, inner_threads),
  [PROP_WARM_START] = G_STRUCT_OFFSET (GmpOptions, warm_start),
  [PROP_FRESH_MODULES] = G_STRUCT_OFFSET (GmpOptions, fresh_modules),
  [PROP_ENVIRONMENT] = G_STRUCT_OFFSET (GmpOptions, environment),
  [PROP_WORKING_DIRECTORY] = G_STRUCT_OFFSET (GmpOptions, working_directory),
  [PROP_MEMORY_LIMIT] = G_STRUCT_OFFSET (GmpOptions, memory_limit),
  [PROP_CPU_TIME_LIMIT] = G_STRUCT_OFFSET (GmpOptions, cpu_time_limit),
  [PROP_OPEN_FILES_LIMIT] = G_STRUCT_OFFSET (GmpOptions, open_files_limit),
  [PROP_VALUE_SIZE_LIMIT] = G_STRUCT_OFFSET (GmpOptions, value_size_limit),
  [PROP_NICE] = G_STRUCT_OFFSET (GmpOptions, nice),
  [PROP_AFFINITY] = G_STRUCT_OFFSET (GmpOptions, affinity),
  [PROP_PRIORITY] = G_STRUCT_OFFSET (GmpOptions, priority),
  [PROP_STARTUP_TIMEOUT] = G_STRUCT_OFFSET (GmpOptions, startup_timeout),
  [PROP_RUN_TIMEOUT] = G_STRUCT_OFFSET (GmpOptions, run_timeout),
  [PROP_REQUEST_TIMEOUT] = G_STRUCT_OFFSET (GmpOptions, request_timeout),
  [PROP_STOP_GRACE] = G_STRUCT_OFFSET (GmpOptions, stop_grace),
  [PROP_KILL_GRACE] = G_STRUCT_OFFSET (GmpOptions, kill_grace),
  [PROP_RESTART] = G_STRUCT_OFFSET (GmpOptions, restart),
  [PROP_MAX_RESTARTS] = G_STRUCT_OFFSET (GmpOptions, max_restarts),
  [PROP_RESTART_PERIOD] = G_STRUCT_OFFSET (GmpOptions, restart_period),
  [PROP_RESEND_REQUESTS] = G_STRUCT_OFFSET (GmpOptions, resend_requests),
};

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GmpRunner, gmp_runner, G_TYPE_OBJECT)

static void
gmp_runner_finalize (GObject *object)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (GMP_RUNNER (object));

  gmp_options_unref (priv->options);
  gmp_failure_log_free (&priv->failure_log);
  G_OBJECT_CLASS (gmp_runner_parent_class)->finalize (object);
}

static void
gmp_runner_get_property (GObject    *object,
                              guint       prop_id,
                              GValue     *value,
                              GParamSpec *pspec)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (GMP_RUNNER (object));

  gmp_options_get_value (priv->options, offsets[prop_id], pspec, value);
}

static void
gmp_runner_set_property (GObject      *object,
                              guint         prop_id,
                              const GValue *value,
                              GParamSpec   *pspec)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (GMP_RUNNER (object));

  if (gmp_options_set_value (priv->options, offsets[prop_id], pspec, value))
    g_object_notify_by_pspec (object, pspec);
}

/**
 * GmpRunner:runtime:
 *
 * The application's language, "native", "python" or "gjs", which bindings set. It tells workers
 * what the application can read: [func@Gmp.Worker.get_application_runtime]; and, where the
 * application is itself the server, its clients: [method@Gmp.Worker.get_peer_runtime].
 *
 * Since: 0.1
 */

/**
 * GmpRunner:capture-output:
 *
 * Whether what workers print comes as the signal `output`, a line at a time, in place of going
 * where the application's own output goes.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:inner-threads:
 *
 * How many threads a library inside a worker should start that would start one for each processor:
 * OpenMP, OpenBLAS, MKL, BLIS and numexpr, which are told by the variables `OMP_NUM_THREADS` and so
 * on. With 0 each worker gets an equal share of the processors, at least one. Where such a variable
 * is set in the application's environment, or in [property@Gmp.Runner:environment], it counts.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:warm-start:
 *
 * Whether a worker's process may be a fork of one that has loaded what workers need, which takes a
 * hundredth of the time; %TRUE by default. With %FALSE each is executed anew.
 *
 * A fork differs from a process that was executed in what the process that is forked, the
 * warm-start server, has done before: in C that is what the program does before `gmp_init ()`, in
 * Python the import of installed modules. If that makes something that each process should have for
 * itself (an identifier drawn by chance, a name with the process id), all forks have the same.
 * Random numbers of GLib, Python and NumPy are seeded anew in each fork; a server that has started
 * threads or opened files is not used. Nothing else is noticed, and this property is for that.
 *
 * [func@Gmp.runtime_get_cold_start_reason] returns why there are no forks.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:fresh-modules:
 *
 * Names of modules that a warm-start server of this object's workers does not load: each worker
 * does, anew. What the modules of such a server are is its runtime's own; in Python, the installed
 * ones that workers import. See [property@Gmp.Runner:warm-start] for when this is of use.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:environment:
 *
 * Variables for workers, each as `NAME=VALUE`; a `NAME` alone takes the variable out. The others
 * are those of the application, as they are when the worker is started.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:working-directory: (type filename)
 *
 * The folder that workers are started in; that of the application where it is %NULL.
 *
 * They find libraries and modules where the application does: what is relative in
 * `LD_LIBRARY_PATH`, `GI_TYPELIB_PATH`, `PYTHONPATH` and `GJS_PATH` is so to the folder that the
 * application was started in, unless [property@Gmp.Runner:environment] gives another value.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:memory-limit:
 *
 * How many bytes of memory each worker may have for itself.
 *
 * It is the kernel's `RLIMIT_DATA`: what the process has allocated, its stacks and the arrays that
 * it received included, but neither program files nor memory that it shares with others. An
 * allocation beyond it fails, with what the language makes of that: a `MemoryError` in Python, and
 * an abort in C, where GLib allocates. The error of such a worker names this limit.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:cpu-time-limit:
 *
 * How many seconds of processor time a worker may use in a run, all its threads together; the
 * kernel counts whole seconds, so it is rounded up.
 *
 * The kernel then ends the process by `SIGXCPU`. One that handles or ignores that has two seconds
 * more, and is killed. The error names this limit either way.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:open-files-limit:
 *
 * How many file descriptors each worker may have, those of gmproc included: about ten, and for a
 * server up to three for each client.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:value-size-limit:
 *
 * How many bytes one value may have that a worker sends: a request, a response, a result; 0 for no
 * limit.
 *
 * It protects who receives from what another process says: a value that is bigger fails its sender,
 * with [error@Gmp.Error.BAD_PAYLOAD]; one that is announced or comes all the same is
 * [error@Gmp.Error.PROTOCOL]. Memory is only taken for what has come.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:nice:
 *
 * How much nicer to other processes workers are than the application, which is added to its own
 * niceness. Less than 0 needs the privilege `CAP_SYS_NICE`, or a limit that allows it.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:affinity:
 *
 * The processors that workers run on, as `taskset -c` takes them: `0`, `0,2` or `4-7`; all that the
 * application may use where it is %NULL.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:priority:
 *
 * The priority of a run in its main context, as `g_source_set_priority ()` takes it; 150 by
 * default.
 *
 * The default is lower than that of redrawing in GTK (120), so a window goes on drawing however
 * much its workers report; a worker that reports faster than the program handles it waits. Requests
 * to an application that is the server come behind all else of the run, at 50 more than this
 * number. A smaller number is a higher priority.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:startup-timeout:
 *
 * How many seconds a worker may take from its start until its function, or its `start` method,
 * begins; 60 by default. Modules are imported in that time, and clients and servers built.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:run-timeout:
 *
 * How many seconds a worker may take for a run, its start included; no limit by default. Each
 * restart has them anew.
 *
 * For a server they begin when its last client has ended. Until then its clients' limits end the
 * run, so that a server that waits for a client is not the one that fails.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:request-timeout:
 *
 * How many seconds a client waits for the answer to a request; no limit by default.
 *
 * When they are over, the client fails with [error@Gmp.Error.TIMED_OUT]; the server goes on, and
 * its answer is dropped. A server that has left a request unanswered, and does not end either
 * within this time after its last client has, is ended with the same error.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:stop-grace:
 *
 * How many seconds a worker that is cancelled, or has exceeded a time limit, has to end by itself
 * before it gets `SIGTERM`; 0.3 by default, and 0 for at once.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:kill-grace:
 *
 * How many seconds a worker has between `SIGTERM` and `SIGKILL`; 0.3 by default, and 0 for at once.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:restart:
 *
 * Which workers are begun again when they have ended, servers and clients alike.
 *
 * With %GMP_RESTART_ALWAYS a run ends when its server is done, when it is stopped or cancelled, or
 * when [property@Gmp.Runner:max-restarts] is reached: a worker that has finished then keeps
 * its last result.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:max-restarts:
 *
 * How often a worker is restarted within [property@Gmp.Runner:restart-period] at most; 3 by
 * default.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:restart-period:
 *
 * The seconds that [property@Gmp.Runner:max-restarts] is about; 60 by default, and 0 for the
 * whole run.
 *
 * Since: 0.1
 */

/**
 * GmpRunner:resend-requests:
 *
 * What a client does that waits for an answer when the server is restarted: with %TRUE it sends its
 * request again, which the server may then see twice; with %FALSE, the default, it fails with
 * [error@Gmp.Error.DISCONNECTED], and may be restarted itself.
 *
 * Since: 0.1
 */

static GParamSpec *
seconds_property (const char *name,
                  double      value)
{
  return g_param_spec_double (name, NULL, NULL, 0, G_MAXDOUBLE, value,
                              G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);
}

static void
install_limits (const GmpOptions *defaults)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  properties[PROP_ENVIRONMENT] = g_param_spec_boxed ("environment", NULL, NULL, G_TYPE_STRV, flags);

  properties[PROP_WORKING_DIRECTORY] = g_param_spec_string ("working-directory", NULL, NULL, NULL,
                                                            flags);

  properties[PROP_MEMORY_LIMIT] = g_param_spec_uint64 ("memory-limit", NULL, NULL, 0, G_MAXUINT64,
                                                       0, flags);

  properties[PROP_CPU_TIME_LIMIT] = seconds_property ("cpu-time-limit", 0);

  properties[PROP_OPEN_FILES_LIMIT] = g_param_spec_uint ("open-files-limit", NULL, NULL, 0,
                                                         G_MAXUINT, 0, flags);

  properties[PROP_VALUE_SIZE_LIMIT] = g_param_spec_uint64 ("value-size-limit", NULL, NULL, 0,
                                                           G_MAXUINT64,
                                                           defaults->value_size_limit, flags);

  properties[PROP_NICE] = g_param_spec_int ("nice", NULL, NULL, -40, 40, 0, flags);

  properties[PROP_AFFINITY] = g_param_spec_string ("affinity", NULL, NULL, NULL, flags);
}

static void
install_properties (GObjectClass     *object_class,
                    const GmpOptions *defaults)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  properties[PROP_RUNTIME] = g_param_spec_string ("runtime", NULL, NULL, defaults->runtime,
                                                  flags | G_PARAM_CONSTRUCT_ONLY);

  properties[PROP_CAPTURE_OUTPUT] = g_param_spec_boolean ("capture-output", NULL, NULL, FALSE,
                                                          flags);

  properties[PROP_INNER_THREADS] = g_param_spec_uint ("inner-threads", NULL, NULL, 0, G_MAXUINT, 0,
                                                      flags);
  properties[PROP_WARM_START] = g_param_spec_boolean ("warm-start", NULL, NULL, TRUE, flags);

  properties[PROP_FRESH_MODULES] = g_param_spec_boxed ("fresh-modules", NULL, NULL, G_TYPE_STRV,
                                                       flags);
  install_limits (defaults);
  properties[PROP_PRIORITY] = g_param_spec_int ("priority", NULL, NULL, -1000, 1000,
                                                defaults->priority, flags);

  properties[PROP_STARTUP_TIMEOUT] = seconds_property ("startup-timeout",
                                                       defaults->startup_timeout);

  properties[PROP_RUN_TIMEOUT] = seconds_property ("run-timeout", 0);

  properties[PROP_REQUEST_TIMEOUT] = seconds_property ("request-timeout", 0);

  properties[PROP_STOP_GRACE] = seconds_property ("stop-grace", defaults->stop_grace);

  properties[PROP_KILL_GRACE] = seconds_property ("kill-grace", defaults->kill_grace);

  properties[PROP_RESTART] = g_param_spec_enum ("restart", NULL, NULL, GMP_TYPE_RESTART,
                                                GMP_RESTART_NEVER, flags);

  properties[PROP_MAX_RESTARTS] = g_param_spec_uint ("max-restarts", NULL, NULL, 0, G_MAXUINT,
                                                     defaults->max_restarts, flags);

  properties[PROP_RESTART_PERIOD] = seconds_property ("restart-period", defaults->restart_period);

  properties[PROP_RESEND_REQUESTS] = g_param_spec_boolean ("resend-requests", NULL, NULL, FALSE,
                                                           flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
gmp_runner_class_init (GmpRunnerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  g_autoptr (GmpOptions) defaults = gmp_options_new ();

  object_class->finalize = gmp_runner_finalize;
  object_class->get_property = gmp_runner_get_property;
  object_class->set_property = gmp_runner_set_property;
  install_properties (object_class, defaults);
}

static void
gmp_runner_init (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  priv->options = gmp_options_new ();
  gmp_failure_log_init (&priv->failure_log, self);
}

/* For a run: what is set after this does not count for it. */
GmpOptions *
gmp_runner_copy_options (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  return gmp_options_copy (priv->options);
}

static gpointer
do_nothing (gpointer user_data)
{
  return user_data;
}

/* GLib has a thread for its tasks and signal sources, and aborts the program where it cannot have
 * it. Without one no worker can run either, and that is an error. */
static gboolean
can_have_thread (GError **error)
{
  static int is_known;
  GThread *thread;

  if (g_atomic_int_get (&is_known))
    return TRUE;
  thread = g_thread_try_new ("gmproc-probe", do_nothing, NULL, NULL);
  if (thread == NULL)
    {
      g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "No thread can be had%s",
                   gmp_limit_describe (EAGAIN));
      return FALSE;
    }
  g_thread_join (thread);
  g_atomic_int_set (&is_known, TRUE);
  return TRUE;
}

/* A run of the parent is none of a forked child. */
static int
run_mark (void)
{
  return (int) gmp_fork_get_generation () + 1;
}

/* Of threads that begin a run at the same time, one can: the others hear so at once. */
gboolean
gmp_runner_claim (GmpRunner *self,
                  GError   **error)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);
  int before = g_atomic_int_get (&priv->run);

  if (!can_have_thread (error))
    return FALSE;
  if (before != run_mark () &&
      g_atomic_int_compare_and_exchange (&priv->run, before, run_mark ()))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING, "This %s is in a run already",
               G_OBJECT_TYPE_NAME (self));
  return FALSE;
}

void
gmp_runner_release (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  g_atomic_int_set (&priv->run, 0);
}

gboolean
gmp_runner_is_claimed (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  return g_atomic_int_get (&priv->run) == run_mark ();
}

GmpFailureLog *
gmp_runner_get_failure_log (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  return &priv->failure_log;
}

/**
 * gmp_runner_get_failures:
 * @self: an application
 *
 * What is known about the workers of the last run that failed; while one runs, of those that have.
 *
 * They are in the order that they failed in, so the first is why the run failed. A handler of the
 * signal `failed` finds the worker that it is told of as the last.
 *
 * Returns: (transfer container) (element-type GmpFailure): the failures
 *
 * Since: 0.1
 */
GPtrArray *
gmp_runner_get_failures (GmpRunner *self)
{
  GmpRunnerPrivate *priv = gmp_runner_get_instance_private (self);

  g_return_val_if_fail (GMP_IS_RUNNER (self), NULL);

  return gmp_failure_log_copy (&priv->failure_log);
}
