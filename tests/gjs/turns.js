/* turns.js: classes of workers, in the worker and in the application
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {assert, equal, is_error, no_children, run_tests, test, thrown} from './harness.js';
import * as functions from './functions.js';

const is_program = Gmp.init(import.meta);

/* Records the called methods in the worker, and the results in the application. */
export class Turns extends Gmp.Workers {
    start(id, params) {
        assert(!is_program, 'start() was called in the application');
        this.left = params.turns;
        this.trace = [['start', id, params]];
    }

    process(id, params) {
        this.left--;
        this.trace.push(['process', id]);
        if (params.fails === 'process')
            throw new RangeError('no turn today');
        return this.trace.map(([name]) => name).join(' ');
    }

    wait(id) {
        this.trace.push(['wait', id]);
    }

    done(id) {
        this.trace.push(['done', id]);
        return this.left === 0;
    }

    update(id, result) {
        assert(is_program, 'update() was called in the worker');
        this.seen ??= [];
        this.seen.push([id, result]);
        if (id === this.refused)
            throw new RangeError(`no room for ${id}`);
    }
}

const Registered = GObject.registerClass(Turns);

test('six-methods', async () => {
    for (const run of [workers => workers.run(), workers => workers.run_async()]) {
        const workers = new Turns();
        const turns = [];

        workers.connect('turn', (_workers, id, value) => turns.push([id, Gmp.unpack(value)]));
        workers.add(1, Turns, {turns: 3});
        workers.add(2, null, {turns: 1});
        equal(new Map([...await run(workers)].sort()), new Map([
            [1, 'start process done wait process done wait process'], [2, 'start process'],
        ]));

        const expected = ['start process', 'start process done wait process',
            'start process done wait process done wait process'].map(text => [1, text]);

        equal(workers.seen.filter(([id]) => id === 1), expected);
        equal(workers.seen.filter(([id]) => id === 2), [[2, 'start process']]);
        // A single turn is the result itself.
        equal(turns, expected);
    }
    assert(Registered === Turns, 'registering makes another class');
});

export class Finishing extends Turns {
    finish(id) {
        return [id, this.trace];
    }
}

test('finish', () => {
    const workers = new Gmp.Workers();
    const turns = [];

    workers.connect('turn', (_workers, id, value) => turns.push([id, Gmp.unpack(value)]));
    workers.add(7, Finishing, {turns: 1});
    equal(workers.run(), new Map([[7,
        [7, [['start', 7, {turns: 1}], ['process', 7], ['done', 7]]]]]));
    equal(turns, [[7, 'start process']]);
});

/* All methods return promises, and update is not overridden. */
export const Async = class extends Gmp.Workers {
    async start(_id, params) {
        await null;
        this.left = params;
    }

    async process(_id, _params) {
        await null;
        return new Date(this.left--);
    }

    async done() {
        await null;
        return this.left === 0;
    }

    async wait() {
        await new Promise(resolve => GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        }));
    }

    async finish() {
        await null;
        return null;
    }
};

test('async-methods', () => {
    const workers = new Gmp.Workers();

    workers.add(1, Async, 3);
    equal(workers.run(), new Map([[1, new Date(1)]]));
});

/* The usual way in GJS; without a registered name. */
export const Raw = GObject.registerClass(class extends Gmp.Workers {
    vfunc_start(_id, params) {
        this._left = params.get_int32();
        return true;
    }

    vfunc_process(id, params) {
        return GLib.Variant.new_int32(100 * id + 10 * params.get_int32() + this._left--);
    }

    vfunc_done(_id) {
        return this._left === 0;
    }

    vfunc_finish(id) {
        return id === 2 ? GLib.Variant.new_string('two') : null;
    }

    vfunc_update(id, result) {
        this.seen ??= [];
        this.seen.push([id, result.unpack()]);
    }

    // In a class with virtual methods, other names are its own.
    wait() {
        throw new Error('wait() is not called');
    }
});

test('virtual-methods', () => {
    const workers = Raw.new();

    workers.max_parallel = 1;
    workers.add(1, null, 3);
    workers.add(2, null, 1);
    equal(workers.run(), new Map([[1, 131], [2, 'two']]));
    equal(workers.seen, [[1, 133], [1, 132], [1, 131], [2, 211]]);
});

test('inherited-methods', () => {
    const workers = new Finishing2();

    workers.add(1, null, {turns: 2});
    equal(workers.run(), new Map([[1, 'start process done wait process']]));
    equal(workers.seen.length, 2);
});

const Finishing2 = GObject.registerClass(class Finishing2 extends Finishing {
    start(id, params) {
        super.start(id, params);
    }

    update(id, result) {
        super.update(id, result);
    }

    wait(id) {
        super.wait(id);
    }

    finish(id) {
        // The method of the base class: the last turn is the result.
        return Gmp.Workers.prototype.finish.call(this, id);
    }
});

export {Finishing2 as Inherited};

test('errors', async () => {
    const workers = new Turns();

    workers.add(1, null, {turns: 1, fails: 'process'});
    is_error(await thrown(() => workers.run()), Gmp.Error, Gmp.Error.FAILED,
        'RangeError: no turn today', 'process@file://', 'turns.js:');
    workers.refused = 2;
    workers.add(2, null, {turns: 1000000});
    is_error(await thrown(() => workers.run([2])), Gmp.Error, Gmp.Error.FAILED,
        'RangeError: no room for 2', 'update@file://');
    equal(workers.seen.length, 1);
});

export const WithoutProcess = GObject.registerClass(class WithoutProcess extends Gmp.Workers {
});

export const AsyncUpdate = GObject.registerClass(class AsyncUpdate extends Gmp.Workers {
    process() {
        return 1;
    }

    async update() {
        await null;
    }
});

test('misuse', async () => {
    const without = new WithoutProcess();

    without.add(1);
    is_error(await thrown(() => without.run()), Gmp.Error, Gmp.Error.NOT_FOUND,
        'does not override process');
    is_error(await thrown(() => new Gmp.Workers().add(1)), Gmp.Error, Gmp.Error.NOT_FOUND,
        'Worker 1 has no function');

    const waiting = new AsyncUpdate();

    waiting.add(1);
    is_error(await thrown(() => waiting.run()), Gmp.Error, Gmp.Error.FAILED, 'must not be async');
});

/* Ends the worker in a turn, or waits to be cancelled. */
export class Dying extends Gmp.Workers {
    process(_id, params) {
        if (params === 'die')
            Gio.Subprocess.new(['kill', '-KILL', `${new Gio.Credentials().get_unix_pid()}`], 0)
                .wait(null);
        return 'a turn';
    }

    done() {
        return false;
    }

    wait() {
        return new Promise(() => {});
    }
}

test('death-and-cancel', async () => {
    const workers = new Gmp.Workers();
    const cancellable = new Gio.Cancellable();

    workers.add(1, Dying, 'die');
    is_error(await thrown(() => workers.run_async()), Gmp.Error, Gmp.Error.CRASHED, 'signal 9');
    workers.add(2, Dying);
    workers.connect('turn', () => cancellable.cancel());
    is_error(await thrown(() => workers.run_async([2], cancellable)), Gio.IOErrorEnum,
        Gio.IOErrorEnum.CANCELLED);
});

export function* count(n) {
    for (let i = 1; i <= n; i++)
        yield i;
    return n > 2 ? {counted: n} : undefined;
}

export async function* count_later(folder) {
    try {
        for (let i = 1; ; i++) {
            await null;
            yield [i];
        }
    } finally {
        GLib.mkdir_with_parents(`${folder}/ended`, 0o700);
    }
}

export function* fail_after_one() {
    yield 1;
    throw new RangeError('no more');
}

test('generators', async () => {
    const workers = new Gmp.Workers();
    const turns = [];

    workers.connect('turn', (_workers, id, value) => turns.push([id, Gmp.unpack(value)]));
    workers.add(1, count, 3);
    workers.add(2, count, 2);
    workers.add(3, count, 0);
    equal(new Map([...await workers.run_async()].sort()),
        new Map([[1, {counted: 3}], [2, 2], [3, null]]));
    equal(turns.sort(), [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2]]);
    workers.add(4, fail_after_one);
    is_error(await thrown(() => workers.run([4])), Gmp.Error, Gmp.Error.FAILED,
        'RangeError: no more');
});

test('generator-ends', async () => {
    const folder = GLib.dir_make_tmp(null);
    const workers = new Gmp.Workers();
    const cancellable = new Gio.Cancellable();

    workers.connect('turn', (_workers, _id, value) => {
        if (Gmp.unpack(value)[0] === 3)
            cancellable.cancel();
    });
    workers.add(1, count_later, folder);
    is_error(await thrown(() => workers.run_async(null, cancellable)), Gio.IOErrorEnum,
        Gio.IOErrorEnum.CANCELLED);
    equal(GLib.rmdir(`${folder}/ended`), 0, 'what rmdir returned');
    GLib.rmdir(folder);
});

/* In one process, from two modules. */
test('same-names', async () => {
    const workers = new Gmp.Workers({reuse: true, max_parallel: 1});

    workers.add(1, Squares);
    workers.add(2, functions.Squares, 3);
    equal(workers.run(), new Map([[1, 'other squares'], [2, [2, 9]]]));
    workers.reuse = false;
    await no_children();
});

export class Squares extends Gmp.Workers {
    process() {
        return 'other squares';
    }
}

if (is_program)
    await run_tests();
