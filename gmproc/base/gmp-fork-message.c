/* gmp-fork-message.c: messages between an application and its fork server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/gmp-fork-message-private.h"

#include "base/gmp-error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Plain system calls, because the server must not use anything that starts a thread of GLib. */

typedef struct {
  guint32 kind;
  gint32 number;
} Header;

typedef union {
  struct cmsghdr header; /* for its alignment */
  char bytes[CMSG_SPACE (sizeof (int) * GMP_FORK_N_HANDLES)];
} Handles;

void
gmp_fork_message_clear (GmpForkMessage *message)
{
  for (guint i = 0; i < message->n_handles; i++)
    if (message->handles[i] != -1)
      close (message->handles[i]);
  message->n_handles = 0;
  g_clear_pointer (&message->text, g_free);
}

/* A message is sent as a whole or not at all, because the socket is a SOCK_SEQPACKET. */
gboolean
gmp_fork_message_send (int                   fd,
                       const GmpForkMessage *message,
                       GError              **error)
{
  Header header = { message->kind, message->number };
  struct iovec parts[] = { { &header, sizeof header }, { message->text, message->length } };
  struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
  Handles handles = { 0 };
  gssize n;

  if (message->n_handles > 0)
    {
      packet.msg_control = handles.bytes;
      packet.msg_controllen = CMSG_SPACE (sizeof (int) * message->n_handles);
      handles.header.cmsg_level = SOL_SOCKET;
      handles.header.cmsg_type = SCM_RIGHTS;
      handles.header.cmsg_len = CMSG_LEN (sizeof (int) * message->n_handles);
      memcpy (CMSG_DATA (&handles.header), message->handles, sizeof (int) * message->n_handles);
    }
  do
    n = sendmsg (fd, &packet, MSG_NOSIGNAL);
  while (n == -1 && errno == EINTR);
  if (n != -1)
    return TRUE;
  /* Too many descriptors are in flight. */
  if (errno == ETOOMANYREFS)
    errno = EAGAIN;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "sending: %s",
               g_strerror (errno));
  return FALSE;
}

static void
take_handles (GmpForkMessage *message,
              struct msghdr  *packet)
{
  for (struct cmsghdr *part = CMSG_FIRSTHDR (packet); part != NULL;
       part = CMSG_NXTHDR (packet, part))
    {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        continue;
      message->n_handles = (part->cmsg_len - CMSG_LEN (0)) / sizeof (int);
      memcpy (message->handles, CMSG_DATA (part), sizeof (int) * message->n_handles);
    }
}

static gboolean
set_errno (GError **error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "receiving: %s",
               g_strerror (errno));
  return FALSE;
}

/* Waits, unless @fd is non-blocking. The end of the socket is G_IO_ERROR_CLOSED. With @keeps_it,
 * which is for messages without descriptors, the next call receives the same message. */
gboolean
gmp_fork_message_receive (int             fd,
                          gboolean        keeps_it,
                          GmpForkMessage *message,
                          GError        **error)
{
  Header header;
  struct iovec parts[] = { { &header, sizeof header }, { NULL, 0 } };
  Handles handles;
  struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
  gssize length;
  gssize n;

  *message = (GmpForkMessage) { 0 };
  do
    length = recv (fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
  while (length == -1 && errno == EINTR);
  /* There is no message, or the socket is broken. A message that arrives from now on is left for
   * the next call, which sees its length. */
  if (length == -1)
    return set_errno (error);
  if (length >= (gssize) sizeof header)
    {
      message->length = length - sizeof header;
      message->text = g_malloc0 (message->length + 1);
      parts[1] = (struct iovec) { message->text, message->length };
    }
  packet.msg_control = handles.bytes;
  packet.msg_controllen = sizeof handles;
  do
    n = recvmsg (fd, &packet, MSG_CMSG_CLOEXEC | (keeps_it ? MSG_PEEK : 0));
  while (n == -1 && errno == EINTR);
  if (n > 0)
    take_handles (message, &packet);
  if (n == length && n >= (gssize) sizeof header)
    {
      message->kind = header.kind;
      message->number = header.number;
      return TRUE;
    }
  gmp_fork_message_clear (message);
  if (n == -1)
    return set_errno (error);
  if (n == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "its socket was closed");
  else
    g_set_error (error, GMP_ERROR, GMP_ERROR_PROTOCOL, "%" G_GSSIZE_FORMAT " bytes are not a "
                                                       "message",
                 n);
  return FALSE;
}
