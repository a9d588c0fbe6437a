/* settle.js: waits for a promise where the caller cannot
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported is_promise, let_jobs_exit, settle */

const {GLib} = imports.gi;

/* Ends the process if that was requested in a promise's job. */
let check_exit = () => {};

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
    while (outcome === null) {
        context.iteration(true);
        check_exit();
    }
    if ('error' in outcome)
        throw outcome.error;
    return outcome.result;
}

/**
 * Lets System.exit() end a worker also after an await. There GJS ends only the job of the promise,
 * and leaves the rest to the main loop of its program, which a worker does not run. To be called
 * before the module 'system' is imported, which copies the function.
 *
 * @param {(code: number) => void} end ends the process
 */
function let_jobs_exit(end) {
    const {exit} = imports.system;

    imports.system.exit = code => {
        check_exit = () => end(code);
        exit(code);
    };
}
