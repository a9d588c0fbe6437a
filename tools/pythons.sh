# pythons.sh: the versions of Python that wheels are made for, and where they are
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# To be sourced. POSIX sh. A version is "3.13", or "3.13t" for a free-threaded build.

python_versions='3.9 3.10 3.11 3.12 3.13 3.13t 3.14 3.14t 3.15 3.15t'

# python_version INTERPRETER
python_version ()
{
  "$1" -c '
import sys, sysconfig
threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
print("%d.%d%s" % (*sys.version_info[:2], threads))' 2>/dev/null
}

# find_python VERSION: prints the first interpreter of this version, if there is one.
find_python ()
{
  for candidate in "/usr/bin/python$1" "$HOME"/.pyenv/versions/"${1%t}".*/bin/python3 \
    "$(command -v "python$1" || true)"
  do
    if [ -x "$candidate" ] && [ "$(python_version "$candidate")" = "$1" ]
    then
      printf '%s\n' "$candidate"
      break
    fi
  done
}

# describe_tag VERSION: the part of a wheel's name for it, as in cp313-cp313t
describe_tag ()
{
  number=$(printf '%s' "$1" | tr -d .)
  printf 'cp%s-cp%s\n' "${number%t}" "$number"
}
