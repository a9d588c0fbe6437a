# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from gmproc import ClientServer, ClientWorker, ServerWorker, Workers

__all__ = ['ClientServer', 'ClientWorker', 'ServerWorker', 'Workers']
