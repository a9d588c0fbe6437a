# interrupt.py: Ctrl-C ends a program with one error, and no process is left
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import contextlib
import os
import signal
import subprocess
import tempfile

import trial

N_WORKERS = 3


class Interrupt(trial.Trial):
    def start(self, *command, **options):
        """In its own process group, like a program started by a shell."""
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True, **options)

    def interrupt(self, process, times=1):
        """Presses Ctrl-C, which reaches the workers too. Returns the program's standard error."""
        for _ in range(times):
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=trial.WATCHDOG)
        return errors.decode()

    def interrupt_patient(self, mode, times=1):
        process = self.start(f'{self.helpers}/patient', mode)
        for _ in range(N_WORKERS):
            self.assertEqual(process.stdout.readline(), b'working\n')
        errors = self.interrupt(process, times)
        self.assertRegex(errors, r'\A[^\n]*cancelled[^\n]*\n\Z')
        self.assertEqual(process.returncode, 1)

    def test_workers_that_look_up(self):
        self.interrupt_patient('polite')

    def test_workers_that_block(self):
        self.interrupt_patient('patient')

    def test_workers_that_ignore_sigterm(self):
        self.interrupt_patient('stubborn')

    def test_twice(self):
        self.interrupt_patient('stubborn', times=2)

    def test_client_server(self):
        self.interrupt_patient('client-server')

    def test_checksums(self):
        """In the middle of an endless file."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(f'{folder}/endless')
            process = self.start(f'{self.examples}/checksums', f'{folder}/endless', '-',
                                 stdin=subprocess.PIPE)
            # Opening the fifo waits until the worker has opened it for reading.
            with open(f'{folder}/endless', 'wb', buffering=0) as endless:
                endless.write(b'for ever')
                errors = self.interrupt(process)
            self.assertRegex(errors, r'\A[^\n]*/checksums: [^\n]*cancelled[^\n]*\n\Z')
            self.assertEqual(process.returncode, 1)

    def test_application(self):
        """In the middle of a run that cannot end, because a worker is stopped."""
        process = None
        while process is None:
            process = self.start(f'{self.examples}/application', stdin=subprocess.DEVNULL)
            while process.poll() is None and not any(map(self.stop, self.list_workers(process))):
                pass
            # The program was faster than this test; try again.
            if process.returncode is not None:
                process.communicate()
                process = None
        errors = self.interrupt(process)
        self.assertRegex(errors, r'\A[^\n]*cancelled[^\n]*\n\Z')
        self.assertEqual(process.returncode, 1)
        self.wait_for_forks()

    @staticmethod
    def wait_for_forks():
        """If a fork server was stopped, this process is the init that its forks get. All end."""
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)

    @staticmethod
    def list_workers(process):
        """The pids of its workers that have reached their program."""
        workers = []
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f'/proc/{process.pid}/task/{process.pid}/children') as file:
                children = file.read().split()
            for child in children:
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    with open(f'/proc/{child}/environ', 'rb') as file:
                        if b'GMPROC_WORKER=' in file.read():
                            workers.append(int(child))
        return workers

    @staticmethod
    def stop(pid):
        """Stops a process, unless it has ended."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            while True:
                with open(f'/proc/{pid}/stat') as file:
                    state = file.read().rpartition(') ')[2][0]
                if state in 'TZX':
                    return state == 'T'
        return False


if __name__ == '__main__':
    trial.main()
