/* wire.c: the hostile end of a D-Bus connection
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire.h"

#include "base/gmp-socketpair-private.h"
#include "peer/gmp-message-stream-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The descriptors that accompany the first bytes. */
enum {
  FILE_NONE,
  FILE_SEALED,
  FILE_UNSEALED,
  FILE_DEVICE,
  N_FILES
};

int
wire_begin (int *other_end)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  gmp_socketpair_open (fds, &error);
  g_assert_no_error (error);
  *other_end = fds[0];
  return fds[1];
}

/* A message begins with its byte order, its type and the version of the protocol. */
void
wire_wait (int fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[256];
  gssize n;

  do
    {
      n = read (fd, buffer, sizeof buffer);
      g_assert_cmpint (n, >, 0);
      g_string_append_len (text, buffer, n);
    }
  while (memmem (text->str, text->len, "l\1", 2) == NULL);
}

static int
open_file (guint8 kind)
{
  const char text[] = "eight...";

  switch (kind % N_FILES)
    {
    case FILE_SEALED:
      return fuzz_new_memfd (text, 8, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    case FILE_UNSEALED:
      return fuzz_new_memfd (text, 8, 0);
    case FILE_DEVICE:
      return open ("/dev/zero", O_RDONLY | O_CLOEXEC);
    default:
      return -1;
    }
}

static void
send_with_file (int           fd,
                gconstpointer data,
                gsize         size,
                int           file)
{
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { .header = { CMSG_LEN (sizeof (int)), SOL_SOCKET, SCM_RIGHTS } };
  struct iovec vector = { (gpointer) data, size };
  struct msghdr message = {
    .msg_iov = &vector, .msg_iovlen = 1,
    .msg_control = file != -1 ? &control : NULL,
    .msg_controllen = file != -1 ? sizeof control.bytes : 0,
  };

  memcpy (CMSG_DATA (&control.header), &file, sizeof file);
  /* An error means that the other end has closed. */
  if (size > 0 && sendmsg (fd, &message, MSG_NOSIGNAL) == -1)
    g_assert_true (errno == EPIPE || errno == ECONNRESET);
}

void
wire_send (int        fd,
           FuzzInput *input)
{
  int file = open_file (fuzz_take_byte (input));

  send_with_file (fd, input->data, input->size, file);
  shutdown (fd, SHUT_WR);
  if (file != -1)
    close (file);
}
