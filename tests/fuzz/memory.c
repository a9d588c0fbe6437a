/* memory.c: fuzz target: a descriptor that is said to be the memory of a channel
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "fuzz.h"

#include "channel/gmp-inbox-private.h"
#include "channel/gmp-shared-channel-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The input: a byte of flags; a short, the memory's size in units of 4096 bytes; the first bytes
 * of its contents. */
enum {
  FLAG_SHRINK = 1,
  FLAG_GROW = 2,
  FLAG_SEAL = 4,
  FLAG_SERVER = 8,
  FLAG_NO_EVENTFD = 16, /* the eventfd that is waited for */
  FLAG_NO_SOCKET = 32   /* the lifeline */
};

static int
make_memory (FuzzInput *input,
             guint8     flags)
{
  int fd = memfd_create ("gmproc-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  off_t size = fuzz_take_short (input) * (off_t) 4096;
  int seals = ((flags & FLAG_SHRINK) != 0 ? F_SEAL_SHRINK : 0) |
              ((flags & FLAG_GROW) != 0 ? F_SEAL_GROW : 0) |
              ((flags & FLAG_SEAL) != 0 ? F_SEAL_SEAL : 0);

  g_assert_cmpint (fd, !=, -1);
  g_assert_no_errno (ftruncate (fd, size));
  if (size > 0)
    g_assert_cmpint (pwrite (fd, input->data, MIN (input->size, (gsize) size), 0), >=, 0);
  g_assert_no_errno (fcntl (fd, F_ADD_SEALS, seals));
  return fd;
}

static int
make_file (void)
{
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, !=, -1);
  return fd;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  guint8 flags = fuzz_take_byte (&input);
  g_autoptr (GmpChannel) channel = NULL;
  g_autoptr (GError) error = NULL;
  GmpInbox *inbox;
  int fds[GMP_SHARED_N_FDS];
  int lifelines[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifelines));
  fds[GMP_SHARED_MEMFD] = make_memory (&input, flags);
  fds[GMP_SHARED_BELL_IN] = (flags & FLAG_NO_EVENTFD) != 0 ? make_file ()
                                                           : eventfd (0, EFD_CLOEXEC);
  fds[GMP_SHARED_BELL_OUT] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  fds[GMP_SHARED_LIFELINE] = (flags & FLAG_NO_SOCKET) != 0 ? make_file () : lifelines[0];
  if ((flags & FLAG_NO_SOCKET) != 0)
    close (lifelines[0]);

  channel = gmp_shared_channel_new (fds, (flags & FLAG_SERVER) != 0 ? GMP_END_SERVER
                                                                    : GMP_END_CLIENT, &error);
  close (lifelines[1]);
  if (channel == NULL)
    {
      fuzz_check_error (error);
      return 0;
    }
  inbox = gmp_inbox_new (&error);
  g_assert_no_error (error);
  gmp_inbox_add (inbox, "peer", "native", channel);
  /* The wait ends, because there is no other end, or fails. */
  while (gmp_inbox_get_n_open (inbox) > 0)
    {
      g_auto (GmpMail) mail = { 0, };

      if (gmp_inbox_take (inbox, &mail) == GMP_INBOX_CLOSED)
        fuzz_check_error (mail.error);
      else if (mail.payload != NULL)
        fuzz_use_value (mail.payload);
    }
  gmp_inbox_free (inbox);
  return 0;
}
