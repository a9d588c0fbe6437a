/* targets.js: how a worker finds functions and classes of JavaScript
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported digest_of, exported, init, is_native_type, runtime_of, state, target_of */

const {Gio, GLib} = imports.gi;
const {place_of} = imports.gmproc.bundles;

/* The state of this process: the host of workers sets both. `importing` is the URL of the module
 * that a worker is importing. */
var state = {is_worker: false, importing: null};

const digests = new WeakMap();

// The source text by URL, of modules that called Gmp.init(); null until it is needed.
const modules = new Map();

/**
 * Remembers a module, so that what it exports can be passed to gmproc directly.
 *
 * @param {object} meta the module's import.meta
 * @returns {boolean} true in the program, false in a worker
 */
function init(meta) {
    if (typeof meta?.url !== 'string')
        throw new TypeError('Gmp.init() takes import.meta, as in Gmp.init(import.meta)');
    if (!modules.has(meta.url))
        modules.set(meta.url, null);
    return !state.is_worker;
}

function get_source(url) {
    if (modules.get(url) === null) {
        const [, bytes] = Gio.File.new_for_uri(url).load_contents(null);

        modules.set(url, new TextDecoder().decode(bytes));
    }
    return modules.get(url);
}

function text_of(code) {
    return Function.prototype.toString.call(code);
}

/**
 * @param {Function} code a function or a class
 * @returns {string} the digest of its source text
 */
function digest_of(code) {
    if (!digests.has(code)) {
        digests.set(code, GLib.compute_checksum_for_string(GLib.ChecksumType.SHA256,
            text_of(code), -1).slice(0, 16));
    }
    return digests.get(code);
}

/* While a module is evaluated, for example while it awaits a run, its exports cannot be read. The
 * module of a function is found by its source text, and the worker looks for an export with this
 * text. */
function locate(code) {
    const text = text_of(code);
    const urls = [...modules.keys()].filter(url => get_source(url).includes(text));
    const name = code.name || 'name';
    const what = code.name ? `'${code.name}'` : 'A function or class without a name';

    if (urls.length === 1)
        return urls[0];
    if (urls.length > 1) {
        throw new TypeError(`${what} is in more than one module (${urls.join(', ')}): pass ` +
            `Gmp.exported(url, '${name}') instead`);
    }
    throw new TypeError(`${what} is in no module that has called Gmp.init(import.meta), so a ` +
        `worker cannot find it: call that in the module that exports it, or pass ` +
        `Gmp.exported(url, '${name}')`);
}

/**
 * The target of what a module exports.
 *
 * @param {object|string} module the module's import.meta, or its URL
 * @param {Function|string} code a function or a class, or its name: the name that it is exported by
 * @returns {string} `gjs:file:///path/module.js#name`
 */
function exported(module, code) {
    const url = typeof module === 'string' ? module : module?.url;
    const name = typeof code === 'string' ? code : code?.name;

    if (typeof url !== 'string' || typeof name !== 'string' || name === '') {
        throw new TypeError('Gmp.exported() takes import.meta, and an exported function or ' +
            'class, or its name');
    }
    return `gjs:${place_of(url)}#${name}`;
}

/**
 * @param {any} code what was passed as a server or a client
 * @returns {boolean} whether it is a type of C: a GType, or a class that GJS has made for one
 */
function is_native_type(code) {
    if (typeof code === 'function')
        return '$gtype' in code && text_of(code).includes('[native code]');
    return Object.prototype.toString.call(code) === '[object GIRepositoryGType]';
}

/**
 * @param {Function|string} code a function or class, a target, or the URL of a module and a name:
 *     `file:///path/module.js#name` or `resource:///path/module.js#name`
 * @returns {string} a target
 */
function target_of(code) {
    if (typeof code === 'string') {
        const [, url, name] = /^((?:file|resource):[^#]*)(.*)$/.exec(code) ?? [];

        return url === undefined ? code : `gjs:${place_of(url)}${name}`;
    }
    if (typeof code !== 'function') {
        throw new TypeError(`A worker runs an exported function or class, or a target such as ` +
            `'python:module:name'; ${code} is not one of these`);
    }
    return `gjs:${place_of(locate(code))}#${code.name}@${digest_of(code)}`;
}

/**
 * @param {any} code what target_of() takes, or a type of C
 * @returns {string} the language that it is in; JavaScript where it names none
 */
function runtime_of(code) {
    if (typeof code !== 'string')
        return is_native_type(code) ? 'native' : 'gjs';

    const [, runtime] = /^(\w+):/.exec(target_of(code)) ?? [];

    return runtime ?? 'gjs';
}
