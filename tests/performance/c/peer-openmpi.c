/* peer-openmpi.c: MPI_Send and MPI_Recv, rank 0 being the server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "peer.h"

#include <mpi.h>

static guint8 *buffer;
static gsize buffer_size;

static void
openmpi_open (guint n_clients G_GNUC_UNUSED,
              gsize max_size)
{
  buffer_size = max_size;
  buffer = g_malloc (max_size);
}

static PeerMessage
receive (int         rank,
         MPI_Status *status)
{
  int size;

  MPI_Recv (buffer, buffer_size, MPI_BYTE, rank, 0, MPI_COMM_WORLD, status);
  MPI_Get_count (status, MPI_BYTE, &size);
  return (PeerMessage) { buffer, size };
}

static void
openmpi_serve (void)
{
  while (!peer_is_over ())
    {
      MPI_Status status;
      PeerMessage request = receive (MPI_ANY_SOURCE, &status);
      PeerMessage response = peer_answer (request.data, request.size);

      MPI_Send (response.data, response.size, MPI_BYTE, status.MPI_SOURCE, 0, MPI_COMM_WORLD);
    }
}

static void
openmpi_join (guint client G_GNUC_UNUSED)
{
}

static PeerMessage
openmpi_ask (gconstpointer request,
             gsize         size)
{
  MPI_Status status;

  MPI_Send (request, size, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
  return receive (0, &status);
}

static const Peer peer = { openmpi_open, openmpi_serve, openmpi_join, openmpi_ask };

int
main (int    argc,
      char **argv)
{
  int rank, size, result;

  MPI_Init (&argc, &argv);
  MPI_Comm_rank (MPI_COMM_WORLD, &rank);
  MPI_Comm_size (MPI_COMM_WORLD, &size);
  if ((guint) size != peer_get_n_clients (argc, argv) + 1)
    work_fail ("%d processes: start it by mpirun -n, with one more than there are clients", size);
  result = peer_run_as (&peer, rank - 1, argc, argv);
  MPI_Finalize ();
  return result;
}
