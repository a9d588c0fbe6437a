#!/usr/bin/python3
# word_count.py: counts the words of files and folders, with one worker a file
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Usage: word_count.py FILE-OR-FOLDER...

Prints for each file of UTF-8 text what `wc -w` prints for it, and a total. Folders are searched for
files, in order of their names; links in them are not followed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

from gmproc import WorkerError, Workers


# The separators of words for wc: white space without the four ASCII separators that Python adds.
SPACE = re.compile(r"[^\S\x1c-\x1f]+")


def count_words(path: str) -> int:
    """How many words there are, as wc counts text in UTF-8: what is not printable makes no word."""
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        return sum(
            1
            for line in file
            for word in SPACE.split(line)
            if word.isprintable() and word or any(map(str.isprintable, word))
        )


def find_files(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = os.path.join(folder, name)
                if os.path.isfile(file) and not os.path.islink(file):
                    yield file


def main(paths: list[str]) -> int:
    if not paths:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    files = list(find_files(paths))
    workers = Workers(max_parallel=os.cpu_count() or 1, reuse=True)
    for id, file in enumerate(files):
        workers.add(id, count_words, params=file)
    errors = {}
    try:
        counts = workers.run()
    except WorkerError as error:
        counts, errors = error.results, error.errors

    for id, file in enumerate(files):
        if id in counts:
            print(counts[id], file)
        else:
            cause = errors[id].__cause__
            reason = cause.strerror if isinstance(cause, OSError) else errors[id]
            print(f"word_count.py: {file}: {reason}", file=sys.stderr)
    if len(files) > 1:
        print(sum(counts.values()), "total")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
