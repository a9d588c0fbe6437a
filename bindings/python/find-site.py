# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Prints the folder under a prefix in which this Python looks for packages.

Meson's own answer is, for /usr/local on Debian, a folder that Python does not search. Under a
prefix that Python knows nothing of there is no such folder: programs then need PYTHONPATH.
"""

import re
import sys

prefix = sys.argv[1].rstrip('/')
pattern = re.compile(re.escape(prefix) + r'/lib/python[0-9.]*/(dist|site)-packages')
version = '.'.join(map(str, sys.version_info[:2]))
print(next(filter(pattern.fullmatch, sys.path), f'{prefix}/lib/python{version}/site-packages'))
