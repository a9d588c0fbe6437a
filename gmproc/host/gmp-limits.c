/* gmp-limits.c: resource limits of a worker's process
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "host/gmp-limits-private.h"

#include "base/gmp-error.h"
#include "base/gmp-limit-private.h"
#include "base/gmp-processors-private.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

/* Workers set their limits themselves, in each run. This is the same for processes that were
 * executed, forked or kept from an earlier run. */

static gboolean
refuse (GError    **error,
        const char *property,
        const char *why)
{
  g_set_error (error, GMP_ERROR, GMP_ERROR_LAUNCH, "its %s cannot be set: %s", property, why);
  return FALSE;
}

/* Never above the hard limit, which only privileged processes can raise. */
static gboolean
set_limit (int         resource,
           guint64     value,
           const char *property,
           GError    **error)
{
  struct rlimit limit;

  if (getrlimit (resource, &limit) == 0)
    {
      limit.rlim_cur = MIN (value, limit.rlim_max);
      if (setrlimit (resource, &limit) == 0)
        return TRUE;
    }
  return refuse (error, property, g_strerror (errno));
}

/* The bytes that count for RLIMIT_DATA now; 0 if /proc does not contain them. */
static guint64
get_data_size (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  line = strstr (text, "\nVmData:");
  return line != NULL ? g_ascii_strtoull (line + strlen ("\nVmData:"), NULL, 10) * 1024 : 0;
}

/* RLIMIT_AS would count the address space that shared memory reserves without using it. */
static gboolean
limit_memory (GVariant *value,
              GError  **error)
{
  guint64 limit = g_variant_get_uint64 (value);
  guint64 used = get_data_size ();
  g_autofree char *why = NULL;

  if (used < limit)
    return set_limit (RLIMIT_DATA, limit, "memory-limit", error);
  why = g_strdup_printf ("a worker of this runtime uses %.1f MiB before it starts",
                         used / (1024.0 * 1024.0));
  return refuse (error, "memory-limit", why);
}

/* A timer on the processor time of the process. */
typedef struct
{
  int      signum;
  gboolean exists;
  timer_t  id;
} CpuTimer;

/* RLIMIT_CPU would do the same, but it counts samples that the kernel takes at the ticks of its
 * clock: on a busy machine it ends a process up to a fifth too early. */
static gboolean
set_cpu_timer (CpuTimer *self,
               double    seconds)
{
  struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = self->signum };
  struct itimerspec time = { .it_value.tv_sec = (time_t) seconds };

  time.it_value.tv_nsec = (long) ((seconds - time.it_value.tv_sec) * 1e9);
  self->exists = self->exists || timer_create (CLOCK_PROCESS_CPUTIME_ID, &event, &self->id) == 0;
  return self->exists && timer_settime (self->id, TIMER_ABSTIME, &time, NULL) == 0;
}

/* SIGXCPU can be handled or ignored, SIGKILL cannot. The clock starts with the process. */
static gboolean
limit_cpu_time (GVariant *value,
                GError  **error)
{
  static CpuTimer warning = { .signum = SIGXCPU };
  static CpuTimer end = { .signum = SIGKILL };
  struct timespec used;
  double limit;

  if (clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
    return refuse (error, "cpu-time-limit", g_strerror (errno));
  /* The sum has to fit into a time_t, which may have 32 bits. */
  limit = used.tv_sec + used.tv_nsec / 1e9 + MIN (g_variant_get_double (value), G_MAXINT / 2);
  if (!set_cpu_timer (&warning, limit) || !set_cpu_timer (&end, limit + GMP_CPU_TIME_GRACE))
    return refuse (error, "cpu-time-limit", g_strerror (errno));
  /* Child processes inherit this. It is twice the worker's own limit, so that the kernel's count
   * never ends the worker before the timers do. */
  return set_limit (RLIMIT_CPU, (guint64) (2 * limit) + 1, "cpu-time-limit", error);
}

static gboolean
limit_open_files (GVariant *value,
                  GError  **error)
{
  return set_limit (RLIMIT_NOFILE, g_variant_get_uint32 (value), "open-files-limit", error);
}

/* On Linux niceness and affinity belong to a thread. This is the main thread, from which user code
 * starts its threads. */
static gboolean
be_nice (GVariant *value,
         GError  **error)
{
  if (setpriority (PRIO_PROCESS, 0, g_variant_get_int32 (value)) == 0)
    return TRUE;
  return refuse (error, "nice", errno == EACCES || errno == EPERM
                 ? "a lower niceness than the application's needs the privilege CAP_SYS_NICE, or "
                   "a limit that allows it ('ulimit -e')"
                 : g_strerror (errno));
}

static gboolean
bind_to_processors (GVariant *value,
                    GError  **error)
{
  const char *text = g_variant_get_string (value, NULL);
  g_autoptr (GError) invalid = NULL;
  g_autofree char *why = NULL;
  cpu_set_t set;

  if (!gmp_processors_parse (text, &set, &invalid))
    why = g_strdup (invalid->message);
  else if (sched_setaffinity (0, sizeof set, &set) == 0)
    return TRUE;
  else
    why = g_strdup_printf ("processors %s: %s", text, errno == EINVAL
                           ? "they do not exist, or the application may not use them"
                           : g_strerror (errno));
  return refuse (error, "affinity", why);
}

/* Options that the life cycle reads have no function here. */
static const struct {
  const char *name;
  const char *type;
  gboolean  (*apply) (GVariant *value,
                      GError  **error);
} known[] = {
  { "open-files-limit", "u", limit_open_files },
  { "nice", "i", be_nice },
  { "affinity", "s", bind_to_processors },
  { "cpu-time-limit", "d", limit_cpu_time },
  { "memory-limit", "t", limit_memory },
  { "value-size-limit", "t", NULL },
  { "request-timeout", "d", NULL },
  { "turn-timeout", "d", NULL },
  { "resend-requests", "b", NULL },
  { "runtime", "s", NULL },
  { "last", "b", NULL },
  { "restart", "i", NULL },
};

static gboolean
apply (const char *name,
       GVariant   *value,
       GError    **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (name, known[i].name) &&
        g_variant_is_of_type (value, G_VARIANT_TYPE (known[i].type)))
      return known[i].apply == NULL || known[i].apply (value, error);
  g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL,
               "A worker has no option '%s' of type '%s': are application and worker of the same "
               "version?", name, g_variant_get_type_string (value));
  return FALSE;
}

/* Called in the main thread, before the target is looked up. A limit that cannot be set is an
 * error, because user code must not run without it. */
gboolean
gmp_limits_apply (GVariant *options,
                  GError  **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;
  gboolean result = TRUE;

  g_variant_iter_init (&iter, options);
  while (result && g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      result = apply (name, value, error);
      g_variant_unref (value);
    }
  return result;
}
