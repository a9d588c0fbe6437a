# guide.sh: what the tests of the packages have in common
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# To be sourced.

examples=/usr/share/doc/libgmproc-1-doc/examples
programs=$(mktemp -d)
trap "rm -rf $programs" EXIT

# try_guide WORKERS CLIENT_SERVER [INTERPRETER...]: the two programs of the guide
try_guide ()
{
  workers=$1
  client_server=$2
  shift 2
  counted=$("$@" "$workers")
  [ "$counted" = "$(seq 10)" ] || { printf "it should count to 10:\n%s\n" "$counted"; exit 1; }
  talked=$("$@" "$client_server")
  for name in par impar
  do
    lines=$(printf "%s\n" "$talked" | grep -c "^Msg from client $name is")
    [ "$lines" -eq 11 ] || { printf "11 messages of %s:\n%s\n" "$name" "$talked"; exit 1; }
  done
}
