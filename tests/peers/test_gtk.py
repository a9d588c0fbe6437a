# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The windows of examples/gtk: started, counted, cancelled by real clicks on a real X server."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / 'examples' / 'gtk'
WATCHDOG = 60

# The virtual environment of this test has no PyGObject.
COMMANDS = {
    'c': ['examples/gtk/window'],  # in the build folder, which is the tests' working directory
    'python': ['/usr/bin/python3', str(EXAMPLES / 'window.py')],
    'javascript': ['gjs', '-m', str(EXAMPLES / 'window.js')],
}


@pytest.fixture
def display():
    """An X server without a screen, and the environment of programs that use it."""
    reader, writer = os.pipe()
    server = subprocess.Popen(['Xvfb', '-displayfd', str(writer), '-screen', '0', '640x480x24'],
                              pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with open(reader, encoding='ascii') as file:
        number = file.readline().strip()
    yield dict(os.environ, DISPLAY=f':{number}', GDK_BACKEND='x11', GSK_RENDERER='cairo',
               GTK_A11Y='none', NO_AT_BRIDGE='1')
    server.terminate()
    server.wait()


class Window:
    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.environment = environment
        self.process = subprocess.Popen(['dbus-run-session', '--', *command], env=environment)
        self.id = self.xdotool('search', '--sync', '--onlyvisible', '--name', '^Primes$')
        size = dict(line.split('=') for line in
                    self.xdotool('getwindowgeometry', '--shell', self.id).splitlines())
        self.width, self.height = int(size['WIDTH']), int(size['HEIGHT'])

    def xdotool(self, *words: str) -> str:
        return subprocess.run(['xdotool', *words], env=self.environment, check=True,
                              capture_output=True, text=True, timeout=WATCHDOG).stdout.strip()

    def click(self, part: float) -> None:
        """A fraction of the height, from the top."""
        self.xdotool('mousemove', '--window', self.id, str(self.width // 2),
                     str(int(self.height * part)), 'click', '1')

    def wait_for_title(self, text: str) -> None:
        deadline = time.monotonic() + WATCHDOG
        while text not in (title := self.xdotool('getwindowname', self.id)):
            assert time.monotonic() < deadline, f'the title is still {title!r}, not {text!r}'

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.mark.parametrize('language', COMMANDS)
def test_window(language, display):
    window = Window(COMMANDS[language], display)
    try:
        window.click(0.5)
        window.wait_for_title('Counting')
        window.wait_for_title('primes')
        window.click(0.5)
        window.wait_for_title('Counting')
        window.click(0.85)
        window.wait_for_title('Cancelled')
    finally:
        window.close()
