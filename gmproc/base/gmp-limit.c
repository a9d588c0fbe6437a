/* gmp-limit.c: limits that the kernel keeps
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-limit-private.h"

/* A suffix for the text of a system error with the errno @code: the limit that was hit and how to
 * raise it; "" if that is not known. For calls that create descriptors, memory and processes. */
const char *
gmp_limit_describe (int code)
{
  switch (code)
    {
    case EMFILE:
      return " (the limit on open files: raise it with 'ulimit -n', or run fewer workers)";

    case ENFILE:
      return " (the machine's limit on open files: raise it with 'sysctl fs.file-max')";

    case ENOMEM:
      return " (memory is exhausted, or there is a limit on it: 'ulimit -v', 'ulimit -d', "
             "memory-limit or that of a control group)";

    case EAGAIN:
      return " (the limit on processes: raise it with 'ulimit -u', or that of the control group, "
             "or run fewer workers)";

    case EFBIG:
      return " (the limit on the size of files, of which shared memory is one: raise it with "
             "'ulimit -f')";

    default:
      return gmp_limit_is_sandbox (code)
                 ? " (the kernel, or a sandbox around this program, does not allow it)" : "";
    }
}

/* The largest size of a file in bytes, also of shared memory. */
guint64
gmp_limit_get_file_size (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return G_MAXUINT64;
  return limit.rlim_cur;
}

/* Call it before a file gets this size, because the kernel would answer with a deadly signal,
 * SIGXFSZ. Sets errno if the size is not allowed. */
gboolean
gmp_limit_check_file_size (guint64 size)
{
  if (size <= gmp_limit_get_file_size ())
    return TRUE;
  errno = EFBIG;
  return FALSE;
}
