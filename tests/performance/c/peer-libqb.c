/* peer-libqb.c: libqb's IPC in shared memory
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <errno.h>
#include <qb/qbdefs.h>
#include <qb/qbipcc.h>
#include <qb/qbipcs.h>
#include <qb/qbloop.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Each message begins with the library's header. */
typedef struct
{
  struct qb_ipc_request_header header;
  guint8                       data[];
} Request;

typedef struct
{
  struct qb_ipc_response_header header;
  guint8                        data[];
} Response;

static char *name;
static gsize buffer_size;
static qb_loop_t *loop;
static qb_ipcc_connection_t *connection;

static void
libqb_open (guint n_clients G_GNUC_UNUSED,
            gsize max_size)
{
  name = g_strdup_printf ("gmproc-measure-%d", getpid ());
  buffer_size = max_size + 1024;
}

static gint32
accept_cb (qb_ipcs_connection_t *client G_GNUC_UNUSED,
           uid_t                 uid G_GNUC_UNUSED,
           gid_t                 gid G_GNUC_UNUSED)
{
  return 0;
}

static gint32
process_cb (qb_ipcs_connection_t *client,
            void                 *data,
            size_t                size G_GNUC_UNUSED)
{
  Request *request = data;
  PeerMessage answer = peer_answer (request->data, request->header.size - sizeof request->header);
  struct qb_ipc_response_header header = {
    .id = request->header.id,
    .size = sizeof header + answer.size,
  };
  struct iovec parts[] = {
    { .iov_base = &header, .iov_len = sizeof header },
    { .iov_base = (gpointer) answer.data, .iov_len = answer.size },
  };
  ssize_t sent;

  do
    sent = qb_ipcs_response_sendv (client, parts, G_N_ELEMENTS (parts));
  while (sent == -EAGAIN);
  if (sent < 0)
    work_fail ("qb_ipcs_response_sendv: %s", g_strerror (-sent));
  if (peer_is_over ())
    qb_loop_stop (loop);
  return 0;
}

static gint32
job_add (enum qb_loop_priority priority,
         void                 *data,
         qb_loop_job_dispatch_fn function)
{
  return qb_loop_job_add (loop, priority, data, function);
}

static gint32
dispatch_add (enum qb_loop_priority priority,
              gint32                fd,
              gint32                events,
              void                 *data,
              qb_ipcs_dispatch_fn_t function)
{
  return qb_loop_poll_add (loop, priority, fd, events, data, function);
}

static gint32
dispatch_mod (enum qb_loop_priority priority,
              gint32                fd,
              gint32                events,
              void                 *data,
              qb_ipcs_dispatch_fn_t function)
{
  return qb_loop_poll_mod (loop, priority, fd, events, data, function);
}

static gint32
dispatch_del (gint32 fd)
{
  return qb_loop_poll_del (loop, fd);
}

static void
libqb_serve (void)
{
  struct qb_ipcs_service_handlers handlers = {
    .connection_accept = accept_cb,
    .msg_process = process_cb,
  };
  struct qb_ipcs_poll_handlers poll_handlers = {
    .job_add = job_add,
    .dispatch_add = dispatch_add,
    .dispatch_mod = dispatch_mod,
    .dispatch_del = dispatch_del,
  };
  qb_ipcs_service_t *service;
  gint32 result;

  loop = qb_loop_create ();
  service = qb_ipcs_create (name, 0, QB_IPC_SHM, &handlers);
  qb_ipcs_enforce_buffer_size (service, buffer_size);
  qb_ipcs_poll_handlers_set (service, &poll_handlers);
  qb_ipcs_request_rate_limit (service, QB_IPCS_RATE_FAST);
  result = qb_ipcs_run (service);
  if (result != 0)
    work_fail ("qb_ipcs_run: %s", g_strerror (-result));
  qb_loop_run (loop);
  qb_ipcs_destroy (service);
}

static void
libqb_join (guint client G_GNUC_UNUSED)
{
  /* The server may not have started yet. */
  for (int turn = 0; connection == NULL && turn < 1000; turn++)
    {
      connection = qb_ipcc_connect (name, buffer_size);
      if (connection == NULL)
        g_usleep (1000);
    }
  if (connection == NULL)
    work_fail ("qb_ipcc_connect: %s", g_strerror (errno));
}

static PeerMessage
libqb_ask (gconstpointer data,
           gsize         size)
{
  static Response *response;
  struct qb_ipc_request_header header = {
    .id = QB_IPC_MSG_USER_START,
    .size = sizeof header + size,
  };
  struct iovec parts[] = {
    { .iov_base = &header, .iov_len = sizeof header },
    { .iov_base = (gpointer) data, .iov_len = size },
  };
  ssize_t got;

  if (response == NULL)
    response = g_malloc (buffer_size);
  /* If a send fails, the server has not removed an answered message yet. */
  do
    got = qb_ipcc_sendv_recv (connection, parts, G_N_ELEMENTS (parts), response, buffer_size, -1);
  while (got == -EAGAIN);
  if (got < 0)
    work_fail ("qb_ipcc_sendv_recv: %s", g_strerror (-got));
  return (PeerMessage) { response->data, got - sizeof response->header };
}

static const Peer peer = { libqb_open, libqb_serve, libqb_join, libqb_ask };

int
main (int    argc,
      char **argv)
{
  return peer_main (&peer, argc, argv);
}
