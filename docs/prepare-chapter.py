#!/usr/bin/env python3
# prepare-chapter.py: makes a page of the reference from a chapter in plain Markdown
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: prepare-chapter.py CHAPTER.md PAGE.md

gi-docgen reads a page's title from its own kind of line, and its pages end in .html.
"""

import re
import sys


def prepare(text: str) -> str:
    title, _, rest = text.partition('\n')
    if not title.startswith('# '):
        raise SystemExit(f'{sys.argv[1]}: the first line should be "# " and the title')
    # The welcome page becomes a part of the index.
    rest = rest.replace('](welcome.md', '](index.md')
    # Chapters are in one folder; other folders are not part of the reference.
    rest = re.sub(r'\]\(([a-z-]+)\.md(#[^)]*)?\)', r'](\1.html\2)', rest)
    rest = re.sub(r'\[([^]]+)\]\(\.\.?/[^)]*\)', r'\1', rest)
    return f'Title: {title[2:]}\n\n{title}\n{rest}'


def main() -> None:
    chapter, page = sys.argv[1:]
    with open(chapter, encoding='utf-8') as source:
        text = prepare(source.read())
    with open(page, 'w', encoding='utf-8') as target:
        target.write(text)


if __name__ == '__main__':
    main()
