/* runs.js: running workers from JavaScript
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported check_main, promise, run, run_async */

const {failed} = imports.gmproc.errors;
const {state} = imports.gmproc.targets;

/** A module that a worker imports and that starts workers would do so in each of these as well. */
function check_main() {
    if (state.importing === null)
        return;
    throw failed(`${state.importing} starts workers while a worker imports it: put what only the ` +
        'program should do inside\n    if (Gmp.init(import.meta)) { ... }');
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
 * A call of C to be awaited.
 *
 * @param {Function} call starts, and takes a callback
 * @param {Function} finish takes the callback's result
 * @returns {Promise<any>} what that returns
 */
function promise(call, finish) {
    return new Promise((resolve, reject) => {
        check_main();
        call((_source, result) => {
            try {
                resolve(finish(result));
            } catch (error) {
                reject(error);
            }
        });
    });
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
