# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The files of a wheel that no module links to: _gmproc loads these libraries, and native workers
execute the program."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs('gmproc', search_patterns=['*.so*', 'gmproc-native-host'])
