/* test-forbidden.c: calls of the system that a test forbids itself
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "test-forbidden.h"

#include "gmp-test.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

void
gmp_test_set_filter (struct sock_filter *filter,
                     gsize               length)
{
  struct sock_fprog program = { (gushort) length, filter };

  g_assert_no_errno (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  g_assert_no_errno (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* From now on this process and its workers get the error @code for system call @number. */
void
gmp_test_forbid_by (long    number,
                    guint32 code)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (guint32) number, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };

  gmp_test_set_filter (filter, G_N_ELEMENTS (filter));
}

/* Old sandboxes return EPERM instead of ENOSYS. */
void
gmp_test_forbid (long number)
{
  gmp_test_forbid_by (number, EPERM);
}

/* A filter is permanent, so a test that sets one has a process of its own. */
gboolean
gmp_test_is_in_own_process (const char *path)
{
  if (gmp_test_skip_under_valgrind ("a filter would hold for it as well"))
    return FALSE;
  if (g_test_subprocess ())
    return TRUE;
  g_test_trap_subprocess (path, 0, 0);
  g_test_trap_assert_passed ();
  return FALSE;
}
