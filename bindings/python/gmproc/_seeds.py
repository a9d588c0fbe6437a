# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Digests, and the seeds for random numbers that are made from them."""

from __future__ import annotations

import sys

try:
    from _blake2 import blake2b  # hashlib loads many other modules
except ImportError:
    from hashlib import blake2b


def make_digest(data: bytes, size: int) -> bytes:
    return blake2b(data, digest_size=size).digest()


def derive_seed(*parts: object) -> int:
    """A number of 64 bits that depends only on all parts."""
    text = ':'.join(str(part) for part in parts)
    return int.from_bytes(make_digest(text.encode(), 8), 'little')


def seed_generators(seed: int | None) -> None:
    """Seeds the global generators; with None, from the system's randomness."""
    import random

    random.seed(seed)
    numpy = sys.modules.get('numpy')
    if numpy is not None:
        numpy.random.seed(None if seed is None else seed % 2**32)
