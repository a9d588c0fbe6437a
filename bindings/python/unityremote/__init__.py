# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The modules that programs of 2020 import; what they do is in gmproc.unityremote."""
