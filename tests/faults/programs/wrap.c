/* wrap.c: changes a program's environment, or harms it before it starts
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Usage: wrap refuse SYSCALL COMMAND...   where SYSCALL is memfd_create, or fork; it fails then
 *        wrap nth N FILE FAULT COMMAND...   the Nth process to come here commits the fault
 */

#include "deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, field))
#define RETURN(what) BPF_STMT (BPF_RET | BPF_K, (what))
#define REFUSE(code) RETURN (SECCOMP_RET_ERRNO | (code))
#define UNLESS(number, skipped) BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (number), 0, (skipped))

/* Fails like a kernel without the system call. */
static struct sock_filter no_memfd[] = {
  LOAD (nr), UNLESS (SYS_memfd_create, 1), REFUSE (ENOSYS), RETURN (SECCOMP_RET_ALLOW),
};

/* New threads are allowed and new processes are not, as at the limit on processes. The flags of
 * clone3 are in memory, which a filter cannot read; without clone3, clone is called. */
static struct sock_filter no_fork[] = {
  LOAD (nr),
  UNLESS (SYS_clone3, 1), REFUSE (ENOSYS),
#ifdef SYS_fork
  UNLESS (SYS_fork, 1), REFUSE (EAGAIN),
  UNLESS (SYS_vfork, 1), REFUSE (EAGAIN),
#endif
  UNLESS (SYS_clone, 3),
  LOAD (args[0]),
  BPF_JUMP (BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0), REFUSE (EAGAIN),
  RETURN (SECCOMP_RET_ALLOW),
};

static gboolean
install (struct sock_filter *filter,
         gsize               length)
{
  struct sock_fprog program = { (unsigned short) length, filter };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The number of this process among those that come here: each adds a byte to a file. */
static int
count (const char *path)
{
  int fd = open (path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0666);
  int place = write (fd, "x", 1) == 1 ? (int) lseek (fd, 0, SEEK_CUR) : 0;

  close (fd);
  return place;
}

int
main (int    argc,
      char **argv)
{
  int n_own = 3;

  if (argc > 3 && strcmp (argv[1], "refuse") == 0)
    {
      gboolean forks = strcmp (argv[2], "fork") == 0;

      if (!install (forks ? no_fork : no_memfd,
                    forks ? G_N_ELEMENTS (no_fork) : G_N_ELEMENTS (no_memfd)))
        {
          perror ("seccomp");
          return 77;
        }
    }
  else if (argc > 5 && strcmp (argv[1], "nth") == 0)
    {
      n_own = 5;
      if (count (argv[3]) == atoi (argv[2]))
        commit (argv[4], NULL);
    }
  execvp (argv[n_own], argv + n_own);
  perror (argv[n_own]);
  return EXIT_FAILURE;
}
