/* word-count.js: counts the words of files and folders, with one worker a file
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import System from 'system';

const USAGE = `Usage: word-count.js FILE-OR-FOLDER...
Prints for each file of UTF-8 text what "wc -w" prints for it, and a total. Folders are searched for
files, in order of their names; links in them are not followed.`;

/* The separators of words for wc: white space and no-break spaces. */
const WORD = /[^\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2060\u3000]+/gu;

/* Unprintable characters and invalid UTF-8 form no words. */
const PRINTABLE = /[^\p{Cc}\p{Cn}\ufffd]/u;

/* Runs in its own process. */
export function count_words(path) {
    const [, bytes] = GLib.file_get_contents(path);
    const text = new TextDecoder().decode(bytes);
    let n = 0;

    for (const [word] of text.matchAll(WORD)) {
        if (PRINTABLE.test(word))
            n++;
    }
    return n;
}

function* find_files(file, is_named) {
    const info = file.query_info('standard::name,standard::type',
        is_named ? Gio.FileQueryInfoFlags.NONE : Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS, null);
    const type = info.get_file_type();

    if (type === Gio.FileType.DIRECTORY) {
        const names = [...file.enumerate_children('standard::name', 0, null)].map(
            child => child.get_name());

        for (const name of names.sort())
            yield* find_files(file.get_child(name), false);
    } else if (is_named || type === Gio.FileType.REGULAR) {
        yield file.get_path();
    }
}

async function main(paths) {
    const workers = new Gmp.Workers({max_parallel: GLib.get_num_processors(), reuse: true});
    const files = [];
    let counts, status = 0;

    for (const path of paths) {
        try {
            files.push(...find_files(Gio.File.new_for_commandline_arg(path), true));
        } catch (error) {
            printerr(`word-count.js: ${path}: ${error.message}`);
            status = 1;
        }
    }
    files.forEach((path, id) => workers.add(id, count_words, path));
    try {
        counts = files.length > 0 ? await workers.run_async() : new Map();
    } catch (error) {
        counts = error.results;
        status = 1;
    }

    files.forEach((path, id) => {
        if (counts.has(id))
            print(counts.get(id), path);
        else
            printerr(`word-count.js: ${path}: ${workers.get_error(id).message}`);
    });
    if (files.length > 1)
        print([...counts.values()].reduce((sum, n) => sum + n, 0), 'total');
    return status;
}

if (Gmp.init(import.meta)) {
    if (System.programArgs.length === 0) {
        printerr(USAGE);
        System.exit(2);
    }
    System.exit(await main(System.programArgs));
}
