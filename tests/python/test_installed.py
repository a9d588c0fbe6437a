# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The guide's programs with an installation, and nothing of the build."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

SEED = pathlib.Path(__file__).parents[2] / 'examples' / 'python'


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """The environment of a program that uses an installation in a folder."""
    meson = shutil.which('meson')
    if meson is None:
        pytest.skip('meson is not on PATH')
    root = tmp_path_factory.mktemp('root')
    subprocess.run([meson, 'install', '-C', os.environ['GMPROC_TEST_BUILD'], '--no-rebuild',
                    '--quiet', '--destdir', root], check=True, stdout=subprocess.DEVNULL)

    def find(name):
        [found] = root.rglob(name)
        return str(found.parent)

    site = str(pathlib.Path(find('gmproc/host.py')).parent)
    return {'PATH': os.environ['PATH'], 'LD_LIBRARY_PATH': find('libgmproc-1.so'),
            'GI_TYPELIB_PATH': find('Gmp-1.typelib'), 'PYTHONPATH': site}


@pytest.mark.parametrize('name, last', [('workers.py', '10'),
                                        ('client_server.py', 'is finishing...')])
def test_the_guides_programs(installed, name, last):
    done = subprocess.run([sys.executable, SEED / name], env=installed, capture_output=True,
                          text=True, timeout=80)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.rstrip('\n').endswith(last)


def test_plain_pygobject_too(installed, tmp_path):
    if subprocess.run([sys.executable, '-c', 'import gi.repository'], env=installed,
                      capture_output=True).returncode != 0:
        pytest.skip('There is no PyGObject')
    script = tmp_path / 'plain.py'
    script.write_text('''
import gi
gi.require_version('Gmp', '1')
from gi.repository import GLib, Gmp

def square(n):
    return n * n

if __name__ == '__main__':
    workers = Gmp.Workers()
    workers.add(1, square, GLib.Variant('i', 7))
    print(workers.run().unpack())
''')
    done = subprocess.run([sys.executable, script], env=installed, capture_output=True, text=True,
                          timeout=80)
    assert (done.stdout, done.stderr) == ('{1: 49}\n', '')


@pytest.mark.parametrize('prefix, site', [
    ('/usr', '/usr/lib/python3/dist-packages'),
    ('/usr/local', '/usr/local/lib/python{0}.{1}/dist-packages'.format(*sys.version_info)),
    ('/opt/x/', '/opt/x/lib/python{0}.{1}/site-packages'.format(*sys.version_info))])
def test_where_packages_go(prefix, site):
    if prefix.startswith('/usr') and site not in sys.path:
        pytest.skip('This system has its packages elsewhere')
    program = pathlib.Path(__file__).parents[2] / 'bindings' / 'python' / 'find-site.py'
    done = subprocess.run([sys.executable, program, prefix], capture_output=True, text=True)
    assert done.stdout == site + '\n'
