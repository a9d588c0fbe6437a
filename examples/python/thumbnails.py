#!/usr/bin/python3
# thumbnails.py: makes small pictures on demand, in kept processes
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: thumbnails.py FOLDER FILE.ppm...

Writes for each picture (a binary PPM, P6 with 8 bits) a picture of at most 64 pixels a side to
FOLDER, under the same name, and prints its size. A picture that cannot be read is named on standard
error, and the others are made all the same.
"""

from __future__ import annotations

import os
import re
import sys
from concurrent.futures import as_completed

from gmproc import Executor

SIDE = 64
HEADER = re.compile(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s+255\s")


def make_thumbnail(path: str, folder: str) -> tuple[int, int]:
    """Writes a small picture, and returns its width and height."""
    with open(path, "rb") as file:
        data = file.read()
    header = HEADER.match(data)
    if header is None:
        raise ValueError("not a binary PPM with 8 bits")
    width, height = int(header[1]), int(header[2])
    pixels = memoryview(data)[header.end():]
    if len(pixels) < 3 * width * height:
        raise ValueError("the file ends too soon")
    step = max(1, -(-max(width, height) // SIDE))
    rows = []
    for y in range(0, height, step):
        row = pixels[3 * width * y:3 * width * (y + 1)]
        small = bytearray()
        for x in range(0, width, step):
            small += row[3 * x:3 * x + 3]
        rows.append(bytes(small))
    size = -(-width // step), len(rows)
    with open(os.path.join(folder, os.path.basename(path)), "wb") as file:
        file.write(b"P6 %d %d 255\n" % size + b"".join(rows))
    return size


def main(folder: str, *paths: str) -> int:
    status = 0
    with Executor(idle_timeout=10, run_timeout=60) as executor:
        futures = {executor.submit(make_thumbnail, path, folder): path for path in paths}
        for future in as_completed(futures):
            error = future.exception()
            if error is None:
                width, height = future.result()
                print(f"{futures[future]}: {width} x {height}")
            else:
                status = 1
                print(f"thumbnails.py: {futures[future]}: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
