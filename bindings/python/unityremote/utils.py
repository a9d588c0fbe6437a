# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from gmproc.unityremote import image_decode, image_from_str

__all__ = ['image_decode', 'image_from_str']
