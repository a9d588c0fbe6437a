# prepare.sh: what the scripts that one runs have in common: packages and the build
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# To be sourced, in the folder that the project is in. POSIX sh.
#
# GMPROC_BUILD names another folder to build in than "build", for sources that cannot be written to.

build_folder=${GMPROC_BUILD:-build}

# The system's own, whatever else comes first on the PATH.
find_command ()
{
  if [ -x "/usr/bin/$1" ]
  then
    printf '/usr/bin/%s\n' "$1"
  else
    command -v "$1" || printf '%s\n' "$1"
  fi
}
meson=$(find_command meson)
ninja=$(find_command ninja)
python=$(find_command python3)

say ()
{
  printf '%s\n' "$*"
}

give_up ()
{
  printf '%s\n' "$@" >&2
  exit 1
}

case ${GMPROC_BUILD:-/} in
  /*) ;;
  *) give_up "GMPROC_BUILD is '$GMPROC_BUILD', and has to be an absolute path." ;;
esac

# Succeeds if a row of tools/packages is installed, by its check.
is_there ()
{
  name=${1#*:}
  case $1 in
    command:*) [ -x "$(find_command "$name")" ] ;;
    module:*) pkg-config --exists "$name" 2>/dev/null ;;
    python:*) "$python" -c "import $name" 2>/dev/null ;;
    header:*) printf '#include <%s>\n' "$name" | cc -E - >/dev/null 2>&1 ;;
  esac
}

is_installed ()
{
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The first command of these: dpkg-query knows whether a package is installed, the others only what
# it is called.
find_package_manager ()
{
  for manager in dpkg-query dnf pacman apk
  do
    if command -v $manager >/dev/null
    then
      printf '%s\n' $manager
      return
    fi
  done
}

# list_missing MANAGER USE...: the packages that are not there, one a line, and what each is for.
list_missing ()
{
  manager=$1
  shift
  for use in "$@"
  do
    awk -v use="$use" '$1 == use' tools/packages
  done | while read -r _ apt check dnf pacman apk purpose
  do
    case $manager in
      dpkg-query) is_installed "$apt" && continue ;;
      *) is_there "$check" && continue ;;
    esac
    case $manager in
      dnf) name=$dnf ;;
      pacman) name=$pacman ;;
      apk) name=$apk ;;
      *) name=$apt ;;
    esac
    [ "$name" != - ] || name=$apt
    printf '  %-27s %s\n' "$name" "$purpose"
  done | awk '!seen[$1]++'
}

# The command that installs packages here, for the user to type.
describe_install ()
{
  case $1 in
    dpkg-query) say "apt-get update && apt-get install --no-install-recommends $2" ;;
    dnf) say "dnf install $2" ;;
    pacman) say "pacman -S --needed $2" ;;
    apk) say "apk add $2" ;;
    *) say "(by Debian's names) $2" ;;
  esac
}

has_installed=no

# install_missing USE...: of tools/packages. Installs with apt alone: elsewhere it prints the command.
install_missing ()
{
  manager=$(find_package_manager)
  missing=$(list_missing "$manager" "$@")
  [ -n "$missing" ] || return 0

  # Without the purposes, on one line.
  names=$(printf '%s\n' "$missing" | awk '{ printf "%s%s", (NR > 1 ? " " : ""), $1 }')
  if [ "$manager" != dpkg-query ]
  then
    give_up "These are missing:" "$missing" "" "This script installs packages on Debian only." \
            "Install them first:" "" "  $(describe_install "$manager" "$names")"
  fi
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
            "  $(describe_install "$manager" "$names")"
  fi

  apt_get="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600"
  # The names are words of their own on purpose.
  # shellcheck disable=SC2086
  $apt_get update </dev/null && $apt_get install -y --no-install-recommends $names </dev/null ||
    give_up "" "The packages could not be installed: apt-get says why, above." \
            "They are: $names"
  has_installed=yes
}

# install_if_possible USE...: for tests that are skipped without them. Not every system has these
# packages: Debian has no Slurm for 32 bit.
install_if_possible ()
{
  [ "$(find_package_manager)" = dpkg-query ] || return 0
  (install_missing "$@") || say "Tests that need them are skipped."
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
    rm -rf "$build_folder" && return 0
  fi
  give_up "The folder '$build_folder' is in the way ($fault), and cannot be removed, or is none of" \
          "meson's. Please remove it."
}

# Succeeds if the build folder lacks one of these options: NAME=VALUE...
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
