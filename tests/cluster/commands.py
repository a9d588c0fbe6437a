# commands.py: agents that ssh, mpirun and podman start
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from simulated import BUILD, Cluster

EXAMPLE = str(BUILD / 'examples' / 'client-server')


def is_here(*programs: str) -> bool:
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        print(f'  skipped: {", ".join(missing)} missing')
    return not missing


def check(launcher: str, nodes: str) -> None:
    """The program prints what it prints on one machine, and no process of its nodes is left."""
    here = subprocess.run([EXAMPLE], text=True, stdout=subprocess.PIPE, check=True).stdout
    begun = time.monotonic()
    there = subprocess.run([EXAMPLE], env=os.environ | {'GMPROC_LAUNCHER': f'command:{launcher}',
                                                        'GMPROC_NODES': nodes},
                           text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert sorted(there.stdout.splitlines()) == sorted(here.splitlines()), there
    print(f'  {launcher}: {time.monotonic() - begun:.1f} s')


def ssh(_cluster: Cluster) -> None:
    """Agents are started by ssh, by a server of this test with keys of its own."""
    if not is_here('ssh', 'ssh-keygen', '/usr/sbin/sshd'):
        return
    with tempfile.TemporaryDirectory() as name, socket.socket() as held:
        folder = Path(name)
        held.bind(('127.0.0.1', 0))
        port = held.getsockname()[1]
        held.close()
        for key in 'host', 'user':
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', folder / key],
                           check=True)
        (folder / 'known').write_text(f'[127.0.0.1]:{port} {(folder / "host.pub").read_text()}')
        (folder / 'server').write_text(f'Port {port}\nListenAddress 127.0.0.1\nUsePAM no\n'
                                       f'HostKey {folder}/host\nStrictModes no\nPidFile none\n'
                                       f'AuthorizedKeysFile {folder}/user.pub\n')
        (folder / 'client').write_text(f'Host east west\nHostName 127.0.0.1\nPort {port}\n'
                                       f'User {getpass.getuser()}\nIdentitiesOnly yes\n'
                                       f'IdentityFile {folder}/user\nBatchMode yes\n'
                                       f'UserKnownHostsFile {folder}/known\n')
        if os.getuid() == 0:
            os.makedirs('/run/sshd', exist_ok=True)
        server = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-f', folder / 'server'],
                                  stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            while line := server.stderr.readline():
                if 'listening' in line:
                    break
            assert line, 'sshd has ended'
            check(f'ssh -F {folder}/client {{node}} -- {{agent}}', 'east west')
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate()


def mpirun(_cluster: Cluster) -> None:
    """Agents are started by MPI's launcher."""
    if is_here('mpirun'):
        root = '--allow-run-as-root ' if os.getuid() == 0 else ''
        check(f'mpirun {root}-n 1 --host {{node}} {{agent}}', 'localhost')


def podman(_cluster: Cluster) -> None:
    """Agents are started in running containers, which see this machine's files."""
    if not is_here('podman'):
        return
    names = [f'gmproc-{os.getpid()}-{letter}' for letter in 'ab']
    start = ['podman', 'run', '--detach', '--rm', '--network=host']
    try:
        for name in names:
            done = subprocess.run([*start, '--name', name, '--rootfs', '/:O', 'sleep', '600'],
                                  text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
            if done.returncode != 0:
                print(f'  skipped: containers cannot be had here: {done.stderr.strip()[:300]}')
                return
        check('podman exec -i {node} {agent}', ' '.join(names))
    finally:
        subprocess.run(['podman', 'rm', '--force', '--ignore', '--time=0', *names],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
