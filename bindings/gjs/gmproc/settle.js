/* settle.js: waits for a promise where the caller cannot
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported is_promise, settle */

const {GLib} = imports.gi;

/**
 * @param {any} value anything
 * @returns {boolean} whether it is something to await
 */
function is_promise(value) {
    return typeof value?.then === 'function';
}

/**
 * The value of a promise, once it has one. Other values are returned as they are.
 *
 * A worker's methods are called from C, which wants its answer at once. GJS settles promises from a
 * source of the main context, so running that until the promise is settled is enough. It would not
 * be inside a promise's own job, where GJS starts no other: only a worker's calls come here, which
 * never are.
 *
 * @param {any} value a promise, or not
 * @returns {any} what it resolved to
 */
function settle(value) {
    if (!is_promise(value))
        return value;

    const context = GLib.MainContext.default();
    let outcome = null;

    value.then(result => (outcome = {result}), error => (outcome = {error}));
    while (outcome === null)
        context.iteration(true);
    if ('error' in outcome)
        throw outcome.error;
    return outcome.result;
}
