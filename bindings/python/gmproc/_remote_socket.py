# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The datagrams between an environment and its game, as gmp-remote-socket.c has them for the other
languages."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket

DRAIN_LIMIT = 4096  # datagrams: more than a socket's buffer holds
IP_RECVERR = 11


class Foreign(Exception):
    """A datagram that another host has sent."""


class Socket:
    """A bound UDP socket of this process.

    It is never connected, because a game answers from another port than it listens on. Refusals,
    which a connected socket gets by itself, are requested from the kernel.
    """

    def __init__(self, where: str, address: str, output_port: int, input_port: int) -> None:
        self.owner = os.getpid()
        self.is_closed = False
        self.game = where
        self.address = address
        self.output_port = output_port
        own = '127.0.0.1' if ipaddress.ip_address(address).is_loopback else ''
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            self.socket.bind((own, input_port))
        except OSError as error:
            self.socket.close()
            raise OSError(error.errno, f'{error.strerror}: UDP port {input_port}, on which the '
                          f'game at {self.game} sends states') from None

    def end_wait(self) -> None:
        """Wakes a thread that waits for a datagram: no other can come."""
        self.is_closed = True
        with contextlib.suppress(OSError):  # not connected, which is no obstacle
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.is_closed = True
        self.socket.close()

    def clear_refusals(self) -> None:
        """A refusal is an error of the socket, and a message in its error queue as well; for as
        long as one is there, poll() returns at once."""
        try:
            while True:
                self.socket.recvmsg(0, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except OSError:
            pass

    def drain(self) -> bool:
        """Discards datagrams that answer no command: the state that a game sends when it starts,
        and late answers. False if there are none.
        """
        had_any = False
        for _ in range(DRAIN_LIMIT):
            self.clear_refusals()
            try:
                self.socket.recv(1)
                had_any = True
            except ConnectionRefusedError:
                pass
            except BlockingIOError:
                break
        return had_any

    def send(self, command: bytes) -> None:
        """Raises ConnectionRefusedError if nothing listens."""
        try:
            self.socket.sendto(command, (self.address, self.output_port))
        except ConnectionRefusedError:
            raise
        except OSError as error:
            raise OSError(error.errno, f'{error.strerror}: a command to the game at '
                          f'{self.game}') from None

    def receive(self, size: int) -> bytes | None:
        """A datagram, cut off after so many bytes; None where none is there.

        Raises:
            ConnectionRefusedError: nothing listens for a command that was sent before.
            ConnectionAbortedError: the wait was ended.
            Foreign: another host has sent it.
        """
        if self.is_closed:
            raise ConnectionAbortedError
        try:
            data, sender = self.socket.recvfrom(size)
        except BlockingIOError:
            return None
        except ConnectionRefusedError:
            self.clear_refusals()
            raise
        if sender[0] != self.address:
            raise Foreign('another host sent it')
        return data
