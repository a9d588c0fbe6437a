/* bundles.js: modules in a GResource, as installed applications have them
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported enter, place_of */

const {Gio, GLib} = imports.gi;

const SCHEME = 'resource://';

// By URL, of modules whose bundle has been found.
const places = new Map();

// The bundles that a worker has registered.
const registered = new Set();

/* GIO does not tell which bundles are registered, but it maps the file of each. Mapped devices are
 * left out, because opening one may do something. */
function list_mapped_files() {
    const [, bytes] = GLib.file_get_contents('/proc/self/maps');
    const files = new TextDecoder().decode(bytes).split('\n')
        .map(line => line.slice(line.indexOf('/')))
        .filter(file => file.startsWith('/') && !file.startsWith('/dev/'));

    return [...new Set(files)];
}

function has(file, path) {
    try {
        Gio.Resource.load(file).get_info(path, Gio.ResourceLookupFlags.NONE);
        return true;
    } catch {
        return false;
    }
}

/**
 * Where a worker finds a module: `file:///path/app.gresource!/org/example/module.js` if it is in a
 * GResource, because a worker has none of the program's.
 *
 * @param {string} url the module's URL
 * @returns {string} the same, if it is another module, or no bundle with it was loaded from a file
 */
function place_of(url) {
    if (!url.startsWith(SCHEME))
        return url;
    if (!places.has(url)) {
        const path = GLib.Uri.parse(url, GLib.UriFlags.NONE).get_path();
        const file = list_mapped_files().find(each => has(each, path));

        if (file === undefined)
            return url;
        places.set(url, `${GLib.filename_to_uri(file, null)}!${url.slice(SCHEME.length)}`);
    }
    return places.get(url);
}

/**
 * Registers the bundle of a place.
 *
 * @param {string} place what place_of() has returned
 * @returns {string} the URL of the module
 */
function enter(place) {
    const [, url, path] = /^(file:.+?)!(\/.+)$/.exec(place) ?? [];
    const bundle = url === undefined ? null : Gio.File.new_for_uri(url);

    if (bundle?.query_file_type(Gio.FileQueryInfoFlags.NONE, null) !== Gio.FileType.REGULAR)
        return place;
    if (!registered.has(url)) {
        Gio.resources_register(Gio.Resource.load(bundle.get_path()));
        registered.add(url);
    }
    return `${SCHEME}${path}`;
}
