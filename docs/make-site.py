#!/usr/bin/env python3
# make-site.py: the reference by gi-docgen, with a landing page and a search for all languages
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: make-site.py FOLDER PAGE.md... -- COMMAND...

Runs the COMMAND of gi-docgen, which writes to FOLDER. Then the welcome page becomes the beginning
of the index, and the headings of the PAGEs, which are references of other languages, can be found
by the search, and the style sheet gets a few rules for code in narrow windows.
"""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

CONTENT = re.compile(r'<section id="main".*?(<section>.*?</section>)', re.S)
HEADING = re.compile(r'<h[23] id="([^"]+)">(.*?)</h[23]>\s*(?:<p>(.*?)</p>)?', re.S)
# The rows of the table at the top that have no address.
EMPTY_ROW = re.compile(r'\s*<tr><td><em>\w+</em></td><td><a href=""[^>]*></a></td></tr>')
# A flat list of all chapters, which the welcome page has in order.
EXTRA = re.compile(r'<section>\s*<div class="toggle-wrapper">\s*<h4 id="extra".*?</section>', re.S)
# Later versions of gi-docgen link a member by its nick, and give it an anchor with underscores.
MEMBER = re.compile(r'(?<=href=")((?:enum|error|flags)\.\w+\.html#)([\w-]+)(?=")')
TAG = re.compile(r'<[^>]+>')
# Marks of gtk-doc and Markdown in summaries, which the search shows as they are.
LINK = re.compile(r'\[\w+@(?:Gmp\.)?([^]]*)\]|[%@](?=[A-Za-z])|`')
# gi-docgen breaks names in table cells anywhere and cuts them in the list of contents, and its copy
# buttons cover code.
STYLE = '''
.toc { min-width: 26ch }
.toc nav { margin: 0 1em }
.toc-list-item { overflow-wrap: anywhere }
.results td.content { padding: 0 .5em }
.docblock table code { word-break: normal; overflow-wrap: normal }
.docblock .codehilite > .copy-button { opacity: 0 }
.docblock .codehilite:hover > .copy-button, .docblock .copy-button:focus-visible { opacity: 1 }
@media (max-width: 700px) {
  .docblock table { display: block; overflow-x: auto }
}
'''


def plain(text: str) -> str:
    return html.unescape(TAG.sub('', text)).replace('¶', '').strip()


def replace(text: str, pattern: 're.Pattern[str]', new: str) -> str:
    result, count = pattern.subn(lambda _found: new, text, count=1)
    if count == 0:
        raise SystemExit(f'make-site.py: gi-docgen made a page without {pattern.pattern}')
    return result


def make_index(folder: Path) -> None:
    welcome = folder / 'welcome.html'
    found = CONTENT.search(welcome.read_text('utf-8'))
    if found is None:
        raise SystemExit('make-site.py: gi-docgen made a welcome page without a main section')
    index = folder / 'index.html'
    text = index.read_text('utf-8')
    text = EMPTY_ROW.sub('', text)
    text = replace(text, EXTRA, '')
    text = replace(text, re.compile(r'(?=<header>\s*<h3>Namespace)'), found[1])
    index.write_text(text, 'utf-8')
    welcome.unlink()


def mend_members(folder: Path) -> None:
    for path in folder.glob('*.html'):
        text = MEMBER.sub(lambda found: found[1] + found[2].replace('-', '_'),
                          path.read_text('utf-8'))
        path.write_text(text, 'utf-8')


def add_to_search(folder: Path, pages: 'list[str]') -> None:
    path = folder / 'index.json'
    index = json.loads(path.read_text('utf-8'))
    index['symbols'] = [symbol for symbol in index['symbols']
                        if symbol.get('href') != 'welcome.html']
    for symbol in index['symbols']:
        summary = symbol['summary'].strip().removeprefix(f"# {symbol['name']}")
        symbol['summary'] = LINK.sub(lambda found: found[1] or '', summary).strip(' #')
    for page in pages:
        for anchor, title, summary in HEADING.findall((folder / page).read_text('utf-8')):
            index['symbols'].append({'type': 'content', 'name': plain(title),
                                     'href': f'{page}#{anchor}', 'summary': plain(summary)[:120]})
    path.write_text(json.dumps(index), 'utf-8')


def main() -> None:
    separator = sys.argv.index('--')
    folder = Path(sys.argv[1])
    pages = [page.replace('.md', '.html') for page in sys.argv[2:separator]]
    command = sys.argv[separator + 1:]
    status = subprocess.run(command).returncode
    if status != 0:
        sys.exit(status)
    make_index(folder)
    mend_members(folder)
    add_to_search(folder, pages)
    with (folder / 'style.css').open('a', encoding='utf-8') as style:
        style.write(STYLE)


if __name__ == '__main__':
    main()
