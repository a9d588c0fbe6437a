/* gmp-limit-private.h: limits that the kernel keeps
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <errno.h>
#include <glib.h>
#include <sys/resource.h>

G_BEGIN_DECLS

/* The seconds of processor time that a worker gets beyond its limit before it is killed. */
#define GMP_CPU_TIME_GRACE 2

/* Of all threads of the process, in seconds. */
static inline double
gmp_limit_get_cpu_time (const struct rusage *usage)
{
  return usage->ru_utime.tv_sec + usage->ru_stime.tv_sec +
         (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* TRUE for an errno by which sandboxes forbid a system call. For calls that have no other reason to
 * fail with it. */
static inline gboolean
gmp_limit_is_sandbox (int code)
{
  return code == ENOSYS || code == EPERM || code == EACCES;
}

const char *gmp_limit_describe        (int     code);
guint64     gmp_limit_get_file_size   (void);
gboolean    gmp_limit_check_file_size (guint64 size);

G_END_DECLS
