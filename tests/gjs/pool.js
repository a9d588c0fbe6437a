/* pool.js: calls of functions in kept processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import {
    assert, equal, is_error, no_children, run_tests, test, thrown, wait_until_freed,
} from './harness.js';
import * as functions from './functions.js';

const is_program = Gmp.init(import.meta);

let prepared = null;

export function prepare(value) {
    prepared = value;
}

export function get_prepared(params) {
    return [prepared, params];
}

export function die() {
    Gio.Subprocess.new(['kill', '-KILL', `${new Gio.Credentials().get_unix_pid()}`], 0).wait(null);
}

async function with_pool(properties, body) {
    const pool = new Gmp.Pool(properties);

    try {
        await body(pool);
    } finally {
        pool.close();
    }
    await no_children();
}

test('calls', () => with_pool({max_workers: 2}, async pool => {
    equal(await pool.call(functions.increment, 7), 8);
    equal(await Promise.all([1, 2, 3, 4, 5].map(n => pool.call(functions.increment, n))),
        [2, 3, 4, 5, 6]);
    equal(await pool.call(functions.echo), null);
    equal(await pool.call_async('python:math:factorial', 10), 3628800);
    // Values that exist only in JavaScript.
    equal(await pool.call(functions.everyday_values), functions.everyday_values());
    equal(await pool.call(functions.echo, {big: new Uint8Array(10 ** 6), set: new Set([1])}),
        {big: new Uint8Array(10 ** 6), set: new Set([1])});
}));

test('processes-are-kept', () => with_pool({max_workers: 1}, async pool => {
    const pid = await pool.call(functions.get_pid);

    for (let i = 0; i < 20; i++)
        equal(await pool.call(functions.get_pid), pid);
}));

/* GJS refuses callbacks while it collects garbage in steps. */
test('garbage', () => with_pool({max_workers: 1}, async pool => {
    for (let i = 0; i < 300; i++) {
        const garbage = Array.from({length: 5000}, (_, n) => ({n, text: `number ${n}`}));

        equal(await pool.call(functions.echo, garbage.length), 5000);
    }
}));

/* Nor is the callback of a call lost that cannot be made. */
test('garbage-refused', () => with_pool({max_workers: 1}, async pool => {
    for (let i = 0; i < 2500; i++) {
        const garbage = Array.from({length: 200}, (_, n) => new GLib.Variant('s', `${n}`));

        is_error(await thrown(() => pool.call('nothing', garbage.length)), Gmp.Error,
            Gmp.Error.NOT_FOUND, 'nothing');
    }
}));

test('kept-memory', () => with_pool({max_workers: 1}, async pool => {
    const size = 32 * 2 ** 20;
    const pid = await pool.call(functions.get_pid, new Uint8Array(size));

    await wait_until_freed(pid, size);
    equal((await pool.call(functions.make_bytes, size)).length, size);
    await wait_until_freed(pid, size);
    equal(await pool.call(functions.get_pid), pid);
}));

test('initializer', () => with_pool({max_workers: 1}, async pool => {
    pool.set_initializer(prepare, 'ready');
    equal(await pool.call(get_prepared, new Date(1)), ['ready', new Date(1)]);
}));

test('failures', () => with_pool({max_workers: 2}, async pool => {
    is_error(await thrown(() => pool.call(functions.fail)), Gmp.Error, Gmp.Error.FAILED,
        'TypeError', 'deep_in_it@file://');
    is_error(await thrown(() => pool.call(functions.fail_with_io_error)), Gio.IOErrorEnum,
        Gio.IOErrorEnum.NOT_EMPTY);

    // A death fails only its own call.
    const calls = [pool.call(die), pool.call(functions.increment, 1)];
    const [died, fine] = await Promise.allSettled(calls);

    is_error(died.reason, Gmp.Error, Gmp.Error.CRASHED, 'signal 9');
    equal(fine.value, 2);
    is_error(await thrown(() => pool.call(functions.echo, () => 1)), Gmp.Error,
        Gmp.Error.BAD_PAYLOAD, 'function');
    assert(await thrown(() => pool.call(Math.sqrt, 1)) instanceof TypeError, 'no TypeError');
}));

test('cancel', () => with_pool({max_workers: 1}, async pool => {
    const cancellable = new Gio.Cancellable();
    const call = pool.call(functions.wait_for_cancellation, null, cancellable);

    GLib.idle_add(GLib.PRIORITY_LOW, () => cancellable.cancel());
    is_error(await thrown(() => call), Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    equal(await pool.call(functions.increment, 1), 2);
}));

test('new', () => {
    const pool = Gmp.Pool.new(3);

    equal([pool.max_workers, pool.runtime], [3, 'gjs']);
    pool.close();
});

if (is_program)
    await run_tests();
