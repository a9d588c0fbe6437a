# links.py: every link inside the reference leads somewhere
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: links.py FOLDER

Follows the links and pictures of all pages, anchors too, and what the search leads to.
"""

import html.parser
import json
import sys
import urllib.parse
from pathlib import Path

import verdict


class Page(html.parser.HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.feed(path.read_text(encoding='utf-8'))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ('id', 'name') and value:
                self.anchors.add(value)
            elif name in ('href', 'src'):
                self.links.add(value or '')


def check(folder: Path, pages: dict[str, Page], where: str, link: str) -> str | None:
    if link == '':
        return f'{where}: a link without an address'
    address = urllib.parse.urlsplit(link)
    if address.scheme or address.netloc:
        return None
    name = urllib.parse.unquote(address.path) or where
    if not (folder / name).is_file():
        return f'{where}: {link}: no such page'
    anchor = urllib.parse.unquote(address.fragment)
    if anchor and name in pages and anchor not in pages[name].anchors:
        return f'{where}: {link}: the page has no such anchor'
    return None


def main() -> None:
    folder = Path(sys.argv[1])
    pages = {path.name: Page(path) for path in sorted(folder.glob('*.html'))}
    links = [(name, link) for name, page in pages.items() for link in sorted(page.links)]
    symbols = json.loads((folder / 'index.json').read_text(encoding='utf-8'))['symbols']
    links += [('index.html', symbol['href']) for symbol in symbols if 'href' in symbol]
    found = {symbol['name'] for symbol in symbols}
    problems = [problem for name, link in links
                if (problem := check(folder, pages, name, link)) is not None]
    # One name of each language, or the search knows only C.
    problems += [f'the search does not find {name}' for name in
                 ('Workers', 'gmproc.Workers', 'Gmp.unpack(variant)') if name not in found]
    verdict.close(problems, f'{len(links)} links of {len(pages)} pages',
                  'Chapters link to each other by file name, and to headings by their text.')


if __name__ == '__main__':
    main()
