# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The modules that programs of 2020 import. Their code is in gmproc.unityremote."""
