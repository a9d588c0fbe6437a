/* gmp-options.c: how workers are started, limited and ended
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-options-private.h"

#include "base/gmp-enum-types.h"

#include <errno.h>
#include <sys/resource.h>

/* One row is one option: the property of GmpRunner, its field, its default and limits, and whether
 * a worker is told (gmp-limits.c applies what is). */
typedef struct {
  const char *name;
  gsize       offset;
  GType       type;
  double      minimum; /* of numbers */
  double      maximum;
  double      number;  /* the default, also of booleans */
  const char *string;  /* the default of strings */
  guint       flags;
} GmpOption;

enum {
  TOLD = 1 << 0, /* workers are told, unless it is 0, %FALSE or %NULL, which are no wish */
  CONSTRUCT_ONLY = 1 << 1,
};

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

static const GmpOption options[] = {
  /**
   * GmpRunner:runtime:
   *
   * The application's language, "native", "python" or "gjs", which bindings set. It tells workers
   * what the application can read: [func@Gmp.Worker.get_application_runtime]; and, where the
   * application is itself the server, its clients: [method@Gmp.Worker.get_peer_runtime].
   *
   * Since: 0.1
   */
  STRING ("runtime", runtime, "native", TOLD | CONSTRUCT_ONLY),

  /**
   * GmpRunner:capture-output:
   *
   * Whether what workers print comes as the signal `output`, a line at a time, in place of going
   * where the application's own output goes.
   *
   * Since: 0.1
   */
  BOOLEAN ("capture-output", capture_output, FALSE, 0),

  /**
   * GmpRunner:inner-threads:
   *
   * How many threads a library inside a worker should start that would start one for each
   * processor: OpenMP, OpenBLAS, MKL, BLIS and numexpr, which are told by the variables
   * `OMP_NUM_THREADS` and so on. With 0 each worker gets an equal share of the processors, at least
   * one. Where such a variable is set in the application's environment, or in
   * [property@Gmp.Runner:environment], it counts.
   *
   * Since: 0.1
   */
  UINT ("inner-threads", inner_threads, 0, 0),

  /**
   * GmpRunner:warm-start:
   *
   * Whether a worker's process may be a fork of one that has loaded what workers need, which takes
   * a hundredth of the time; %TRUE by default. With %FALSE each is executed anew.
   *
   * A fork differs from a process that was executed in what the process that is forked, the
   * warm-start server, has done before: in C that is what the program does before `gmp_init ()`, in
   * Python the import of installed modules. If that makes something that each process should have
   * for itself (an identifier drawn by chance, a name with the process id), all forks have the
   * same. Random numbers of GLib, Python and NumPy are seeded anew in each fork; a server that has
   * started threads or opened files is not used. Nothing else is noticed, and this property is for
   * that.
   *
   * [func@Gmp.runtime_get_cold_start_reason] returns why there are no forks.
   *
   * Since: 0.1
   */
  BOOLEAN ("warm-start", warm_start, TRUE, 0),

  /**
   * GmpRunner:fresh-modules:
   *
   * Names of modules that a warm-start server of this object's workers does not load: each worker
   * does, anew. What the modules of such a server are is its runtime's own; in Python, the
   * installed ones that workers import. See [property@Gmp.Runner:warm-start] for when this is of
   * use.
   *
   * Since: 0.1
   */
  STRV ("fresh-modules", fresh_modules, 0),

  /**
   * GmpRunner:environment:
   *
   * Variables for workers, each as `NAME=VALUE`; a `NAME` alone takes the variable out. The others
   * are those of the application, as they are when the worker is started.
   *
   * Since: 0.1
   */
  STRV ("environment", environment, 0),

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
  STRING ("working-directory", working_directory, NULL, 0),

  /**
   * GmpRunner:memory-limit:
   *
   * How many bytes of memory each worker may have for itself.
   *
   * It is the kernel's `RLIMIT_DATA`: what the process has allocated, its stacks and the arrays
   * that it received included, but neither program files nor memory that it shares with others. An
   * allocation beyond it fails, with what the language makes of that: a `MemoryError` in Python,
   * and an abort in C, where GLib allocates. The error of such a worker names this limit.
   *
   * Since: 0.1
   */
  UINT64 ("memory-limit", memory_limit, 0, TOLD),

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
  SECONDS ("cpu-time-limit", cpu_time_limit, 0, TOLD),

  /**
   * GmpRunner:open-files-limit:
   *
   * How many file descriptors each worker may have, those of gmproc included: about ten, and for a
   * server up to three for each client.
   *
   * Since: 0.1
   */
  UINT ("open-files-limit", open_files_limit, 0, TOLD),

  /**
   * GmpRunner:value-size-limit:
   *
   * How many bytes one value may have that a worker sends: a request, a response, a result; 0 for
   * no limit.
   *
   * It protects who receives from what another process says: a value that is bigger fails its
   * sender, with [error@Gmp.Error.BAD_PAYLOAD]; one that is announced or comes all the same is
   * [error@Gmp.Error.PROTOCOL]. Memory is only taken for what has come.
   *
   * Since: 0.1
   */
  UINT64 ("value-size-limit", value_size_limit, 0x80000000, TOLD),

  /**
   * GmpRunner:nice:
   *
   * How much nicer to other processes workers are than the application, which is added to its own
   * niceness. Less than 0 needs the privilege `CAP_SYS_NICE`, or a limit that allows it.
   *
   * Since: 0.1
   */
  INT ("nice", nice, -40, 40, 0, TOLD),

  /**
   * GmpRunner:affinity:
   *
   * The processors that workers run on, as `taskset -c` takes them: `0`, `0,2` or `4-7`; all that
   * the application may use where it is %NULL.
   *
   * Since: 0.1
   */
  STRING ("affinity", affinity, NULL, TOLD),

  /**
   * GmpRunner:priority:
   *
   * The priority of a run in its main context, as `g_source_set_priority ()` takes it; 150 by
   * default.
   *
   * The default is lower than that of redrawing in GTK (120), so a window goes on drawing however
   * much its workers report; a worker that reports faster than the program handles it waits.
   * Requests to an application that is the server come behind all else of the run, at 50 more than
   * this number. A smaller number is a higher priority.
   *
   * Since: 0.1
   */
  INT ("priority", priority, -1000, 1000, GMP_PRIORITY_DEFAULT, 0),

  /**
   * GmpRunner:startup-timeout:
   *
   * How many seconds a worker may take from its start until its function, or its `start` method,
   * begins; 60 by default. Modules are imported in that time, and clients and servers built.
   *
   * Since: 0.1
   */
  SECONDS ("startup-timeout", startup_timeout, 60, 0),

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
  SECONDS ("run-timeout", run_timeout, 0, 0),

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
  SECONDS ("request-timeout", request_timeout, 0, TOLD),

  /**
   * GmpRunner:stop-grace:
   *
   * How many seconds a worker that is cancelled, or has exceeded a time limit, has to end by itself
   * before it gets `SIGTERM`; 0.3 by default, and 0 for at once.
   *
   * Since: 0.1
   */
  SECONDS ("stop-grace", stop_grace, 0.3, 0),

  /**
   * GmpRunner:kill-grace:
   *
   * How many seconds a worker has between `SIGTERM` and `SIGKILL`; 0.3 by default, and 0 for at
   * once.
   *
   * Since: 0.1
   */
  SECONDS ("kill-grace", kill_grace, 0.3, 0),

  /**
   * GmpRunner:restart:
   *
   * Which workers are begun again when they have ended, servers and clients alike.
   *
   * With %GMP_RESTART_ALWAYS a run ends when its server is done, when it is stopped or cancelled,
   * or when [property@Gmp.Runner:max-restarts] is reached: a worker that has finished then keeps
   * its last result.
   *
   * Since: 0.1
   */
  RESTART ("restart", restart, TOLD),

  /**
   * GmpRunner:max-restarts:
   *
   * How often a worker is restarted within [property@Gmp.Runner:restart-period] at most; 3 by
   * default.
   *
   * Since: 0.1
   */
  UINT ("max-restarts", max_restarts, 3, 0),

  /**
   * GmpRunner:restart-period:
   *
   * The seconds that [property@Gmp.Runner:max-restarts] is about; 60 by default, and 0 for the
   * whole run.
   *
   * Since: 0.1
   */
  SECONDS ("restart-period", restart_period, 60, 0),

  /**
   * GmpRunner:resend-requests:
   *
   * What a client does that waits for an answer when the server is restarted: with %TRUE it sends
   * its request again, which the server may then see twice; with %FALSE, the default, it fails with
   * [error@Gmp.Error.DISCONNECTED], and may be restarted itself.
   *
   * Since: 0.1
   */
  BOOLEAN ("resend-requests", resend_requests, FALSE, TOLD),
};

guint
gmp_options_get_n (void)
{
  return G_N_ELEMENTS (options);
}

GParamSpec *
gmp_options_make_param_spec (guint index)
{
  const GmpOption *option = &options[index];
  const char *name = option->name;
  double number = option->number;
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  if ((option->flags & CONSTRUCT_ONLY) != 0)
    flags |= G_PARAM_CONSTRUCT_ONLY;
  switch (option->type)
    {
    case G_TYPE_BOOLEAN:
      return g_param_spec_boolean (name, NULL, NULL, number != 0, flags);

    case G_TYPE_INT:
      return g_param_spec_int (name, NULL, NULL, (int) option->minimum, (int) option->maximum,
                               (int) number, flags);

    case G_TYPE_UINT:
      return g_param_spec_uint (name, NULL, NULL, (guint) option->minimum, (guint) option->maximum,
                                (guint) number, flags);

    case G_TYPE_UINT64:
      return g_param_spec_uint64 (name, NULL, NULL, 0, G_MAXUINT64, (guint64) number, flags);

    case G_TYPE_DOUBLE:
      return g_param_spec_double (name, NULL, NULL, option->minimum, option->maximum, number,
                                  flags);

    case G_TYPE_ENUM:
      return g_param_spec_enum (name, NULL, NULL, GMP_TYPE_RESTART, (int) number, flags);

    case G_TYPE_STRING:
      return g_param_spec_string (name, NULL, NULL, option->string, flags);

    default:
      return g_param_spec_boxed (name, NULL, NULL, G_TYPE_STRV, flags);
    }
}

/* The fields, by their rows. */

static void
read_field (const GmpOption  *option,
            const GmpOptions *self,
            GValue           *value)
{
  gpointer field = G_STRUCT_MEMBER_P (self, option->offset);

  switch (option->type)
    {
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, *(gboolean *) field);
      break;

    case G_TYPE_UINT:
      g_value_set_uint (value, *(guint *) field);
      break;

    case G_TYPE_INT:
      g_value_set_int (value, *(int *) field);
      break;

    case G_TYPE_UINT64:
      g_value_set_uint64 (value, *(guint64 *) field);
      break;

    case G_TYPE_DOUBLE:
      g_value_set_double (value, *(double *) field);
      break;

    case G_TYPE_ENUM:
      g_value_set_enum (value, *(GmpRestart *) field);
      break;

    case G_TYPE_STRING:
      g_value_set_string (value, *(char **) field);
      break;

    default:
      g_value_set_boxed (value, *(char ***) field);
    }
}

static void
write_field (const GmpOption *option,
             GmpOptions      *self,
             const GValue    *value)
{
  gpointer field = G_STRUCT_MEMBER_P (self, option->offset);

  switch (option->type)
    {
    case G_TYPE_BOOLEAN:
      *(gboolean *) field = g_value_get_boolean (value);
      break;

    case G_TYPE_UINT:
      *(guint *) field = g_value_get_uint (value);
      break;

    case G_TYPE_INT:
      *(int *) field = g_value_get_int (value);
      break;

    case G_TYPE_UINT64:
      *(guint64 *) field = g_value_get_uint64 (value);
      break;

    case G_TYPE_DOUBLE:
      *(double *) field = g_value_get_double (value);
      break;

    case G_TYPE_ENUM:
      *(GmpRestart *) field = g_value_get_enum (value);
      break;

    case G_TYPE_STRING:
      g_free (*(char **) field);
      *(char **) field = g_value_dup_string (value);
      break;

    default:
      g_strfreev (*(char ***) field);
      *(char ***) field = g_value_dup_boxed (value);
    }
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

/* A value of the type that the option's property has. */
static void
init_value (const GmpOption *option,
            GValue          *value)
{
  if (option->type == G_TYPE_ENUM)
    g_value_init (value, GMP_TYPE_RESTART);
  else if (option->type == G_TYPE_BOXED)
    g_value_init (value, G_TYPE_STRV);
  else
    g_value_init (value, option->type);
}

static void
clear_field (const GmpOption *option,
             GmpOptions      *self)
{
  g_auto (GValue) nothing = G_VALUE_INIT;

  init_value (option, &nothing);
  write_field (option, self, &nothing);
}

GmpOptions *
gmp_options_new (void)
{
  GmpOptions *self = g_atomic_rc_box_new0 (GmpOptions);

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      GParamSpec *pspec = g_param_spec_ref_sink (gmp_options_make_param_spec (i));

      write_field (&options[i], self, g_param_spec_get_default_value (pspec));
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

      init_value (&options[i], &value);
      read_field (&options[i], self, &value);
      write_field (&options[i], copy, &value);
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
  read_field (&options[index], self, value);
}

/* %FALSE where the field has this value already. */
gboolean
gmp_options_set (GmpOptions   *self,
                 guint         index,
                 GParamSpec   *pspec,
                 const GValue *value)
{
  g_auto (GValue) old = G_VALUE_INIT;

  g_value_init (&old, pspec->value_type);
  read_field (&options[index], self, &old);
  if (is_same (pspec, &old, value))
    return FALSE;
  write_field (&options[index], self, value);
  return TRUE;
}

/* The environment of a worker that is started now; %NULL for this process's own. A word without a
 * value takes its variable out. */
char **
gmp_options_to_environ (const GmpOptions *self)
{
  char **result = NULL;

  if (self->environment == NULL)
    return NULL;
  result = g_get_environ ();
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

/* %NULL for a value that is no wish. */
static GVariant *
to_variant (const GmpOption  *option,
            const GmpOptions *self)
{
  gpointer field = G_STRUCT_MEMBER_P (self, option->offset);

  switch (option->type)
    {
    case G_TYPE_BOOLEAN:
      return *(gboolean *) field ? g_variant_new_boolean (TRUE) : NULL;

    case G_TYPE_INT:
      return *(int *) field != 0 ? g_variant_new_int32 (*(int *) field) : NULL;

    case G_TYPE_UINT:
      return *(guint *) field > 0 ? g_variant_new_uint32 (*(guint *) field) : NULL;

    case G_TYPE_UINT64:
      return *(guint64 *) field > 0 ? g_variant_new_uint64 (*(guint64 *) field) : NULL;

    case G_TYPE_DOUBLE:
      return *(double *) field > 0 ? g_variant_new_double (*(double *) field) : NULL;

    case G_TYPE_ENUM:
      return g_variant_new_int32 (*(GmpRestart *) field);

    case G_TYPE_STRING:
      return *(char **) field != NULL ? g_variant_new_string (*(char **) field) : NULL;

    default:
      g_assert_not_reached ();
    }
}

/* What a worker has to know of them, floating, as org.gmproc.Worker1.Run describes it. Niceness is
 * told as it should be in the end: a process that is kept must not become nicer with each run.
 * @is_last: no run follows in the same process. */
GVariant *
gmp_options_to_variant (const GmpOptions *self,
                        gboolean          is_last)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      GVariant *value = (options[i].flags & TOLD) != 0 ? to_variant (&options[i], self) : NULL;

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
