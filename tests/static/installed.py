# installed.py: an installed gmproc is all that a program needs
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: installed.py SOURCE_ROOT MESON PYTHON COMPILER...

Configures, builds and installs a program that has the sources as a subproject, into an empty
folder, and then uses nothing but that prefix: C programs by pkg-config, introspection from Python,
Vala. Also uninstalled in `meson devenv`. PYTHON is one that has gi.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import shipping
import verdict

TIME_LIMIT = 300  # seconds, for any one command

HEADERS = '''#include <gmproc.h>
#ifdef GMPROC_INSIDE
#error "GMPROC_INSIDE leaks out of gmproc.h"
#endif
int main (int argc, char **argv)
{
  gmp_init (&argc, &argv);
  return GMP_CHECK_VERSION (0, 1, 0) ? 0 : 1;
}
'''

PYTHON_PROGRAM = '''
import gi
gi.require_version('Gmp', '1')
from gi.repository import Gmp
workers = Gmp.Workers(max_parallel=2)
derives = issubclass(Gmp.ServerWorker, Gmp.Worker)
print(Gmp.get_version_string(), workers.props.max_parallel, derives)
'''
PYTHON_PACKAGE = '''
import importlib.metadata
import gmproc
assert gmproc.__version__ == importlib.metadata.version('gmproc')
workers = gmproc.Workers()
workers.add(1, abs, -5)
print(workers.run())
'''
PYTHON_OUTPUT = re.compile(r'\d+\.\d+\.\d+ 2 True\n')

VALA_PROGRAM = '''
class Adder : Gmp.Workers {
  public override GLib.Variant? process (int id, GLib.Variant? params) throws GLib.Error {
    return new GLib.Variant.int32 (params.get_int32 () + id);
  }
}

int main (string[] args) {
  typeof (Adder).ensure ();
  Gmp.init (ref args);
  var workers = new Adder ();
  try {
    workers.add (3, null, new GLib.Variant.int32 (39));
    print ("hello from Vala: %s\\n", workers.run (null).print (false));
  } catch (GLib.Error error) {
    printerr ("%s\\n", error.message);
    return 1;
  }
  return 0;
}
'''
VALA_OUTPUT = 'hello from Vala: {3: <42>}\n'

SUBPROJECT = '''project('guest', 'c')
%sexecutable('workers', 'workers.c', dependencies: gmproc_dep)
'''

LANGUAGES = ('introspection', 'vapi', 'python', 'gjs')

COUNTING = ''.join(f'{number}\n' for number in range(1, 11))


class Prefix:
    """The installed library, and the problems found with it."""

    def __init__(self, source: Path, folder: Path, meson: str, compiler: list[str]) -> None:
        self.source = source
        self.folder = folder
        self.meson = meson
        self.compiler = compiler
        self.build = folder / 'build'
        self.root = folder / 'prefix'
        self.problems: list[str] = []
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith(('GMPROC_', 'GI_', 'LD_', 'MESON_', 'PYTHON', 'G_TEST_'))}
        # Each build has its own precompiled header, so ccache finds few objects and costs more than
        # it saves.
        self.environment = {**clean, 'CCACHE_DISABLE': '1',
                            'PKG_CONFIG_PATH': str(self.root / 'lib' / 'pkgconfig')}
        self.at_run = {
            **self.environment,
            'LD_LIBRARY_PATH': str(self.root / 'lib'),
            'GI_TYPELIB_PATH': str(self.root / 'lib' / 'girepository-1.0'),
        }

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def run(self, *command: str | Path, environment: dict[str, str] | None = None,
            cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(word) for word in command], env=environment or self.environment,
                              cwd=cwd or self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=TIME_LIMIT)

    def must(self, what: str, *command: str | Path, environment: dict[str, str] | None = None,
             cwd: Path | None = None) -> str | None:
        """The output of a command, or None and a problem if it fails."""
        result = self.run(*command, environment=environment, cwd=cwd)
        if result.returncode == 0:
            return result.stdout
        self.problem(f'{what}: exit status {result.returncode} of {" ".join(map(str, command))}\n'
                     f'{result.stdout[-4000:]}{result.stderr[-4000:]}')
        return None

    def install(self) -> bool:
        """First only configures, with the options of docs/how-to-ship.md, and then adds languages.
        """
        guest = self.make_guest()
        return (self.must('setup', self.meson, 'setup', self.build, guest, '--prefix', self.root,
                          '-Dlibdir=lib', '--force-fallback-for=gmproc-1', '--buildtype=plain')
                is not None and
                self.must('setup for all languages', self.meson, 'setup', '--reconfigure',
                          self.build, guest,
                          *(f'-Dgmproc:{each}=enabled' for each in LANGUAGES)) is not None and
                self.must('install', self.meson, 'install', '-C', self.build) is not None)

    def make_guest(self) -> Path:
        """A program that has gmproc as a subproject."""
        guest = self.folder / 'guest'
        copy = guest / 'subprojects' / 'gmproc'
        copy.mkdir(parents=True)
        for path in sorted(self.source.iterdir()):
            # Without the build folders beside the sources.
            if path.name.startswith(('.', 'build')):
                continue
            if path.is_dir():
                shutil.copytree(path, copy / path.name)
            else:
                shutil.copy(path, copy)
        shutil.copy(self.source / 'examples' / 'workers.c', guest)
        (guest / 'meson.build').write_text(SUBPROJECT % shipping.find_block(self, 'meson'),
                                           encoding='utf-8')
        return guest

    def compile(self, name: str, source: Path, *options: str) -> Path | None:
        """Compiles one file as in the README, with pkg-config alone."""
        flags = self.must('pkg-config', 'pkg-config', '--cflags', '--libs', 'gmproc-1')
        program = self.folder / name
        if flags is None or self.must(f'compile {name}', *self.compiler, source, '-o', program,
                                      *options, *flags.split()) is None:
            return None
        return program


def check_files(prefix: Prefix) -> None:
    include = prefix.root / 'include' / 'gmproc-1'
    wanted = {path.relative_to(prefix.source / 'gmproc').as_posix().removesuffix('.in')
              for path in (prefix.source / 'gmproc').rglob('*')
              if path.name.endswith(('.h', '.h.in')) and not path.name.endswith('-private.h')}
    wanted.add('base/gmp-enum-types.h')
    found = {path.relative_to(include).as_posix() for path in include.rglob('*.h')}
    for name in sorted(wanted ^ found):
        prefix.problem(f'include/gmproc-1/{name}: ' +
                       ('not installed' if name in wanted else 'should not be installed'))
    for name in ['lib/libgmproc-1.so', 'lib/libgmproc-1.so.0', 'lib/pkgconfig/gmproc-1.pc',
                 'lib/girepository-1.0/Gmp-1.typelib', 'share/gir-1.0/Gmp-1.gir',
                 'share/vala/vapi/gmproc-1.vapi', 'share/vala/vapi/gmproc-1.deps']:
        if not (prefix.root / name).exists():
            prefix.problem(f'{name}: not installed')
    for variable in ['native_host', 'typelibdir', 'girdir', 'vapidir', 'python']:
        path = prefix.must(variable, 'pkg-config', f'--variable={variable}', 'gmproc-1')
        if path is not None and not Path(path.strip()).exists():
            prefix.problem(f'gmproc-1.pc: {variable} is {path.strip()}, which is not there')
    for interface in (prefix.source / 'gmproc' / 'peer').glob('*.xml'):
        if not (prefix.root / 'share' / 'dbus-1' / 'interfaces' / interface.name).exists():
            prefix.problem(f'share/dbus-1/interfaces/{interface.name}: not installed')


def check_headers(prefix: Prefix) -> None:
    source = prefix.folder / 'headers.c'
    source.write_text(HEADERS, encoding='utf-8')
    for options in (['-std=c11'], ['-std=gnu11', '-Wstrict-prototypes'], ['-std=gnu2x']):
        prefix.compile('headers', source, '-Wall', '-Wextra', '-Werror', *options)
    if shutil.which('c++') is not None:
        flags = prefix.must('pkg-config', 'pkg-config', '--cflags', 'gmproc-1') or ''
        prefix.must('the headers in C++', 'c++', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                    '-x', 'c++', source, *flags.split())

    # Each of the other headers is an error if it is included directly.
    flags = prefix.must('pkg-config', 'pkg-config', '--cflags', 'gmproc-1') or ''
    include = prefix.root / 'include' / 'gmproc-1'
    for header in sorted(include.rglob('gmp-*.h')):
        name = header.relative_to(include).as_posix()
        source.write_text(f'#include <{name}>\n', encoding='utf-8')
        result = prefix.run(*prefix.compiler, '-fsyntax-only', source, *flags.split())
        if result.returncode == 0 or 'Include <gmproc.h> alone' not in result.stderr:
            prefix.problem(f'<{name}> by itself should say: Include <gmproc.h> alone.\n'
                           f'{result.stderr}')


def check_examples(prefix: Prefix) -> None:
    examples = prefix.source / 'examples'
    if program := prefix.compile('workers', examples / 'workers.c'):
        output = prefix.must('workers', program, environment=prefix.at_run)
        if output is not None and output != COUNTING:
            prefix.problem(f'workers should count from 1 to 10, but prints\n{output}')
    if program := prefix.compile('client-server', examples / 'client-server.c'):
        output = prefix.must('client-server', program, environment=prefix.at_run)
        if output is not None:
            check_client_server(prefix, output)
    if program := prefix.compile('checksums', examples / 'checksums.c'):
        check_checksums(prefix, program)


def check_client_server(prefix: Prefix, output: str) -> None:
    """Lines of different processes come in any order, those of one process in its own."""
    lines = output.splitlines()
    wanted = ['starting server myserver']
    for name, state in (('par', 2), ('impar', 1)):
        own = [f'starting client {name} with state {state}', *[f'Client {name} waiting'] * 11,
               f'Client {name} is finishing...']
        wanted += own
        if [line for line in lines if f'lient {name} ' in line and 'Msg' not in line] != own:
            prefix.problem(f'the life of client {name} is not the guide\'s:\n{output}')
        messages = [f'Msg from client {name} is {state + 2 * turn}' for turn in range(1, 12)]
        wanted += messages
        if [line for line in lines if line.startswith(f'Msg from client {name} ')] != messages:
            prefix.problem(f'the messages of client {name} are not the guide\'s:\n{output}')
    if sorted(lines) != sorted(wanted):
        prefix.problem(f'client-server prints other lines than the guide\'s:\n{output}')


def check_checksums(prefix: Prefix, program: Path) -> None:
    names = []
    wanted = ''
    for number, content in enumerate([b'', b'gmproc\n', bytes(range(256)) * 5000]):
        names.append(f'file-{number}')
        (prefix.folder / names[-1]).write_bytes(content)
        wanted += f'{hashlib.sha256(content).hexdigest()}  {names[-1]}\n'
    output = prefix.must('checksums', program, *names, environment=prefix.at_run)
    if output is not None and output != wanted:
        prefix.problem(f'checksums should print\n{wanted}but prints\n{output}')
    result = prefix.run(program, names[1], 'not-there', environment=prefix.at_run)
    if result.returncode != 1 or 'not-there' not in result.stderr or names[1] not in result.stdout:
        prefix.problem('checksums of a file that is not there should fail with 1, name it, and '
                       f'print the others: {result}')


def check_python(prefix: Prefix, python: str) -> None:
    output = prefix.must('Python', python, '-c', PYTHON_PROGRAM, environment=prefix.at_run)
    if output is not None and not PYTHON_OUTPUT.fullmatch(output):
        prefix.problem(f'Python prints {output}')

    site = next(prefix.root.glob('lib/python*/*-packages'))
    output = prefix.must('the Python package', python, '-c', PYTHON_PACKAGE,
                         environment={**prefix.at_run, 'PYTHONPATH': str(site)})
    if output is not None and output != '{1: 5}\n':
        prefix.problem(f'The Python package prints {output}')

    # Uninstalled: from the build folder alone.
    output = prefix.must('meson devenv', prefix.meson, 'devenv', '-C', prefix.build, python, '-c',
                         PYTHON_PROGRAM)
    if output is not None and not PYTHON_OUTPUT.fullmatch(output):
        prefix.problem(f'Python in meson devenv prints {output}')


def check_vala(prefix: Prefix) -> None:
    source, program = prefix.folder / 'hello.vala', prefix.folder / 'hello'
    source.write_text(VALA_PROGRAM, encoding='utf-8')
    share = prefix.root / 'share'
    if prefix.must('Vala', 'valac', '--pkg', 'gmproc-1', '--vapidir', share / 'vala' / 'vapi',
                   '--girdir', share / 'gir-1.0', source, '-o', program) is None:
        return
    output = prefix.must('a Vala program', program, environment=prefix.at_run)
    if output is not None and output != VALA_OUTPUT:
        prefix.problem(f'the Vala program should print {VALA_OUTPUT}but prints {output}')


def check_subproject(prefix: Prefix) -> None:
    output = prefix.must('the guest', prefix.build / 'workers')
    if output is not None and output != COUNTING:
        prefix.problem(f'a program with gmproc as a subproject prints\n{output}')


def main() -> None:
    source, meson, python, *compiler = sys.argv[1:]
    missing = [tool for tool in ('pkg-config', 'valac') if shutil.which(tool) is None]
    if missing:
        verdict.skip(f'not installed: {", ".join(missing)}')
    with tempfile.TemporaryDirectory() as folder:
        tried = []
        prefix = Prefix(Path(source).resolve(), Path(folder), meson, compiler)
        if prefix.install():
            check_files(prefix)
            check_headers(prefix)
            check_examples(prefix)
            check_python(prefix, python)
            check_vala(prefix)
            check_subproject(prefix)
            tried = shipping.check(prefix)
    verdict.close(prefix.problems, 'files, headers, examples, Python, Vala, subproject, devenv, ' +
                  ', '.join(tried))


if __name__ == '__main__':
    main()
