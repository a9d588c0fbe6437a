# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from gmproc.unityremote import EnvironmentManager, IteractiveEnvironmentManager, RemoteEnv

__all__ = ['EnvironmentManager', 'IteractiveEnvironmentManager', 'RemoteEnv']
