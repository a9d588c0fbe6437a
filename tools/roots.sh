# roots.sh: root folders of other systems, and running commands in them
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# To be sourced after prepare.sh. POSIX sh. Needs root.

# How long a command may take. It includes the packages and the build, on a slow machine.
limit=2h
roots=${XDG_CACHE_HOME:-$HOME/.cache}/gmproc/systems

# make_root NAME [FOLDER]: a minimal system, with packages from where this system has its own
make_root ()
{
  case $1 in
    bullseye | bookworm | trixie | sid) suite=$1; architecture=$(dpkg --print-architecture) ;;
    i386) suite=bookworm; architecture=i386 ;;
    *) give_up "There is no system '$1' here: there are bullseye, bookworm, trixie, sid and i386." ;;
  esac
  folder=$roots/${2:-$1}
  [ ! -e "$folder/complete" ] || return 0
  say "Making a root folder of $suite for $architecture in $folder"
  rm -rf "${folder:?}"
  mkdir -p "$folder"
  # A mirror may serve an index of unstable that is past its date. Signatures are checked all the same.
  run_quietly mmdebstrap --variant=minbase --architectures="$architecture" \
    --aptopt='Acquire::Check-Valid-Until "false"' --include=ca-certificates "$suite" "$folder/root" \
    "$(apt-get indextargets --format '$(SITE)' | grep -v security | head -n 1)"
  chroot "$folder/root" useradd --create-home --shell /bin/sh tester
  touch "$folder/complete"
}

# enter NAME USER COMMAND: in namespaces of its own, so that it leaves neither processes nor mounts,
# not even where it hangs. Where $shared_folder is set, that folder of this system is there too. The
# folder becomes the root of its mount namespace, because in a chroot no sandbox can be made.
enter ()
{
  # shellcheck disable=SC2016
  timeout --foreground --signal=KILL $limit unshare --mount --pid --ipc --fork --kill-child -- sh -euc '
    mount --make-rprivate /
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs tmpfs "$1/dev/shm"
    mount --rbind /sys "$1/sys"
    if [ -n "$5" ]
    then
      mkdir -p "$1$5"
      mount --bind "$5" "$1$5"
    fi
    cd "$1"
    pivot_root . .
    umount --lazy .
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    exec runuser -u "$2" -- env -i HOME="$3" PATH="/usr/sbin:/usr/bin:/sbin:/bin" \
      LANG=C.UTF-8 CI="${CI:-}" sh -c "$4"' \
    sh "$roots/$1/root" "$2" "$([ "$2" = root ] && echo /root || echo "/home/$2")" "$3" \
    "${shared_folder:-}" </dev/null
}
