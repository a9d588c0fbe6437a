/* runs.js: running workers from JavaScript
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported exported, importing, run, run_async, runtime_of, target_of */

const {failed} = imports.gmproc.errors;

/** In a worker: the URL of the module that it imports, while it does. */
var importing = {url: null};

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

    if (typeof url !== 'string' || typeof name !== 'string' || name === '')
        throw new TypeError('exported () takes import.meta and an exported function or class');
    return `gjs:${url}#${name}`;
}

/**
 * @param {string} code a target, or the URL of a module and a name: `file:///path/module.js#name`
 * @returns {string} a target
 */
function target_of(code) {
    if (typeof code === 'string')
        return code.startsWith('file:') ? `gjs:${code}` : code;

    const name = code?.name || 'code';

    throw new TypeError('A worker finds its code by module and name: export it, and write ' +
        `Gmp.exported(import.meta, ${name}) in its module`);
}

/**
 * @param {string} code what target_of () takes
 * @returns {string} the language that it is in; JavaScript where it names none
 */
function runtime_of(code) {
    const [, runtime] = /^(\w+):/.exec(target_of(code)) ?? [];

    return runtime ?? 'gjs';
}

/* A module that is imported by a worker and starts workers would do so in each of these as well. */
function check_main() {
    if (importing.url === null)
        return;
    throw failed(`${importing.url} starts workers while it is imported by one: what is only for ` +
        'the program should be inside\n    ' +
        'if (import.meta.url === GLib.filename_to_uri(System.programPath, null)) { ... }');
}

function add_results(error, application, results) {
    error.failures = application.get_failures();
    try {
        error.results = results();
    } catch (unreadable) {
        // The error is what matters here.
        error.results = new Map();
    }
    return error;
}

/**
 * A run that blocks.
 *
 * @param {Gmp.Runner} application what runs
 * @param {Function} call runs, and returns a dictionary
 * @param {Function} results returns what there is of results
 * @returns {Map<any, any>} the results
 */
function run(application, call, results) {
    check_main();
    try {
        call();
    } catch (error) {
        throw add_results(error, application, results);
    }
    return results();
}

/**
 * A run to be awaited.
 *
 * @param {Gmp.Runner} application what runs
 * @param {Function} call starts, and takes a callback
 * @param {Function} finish takes the callback's result
 * @param {Function} results returns what there is of results
 * @returns {Promise<Map<any, any>>} the results
 */
function run_async(application, call, finish, results) {
    return new Promise((resolve, reject) => {
        check_main();
        call((_source, result) => {
            try {
                finish(result);
                resolve(results());
            } catch (error) {
                reject(add_results(error, application, results));
            }
        });
    });
}
