# mpi_pair.py: clients and a server on mpi4py: objects for requests, buffers for arrays
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: mpirun -n CLIENTS+1 python3 mpi_pair.py request CLIENTS SECONDS | echo SECONDS SIZE..."""

from __future__ import annotations

import sys

import numpy as np
import work
from mpi4py import MPI

LAST = 1  # the tag of the last message


def serve_requests(comm: MPI.Comm, tally: work.Tally) -> None:
    status = MPI.Status()
    while not tally.is_over():
        request = comm.recv(source=MPI.ANY_SOURCE, status=status)
        comm.send(tally.answer(request), dest=status.source)
    seconds, count = tally.get()
    work.show(seconds, count=count)


def request(comm: MPI.Comm, asker: work.Asker) -> None:
    is_going = True
    while is_going:
        comm.send(asker.next(), dest=0)
        is_going = asker.take(comm.recv(source=0))


def serve_arrays(comm: MPI.Comm, biggest: int) -> None:
    """Receives into a single buffer, as a program does that knows the largest message."""
    buffer = np.empty(biggest // 8)
    status = MPI.Status()
    while True:
        comm.Recv(buffer, source=1, status=status)
        if status.tag == LAST:
            return
        comm.Send(buffer[:status.Get_count(MPI.DOUBLE)], dest=1)


def send_arrays(comm: MPI.Comm, echo: work.Echo, biggest: int) -> None:
    buffer = np.empty(biggest // 8)
    while (array := echo.next()) is not None:
        comm.Send(array, dest=0)
        response = buffer[:array.size]
        comm.Recv(response, source=0)
        echo.take(response)
    comm.Send(np.empty(0), dest=0, tag=LAST)
    work.show(echo.results)


def serve_values(comm: MPI.Comm, answerer: work.Answerer) -> None:
    request: object = ''
    while request is not None:
        request = comm.recv(source=1)
        comm.send(answerer.answer(request), dest=1)


def send_values(comm: MPI.Comm, values: work.Values) -> None:
    is_going = True
    while is_going:
        comm.send(values.next(), dest=0)
        is_going = values.take(comm.recv(source=0))
    work.show(values.results)


def main(arguments: list[str]) -> None:
    comm = MPI.COMM_WORLD
    rank = comm.Get_rank()
    if len(arguments) == 3 and arguments[0] == 'request':
        if rank == 0:
            serve_requests(comm, work.Tally(int(arguments[1]), float(arguments[2])))
        else:
            request(comm, work.Asker(rank - 1))
    elif len(arguments) >= 3 and arguments[0] == 'values':
        if rank == 0:
            serve_values(comm, work.Answerer())
        else:
            send_values(comm, work.Values(*work.parse_values(arguments[1:])))
    elif len(arguments) >= 3 and arguments[0] == 'echo':
        seconds, sizes = work.parse_echo(arguments[1:])
        if rank == 0:
            serve_arrays(comm, max(sizes))
        else:
            send_arrays(comm, work.Echo(seconds, sizes), max(sizes))
    else:
        work.fail(__doc__)


if __name__ == '__main__':
    main(sys.argv[1:])
