/* functions.js: functions that the tests run in workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';

Gmp.init(import.meta);

export const NUMBER = 7;

export function echo(params) {
    return params;
}

export function increment(params) {
    return params + 1;
}

export function nothing() {
}

export async function read_size(path) {
    const file = Gio.File.new_for_path(path);
    const info = await new Promise((resolve, reject) => {
        file.query_info_async('standard::size', 0, GLib.PRIORITY_DEFAULT, null,
            (_source, result) => {
            try {
                resolve(file.query_info_finish(result));
            } catch (error) {
                reject(error);
            }
        });
    });

    return info.get_size();
}

function deep_in_it(params) {
    return params.no.such.thing;
}

export function fail() {
    return deep_in_it({});
}

export async function fail_later() {
    await null;
    throw new RangeError('later');
}

export function fail_with_io_error() {
    throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.NOT_EMPTY, message: 'not empty at all'});
}

export function fail_with_string() {
    throw 'a mere string'; // eslint-disable-line no-throw-literal
}

export function fail_with_object() {
    throw {status: 404, of: ['x']}; // eslint-disable-line no-throw-literal
}

export function fail_with_nothing() {
    throw undefined; // eslint-disable-line no-throw-literal
}

export function fail_with_cause() {
    const inner = Object.assign(new TypeError('the inner one'), {code: 'ENOENT'});

    inner.cause = new GLib.Error(Gio.io_error_quark(), Gio.IOErrorEnum.EXISTS, 'the innermost');
    throw new Error('the outer one', {cause: inner});
}

export function fail_with_many() {
    const error = new AggregateError([new RangeError('the first'), 'the second'], 'all of them');

    error.cause = error;
    throw error;
}

/* Reading these values throws in turn. */
export function fail_with_getter() {
    throw Object.defineProperty(new RangeError('the real one'), 'more', {
        enumerable: true,
        get() {
            throw new Error('of no interest');
        },
    });
}

export function fail_with_symbols() {
    throw Object.assign(new RangeError(), {message: Symbol('the text'), errors: [Symbol('one')]});
}

export function fail_with_proxy() {
    const {proxy, revoke} = Proxy.revocable({}, {});

    revoke();
    throw proxy; // eslint-disable-line no-throw-literal
}

export function fail_with_refusals(_params) {
    const refuse = () => {
        throw new Error('refused');
    };
    const error = new SyntaxError('the real one');
    const properties = {get: refuse, configurable: true};

    Object.defineProperties(error, {fileName: properties, lineNumber: properties});
    error.errors = new Proxy([], {get: refuse});
    throw new Proxy(error, {ownKeys: refuse});
}

export function fail_with_many_causes() {
    let error = new Error('the innermost');

    for (let i = 0; i < 5000; i++)
        error = new Error(`the error ${i}`, {cause: error});
    throw error;
}

export function fail_with_number_for_stack() {
    throw Object.assign(new RangeError('the real one'), {stack: 5});
}

export function return_iterator() {
    return [1, 2][Symbol.iterator]();
}

export function fail_with_pickle() {
    return new GLib.Variant('(sayaay)', ['gmproc.pickle', [1], []]);
}

export function return_function() {
    return () => 1;
}

export function report_thrice() {
    for (let i = 1; i <= 3; i++)
        Gmp.Worker.report({done: i});
    return 'reported';
}

export function wait_for_cancellation() {
    Gmp.Worker.report('waiting');
    return new Promise(() => {});
}

export function start_workers() {
    const workers = new Gmp.Workers();

    workers.add(1, increment, 41);
    return workers.run().get(1);
}

/* The worker registers it. */
export class Squares extends Gmp.Workers {
    process(id, params) {
        return [id, params * params];
    }
}

export const RawSquares = GObject.registerClass(class RawSquares extends Gmp.Workers {
    vfunc_process(_id, params) {
        return GLib.Variant.new_int32(params.get_int32() ** 2);
    }
});

/* The processor time of this thread, in microseconds, so that other processes do not count. */
export function get_processor_time() {
    const [, text] = GLib.file_get_contents('/proc/thread-self/schedstat');

    return parseInt(new TextDecoder().decode(text)) / 1000;
}

/* The time that a worker needs to read its parameters, in microseconds. */
export const ReadingTime = GObject.registerClass(class ReadingTime extends Gmp.Workers {
    vfunc_process(_id, params) {
        let best = Infinity;

        for (let i = 0; i < 3; i++) {
            const begin = get_processor_time();

            Gmp.unpack(params);
            best = Math.min(best, get_processor_time() - begin);
        }
        return Gmp.pack(best);
    }
});

/* Values that exist only in JavaScript. */
export function everyday_values() {
    return {
        floats: new Float32Array([0.5, 2]),
        map: new Map([['10', 1]]),
        big: 5n,
        date: new Date(0),
        set: new Set([1]),
    };
}

export function report_everyday_values() {
    Gmp.Worker.report(everyday_values());
}

export class EverydayValues extends Gmp.Workers {
    process(_id, _params) {
        return everyday_values();
    }
}

export function get_pid() {
    return new Gio.Credentials().get_unix_pid();
}

export function make_bytes(n) {
    return new Uint8Array(n);
}

/* Each turn has a value. */
export class PidOfTurns extends Gmp.Workers {
    start() {
        this.n_turns = 0;
    }

    process(_id, params) {
        return params.subarray(1);
    }

    done() {
        return ++this.n_turns === 2;
    }

    finish() {
        return get_pid();
    }
}

export function get_variable(name) {
    return GLib.getenv(name);
}

export function get_folder() {
    return GLib.get_current_dir();
}
