# prepare.sh: what the scripts that one runs have in common: packages and the build
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# To be sourced, in the folder that the project is in. POSIX sh.

build_folder=build

# Debian's packages, and what each is for.
packages_to_build='
gcc                      the C compiler
libc6-dev                the C library
binutils                 the linker
pkg-config               finds libraries
meson                    the build system
ninja-build              runs the build
python3                  runs meson
libglib2.0-dev           GLib and GIO
gobject-introspection    makes the introspection data
libgirepository1.0-dev   makes the introspection data
valac                    makes the bindings for Vala
python3-gi               the bindings for Python rest on it
python-gi-dev            makes the bindings for Python
python3-dev              makes the bindings for Python
'
packages_to_run='
gjs                      runs the programs in JavaScript
python3-numpy            is used by the programs in Python
python3-cloudpickle      carries functions that pickle refuses
'
packages_to_test='
gi-docgen                makes the reference
python3-pytest           runs the tests in Python
python3-cloudpickle      carries functions that have no name
libgmp-dev               GNU MP, whose header is tested beside ours
'
packages_to_measure='
python3-numpy            arrays that are sent
python3-cloudpickle      as for the examples
libqb-dev                libqb, a peer
libzmq3-dev              ZeroMQ, a peer
libopenmpi-dev           OpenMPI, a peer
openmpi-bin              starts what OpenMPI runs
python3-mpi4py           OpenMPI in Python
python3-joblib           joblib, a peer
python3-matplotlib       draws the picture
'
packages_to_fuzz='
clang-14                 the compiler that has libFuzzer
libclang-rt-14-dev       libFuzzer, and the sanitizers of clang
'
packages_to_sanitize='
valgrind                 looks for what is lost and what was never written
'
packages_to_cover='
gcovr                    makes the table of what the tests have reached
'
packages_for_machine='
qemu-system-x86          the virtual machine
busybox-static           what it begins with
kmod                     which modules its kernel needs
cpio                     packs both
'

# Debian's own, whatever else comes first on the PATH.
meson=/usr/bin/meson
ninja=/usr/bin/ninja
python=/usr/bin/python3

say ()
{
  printf '%s\n' "$*"
}

give_up ()
{
  printf '%s\n' "$@" >&2
  exit 1
}

# Prints those lines of a list whose package is not installed.
list_missing ()
{
  printf '%s\n' "$1" | while read -r package purpose
  do
    [ -n "$package" ] || continue
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || printf '  %-24s %s\n' "$package" "$purpose"
  done
}

has_installed=no

# install_missing LIST
install_missing ()
{
  command -v dpkg-query >/dev/null ||
    give_up "This script installs what it needs on Debian 12 only. Elsewhere install what these" \
            "packages hold, then build with: meson setup $build_folder && ninja -C $build_folder" \
            "$1"
  missing=$(list_missing "$1")
  [ -n "$missing" ] || return 0

  # Without the purposes, on one line.
  names=$(printf '%s\n' "$missing" | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $1 }')
  say "To be installed, because it is needed here and missing:"
  say "$missing"
  if [ "$(id -u)" -eq 0 ]
  then
    as_root=
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null
  then
    as_root='sudo -n'
  else
    give_up "This user cannot install packages: it is not root, and sudo is not there or wants a" \
            "password. Somebody who may has to run this first:" \
            "" \
            "  apt-get update && apt-get install --no-install-recommends $names"
  fi

  apt_get="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q"
  # The names are words of their own on purpose.
  # shellcheck disable=SC2086
  $apt_get update </dev/null && $apt_get install -y --no-install-recommends $names </dev/null ||
    give_up "" "The packages could not be installed: apt-get says why, above." \
            "They are: $names"
  has_installed=yes
}

# Why the build folder cannot be used as it is, or nothing.
find_fault ()
{
  if [ ! -e "$build_folder/build.ninja" ] || [ ! -e "$build_folder/meson-private/coredata.dat" ]
  then
    say "it was never configured to the end"
    return
  fi
  "$python" - "$build_folder/meson-info/meson-info.json" "$("$meson" --version)" <<'END'
import json, os, sys
try:
    with open(sys.argv[1]) as file:
        info = json.load(file)
    source = info['directories']['source']
    version = info['meson_version']['full']
except (OSError, ValueError, KeyError):
    print('its description cannot be read')
else:
    if not os.path.isdir(source) or not os.path.samefile(source, '.'):
        print(f'it was configured for {source}')
    elif not os.path.samefile(info['directories']['build'], os.path.dirname(sys.argv[1]) + '/..'):
        print(f'it was configured as {info["directories"]["build"]}')
    elif version != sys.argv[2]:
        print(f'it was configured by meson {version}, and this is {sys.argv[2]}')
END
}

# Removes a build folder that cannot be used. Only what meson made is removed.
check_build_folder ()
{
  [ -e "$build_folder" ] || return 0
  fault=$(find_fault)
  [ -n "$fault" ] || return 0
  if [ -d "$build_folder/meson-private" ] || rmdir "$build_folder" 2>/dev/null
  then
    say "The folder '$build_folder' is made anew: $fault."
    rm -rf "./$build_folder" && return 0
  fi
  give_up "The folder '$build_folder' is in the way ($fault), and cannot be removed, or is none of" \
          "meson's. Please remove it."
}

# Whether the build folder is without one of these options: NAME=VALUE...
lacks_options ()
{
  "$python" - "$build_folder/meson-info/intro-buildoptions.json" "$@" <<'END'
import json, sys
with open(sys.argv[1]) as file:
    values = {option['name']: str(option['value']).lower() for option in json.load(file)}
sys.exit(all(values.get(name) == value for name, value in (o.split('=') for o in sys.argv[2:])))
END
}

# run_quietly COMMAND...: shows what it printed only where it fails.
run_quietly ()
{
  log=$(mktemp) || exit 1
  if "$@" >"$log" 2>&1 </dev/null
  then
    rm -f "$log"
    return
  fi
  cat "$log" >&2
  rm -f "$log"
  give_up "" "This failed, as above: $*"
}

# build [NAME=VALUE...]: options of the build that must be so. A folder that has more than is asked
# for stays as it is, so that the scripts do not configure it back and forth.
build ()
{
  check_build_folder
  if [ ! -e "$build_folder" ]
  then
    say "Configuring the build in '$build_folder'"
    # The tests are built for who asks for them.
    case " $*" in
      *" tests="*) ;;
      *) set -- tests=false "$@" ;;
    esac
    run_quietly "$meson" setup "$build_folder" $(printf ' -D%s' "$@")
  elif [ $# -gt 0 ] && lacks_options "$@"
  then
    say "Configuring the build in '$build_folder' for: $*"
    # Not "meson configure", to which options are unknown that are newer than the folder.
    run_quietly "$meson" setup --reconfigure "$build_folder" $(printf ' -D%s' "$@")
  elif [ $has_installed = yes ]
  then
    say "Configuring the build in '$build_folder' again, for the new packages"
    run_quietly "$meson" setup --reconfigure "$build_folder"
  fi
  [ -w "$build_folder" ] ||
    give_up "This user cannot write to the folder '$build_folder'. Please remove it, or its owner" \
            "should run this."

  # Ninja's own progress, where something is to be done.
  if ! "$ninja" -C "$build_folder" -n </dev/null 2>/dev/null | grep -q 'no work to do'
  then
    say "Building"
  fi
  run_quietly "$ninja" -C "$build_folder"
}
