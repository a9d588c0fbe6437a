# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python imports this first: the interpreter of a worker hangs here."""

import os
import signal

while 'GMPROC_WORKER' in os.environ:
    signal.pause()
