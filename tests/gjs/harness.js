/* harness.js: tests in JavaScript, with a watchdog and no process left behind
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

/* Warm processes wait as long as an object could use them, and nobody knows when garbage is
 * collected. Tests that check the end of each process therefore start them cold, except for
 * warm.js. */
GLib.setenv('GMPROC_WARM', '0', true);

/* Much longer than any test takes. Meson's own limit ends a test that does not return to the
 * main loop. */
const WATCHDOG = 60;

const tests = [];

/**
 * @param {string} name what is tested
 * @param {Function} body the test, which may be async, and throws where it fails
 */
export function test(name, body) {
    tests.push({name, body});
}

function show_object(object) {
    const kind = Object.prototype.toString.call(object);

    if (object instanceof Map || object instanceof Set || object instanceof ArrayBuffer)
        return {[kind]: [...object instanceof ArrayBuffer ? new Uint8Array(object) : object]};
    if (object instanceof DataView)
        return {[kind]: object.buffer.slice(object.byteOffset)};
    if (object instanceof Date || object instanceof RegExp)
        return {[kind]: object instanceof Date ? object.getTime() : String(object)};
    if (object instanceof Error) {
        const {name, message, cause, errors, stack} = object;

        return {[kind]: {...object, name, message, cause, errors, stack}};
    }
    return null;
}

function show(value) {
    // Converting to JSON would already have made a Date a string.
    return JSON.stringify(value, function (key, json) {
        const inner = this[key];
        const object = show_object(inner);

        if (object !== null)
            return object;
        if (inner === undefined && Array.isArray(this))
            return {undefined: true};
        if (typeof inner === 'bigint')
            return `${inner}n`;
        if (ArrayBuffer.isView(inner))
            return {[inner.constructor.name]: [...inner].map(String)};
        if (typeof inner === 'number' && (!Number.isFinite(inner) || Object.is(inner, -0)))
            return Object.is(inner, -0) ? '-0' : String(inner);
        return json;
    });
}

export function assert(condition, what) {
    if (!condition)
        throw new Error(what);
}

/** Values are equal where they are of the same types and have the same members. */
export function equal(value, expected, what = 'the value') {
    assert(show(value) === show(expected), `${what} is ${show(value)}, not ${show(expected)}`);
}

/**The exception of a call, or the rejection of a promise. */
export async function thrown(body) {
    try {
        await body();
    } catch (error) {
        return error;
    }
    throw new Error('Nothing was thrown');
}

/** The error is one of this domain and code, and its text has all these words. */
export function is_error(error, domain, code, ...words) {
    assert(error instanceof GLib.Error && error.matches(domain, code),
        `the error is ${error} of domain ${error.domain}, code ${error.code}`);
    for (const word of words)
        assert(error.message.includes(word), `'${word}' is not in: ${error.message}`);
}

export function list_children() {
    const children = [];

    for (const info of Gio.File.new_for_path('/proc/self/task').enumerate_children(
        'standard::name', 0, null)) {
        try {
            const [, text] = GLib.file_get_contents(`/proc/self/task/${info.get_name()}/children`);

            children.push(...new TextDecoder().decode(text).split(' ').filter(pid => pid !== ''));
        } catch (error) {
            // This thread has ended meanwhile.
        }
    }
    return children;
}

/** Waits until a process has neither shared memory of values nor @limit bytes of its own. */
export async function wait_until_freed(pid, limit) {
    const read = name => new TextDecoder().decode(
        GLib.file_get_contents(`/proc/${pid}/${name}`)[1]);

    while (read('maps').includes('/memfd:gmproc-payload') ||
           Number(/RssAnon:\s+(\d+)/.exec(read('status'))[1]) * 1024 > limit) {
        await new Promise(resolve => GLib.timeout_add(GLib.PRIORITY_DEFAULT, 10, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        }));
    }
}

/** Waits until all processes have ended that this one started, or the watchdog does. */
export async function no_children() {
    while (list_children().length > 0) {
        await new Promise(resolve => GLib.timeout_add(GLib.PRIORITY_DEFAULT, 10, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        }));
    }
}

async function run_test({name, body}, number) {
    const watchdog = GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, WATCHDOG, () => {
        print(`Bail out! ${name} has not ended after ${WATCHDOG} seconds`);
        System.exit(1);
    });

    try {
        await body();
        equal(list_children(), [], 'what is left of processes');
        print(`ok ${number} - ${name}`);
        return true;
    } catch (error) {
        print(`not ok ${number} - ${name}`);
        print(`${error}\n${error.stack}`.replace(/^/gm, '# '));
        return false;
    } finally {
        GLib.source_remove(watchdog);
    }
}

/**Runs the functions given to test (), and reports in TAP. */
export async function run_tests() {
    const only = System.programArgs;
    const chosen = tests.filter(({name}) => only.length === 0 || only.includes(name));
    let n_failed = 0;

    for (const name of only)
        assert(tests.some(each => each.name === name), `there is no test ${name}`);
    print(`1..${chosen.length}`);
    for (const [i, each] of chosen.entries()) {
        if (!await run_test(each, i + 1))
            n_failed++;
    }
    System.exit(n_failed > 0 ? 1 : 0);
}
