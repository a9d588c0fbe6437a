# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python reads this before all else: an interpreter that hangs, where it is a worker's."""

import os
import signal

while 'GMPROC_WORKER' in os.environ:
    signal.pause()
