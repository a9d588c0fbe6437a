/* workers.js: functions in workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {
    assert, equal, is_error, no_children, run_tests, test, thrown, wait_until_freed,
} from './harness.js';
import * as functions from './functions.js';

const FUNCTIONS = import.meta.url.replace(/[^/]*$/, 'functions.js');
const NATIVE = GLib.getenv('GMPROC_TEST_NATIVE');

/* More bytes than the private memory of a GJS process. */
const BIG = 32 * 2 ** 20;

function target(name) {
    return functions[name] ?? Gmp.exported(FUNCTIONS, name);
}

function workers_for(...names) {
    const workers = new Gmp.Workers();

    names.forEach((name, i) => workers.add(i + 1, target(name), i + 1));
    return workers;
}

async function failure_of(name) {
    const error = await thrown(() => workers_for(name).run_async());

    assert(error.message.includes("'1'"), `no id in: ${error.message}`);
    return error;
}

test('exported', async () => {
    equal(Gmp.exported(import.meta, functions.echo), `gjs:${import.meta.url}#echo`);
    equal(Gmp.exported('file:///a.js', 'b'), 'gjs:file:///a.js#b');
    for (const wrong of [[import.meta, () => 1], [import.meta], [null, 'a'], [7, 'a']])
        assert(await thrown(() => Gmp.exported(...wrong)) instanceof TypeError, 'no TypeError');
});

test('run', () => {
    const workers = workers_for('increment', 'echo', 'nothing');

    equal(workers.run(), new Map([[1, 2], [2, 2], [3, null]]));
    workers.set_params(1, 41);
    equal(workers.run([1]), new Map([[1, 42]]));
    equal(workers.run(new Set([2])), new Map([[2, 2]]));
});

test('everyday-values', () => {
    const everyday = functions.everyday_values();
    const results = new Map([[1, everyday], [2, everyday]]);

    for (const workers of [new Gmp.Workers(), Gmp.Workers.new()]) {
        workers.add(1, target('everyday_values'));
        workers.add(2, target('EverydayValues'));
        equal(workers.run(), results);
    }
});

test('run-async', async () => {
    const workers = workers_for('increment', 'echo');
    let n_turns = 0;
    const source = GLib.idle_add(GLib.PRIORITY_LOW, () => ++n_turns);

    equal(await workers.run_async([2, 1]), new Map([[2, 2], [1, 2]]));
    GLib.source_remove(source);
    assert(n_turns > 0, 'the main loop did not run meanwhile');
});

test('callback', async () => {
    const workers = workers_for('increment');
    const variant = await new Promise(resolve => {
        workers.run_async(null, null, (_source, result) => resolve(workers.run_finish(result)));
    });

    equal(variant.print(true), '{1: <2>}');
});

test('url', () => {
    const workers = new Gmp.Workers();

    workers.add(1, `${FUNCTIONS}#increment`, 1);
    equal(workers.run(), new Map([[1, 2]]));
});

test('values', () => {
    const value = {
        text: 'é', list: [1, null, {a: 2.5}], bytes: new Uint8Array([1, 2]), big: 2n ** 62n,
        floats: new Float64Array([0.5]), map: new Map([[1, 'a'], ['b', 2n]]), when: new Date(5),
        set: new Set(['x']), buffer: new ArrayBuffer(2), pattern: /x/g, error: new EvalError('e'),
        singles: new Float32Array([0.5]), none: undefined,
    };
    const workers = new Gmp.Workers();

    workers.add(1, target('echo'), value);
    workers.add(2, target('echo'), new GLib.Variant('(si)', ['a', 1]));
    workers.add(3, target('echo'), new Uint8Array(20 * 1024 * 1024).fill(7));
    workers.add(4, target('echo'));

    const results = workers.run();

    equal(results.get(1), value);
    equal(results.get(2), ['a', 1]);
    assert(results.get(3).length === 20 * 1024 * 1024 && results.get(3).every(byte => byte === 7),
        'a big array is not what it was');
    equal(results.get(4), null);
});

/* The processor's time to read a value in a worker, beside the time to create it here. */
function compare_times(make) {
    const workers = new Gmp.Workers();
    const begin = functions.get_processor_time();
    const variant = make();
    const making = functions.get_processor_time() - begin;

    workers.add(1, functions.ReadingTime, variant);
    return workers.run().get(1) / making;
}

/* Reading takes time in proportion to the size, whatever the type. What else runs on this machine
 * may slow down one of the two, but not each time. */
test('reading-time', () => {
    const names = n => Array.from({length: n}, (_, i) => `name ${i}`);
    const many = names(100000);
    const numbered = Object.fromEntries(names(300000).map((name, i) => [name, i]));
    const encoder = new TextEncoder();
    const makers = [
        () => new GLib.Variant('as', many),
        () => new GLib.Variant('aay', many.map(name => encoder.encode(name))),
        () => Gmp.pack(names(200000)),
        () => Gmp.pack(numbered),
    ];

    for (const make of makers) {
        let ratio = compare_times(make);

        for (let i = 0; i < 2 && ratio >= 3; i++)
            ratio = compare_times(make);
        assert(ratio < 3, `${make}: reading takes ${ratio} times as long as making`);
    }
});

test('async-function', () => {
    const workers = new Gmp.Workers();
    const [path] = GLib.filename_from_uri(FUNCTIONS);
    const [, bytes] = GLib.file_get_contents(path);

    workers.add(1, target('read_size'), path);
    workers.add(2, target('read_size'), `${path}.not.there`);

    const {results} = (() => {
        try {
            return {results: workers.run()};
        } catch (error) {
            is_error(error, Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, "'2'");
            return error;
        }
    })();

    equal(results, new Map([[1, bytes.length]]));
});

test('none', async () => {
    const workers = workers_for('increment', 'increment');

    equal(workers.run([]), new Map());
    equal(await workers.run_async([]), new Map());
    equal(await workers.run_async(new Set()), new Map());
    equal([...workers.run(null).keys()], [1, 2]);
    equal(workers.run([2]).size, 1);
});

test('reuse', async () => {
    const workers = new Gmp.Workers({reuse: true, max_parallel: 1});

    for (let id = 0; id < 5; id++)
        workers.add(id, target('increment'), id);
    for (let turn = 0; turn < 3; turn++)
        equal([...workers.run()].length, 5);
    // The kept process ends by itself.
    workers.reuse = false;
    await no_children();
});

test('kept-memory', async () => {
    const workers = new Gmp.Workers({reuse: true, max_parallel: 1});

    workers.add(1, target('get_pid'), new Uint8Array(BIG));
    workers.add(2, target('make_bytes'), BIG);
    workers.add(3, target('PidOfTurns'), new Uint8Array(BIG));
    workers.add(4, target('fail'), new Uint8Array(BIG));

    const pid = workers.run([1]).get(1);

    await wait_until_freed(pid, BIG);
    equal(workers.run([2]).get(2).length, BIG);
    await wait_until_freed(pid, BIG);
    equal(workers.run([3]).get(3), pid);
    await wait_until_freed(pid, BIG);
    await thrown(() => workers.run([4]));
    await wait_until_freed(pid, BIG);
    workers.set_params(1, null);
    equal(workers.run([1]).get(1), pid);
    workers.reuse = false;
    await no_children();
});

test('errors', async () => {
    let error = await failure_of('fail');

    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'TypeError', 'deep_in_it@file://',
        'functions.js:');
    for (const internal of ['host.js', 'calls.js', 'settle.js'])
        assert(!error.message.includes(internal),
            `${internal} is of no interest: ${error.message}`);
    error = await failure_of('fail_later');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'RangeError: later', 'functions.js:');
    error = await failure_of('fail_with_io_error');
    is_error(error, Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_EMPTY, 'not empty at all');
    error = await failure_of('fail_with_string');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'a mere string');
    error = await failure_of('fail_with_object');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, '{"status":404,"of":["x"]}');
    error = await failure_of('fail_with_nothing');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'undefined was thrown');
    error = await failure_of('fail_with_cause');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'Error: the outer one', 'Caused by:',
        'TypeError: the inner one', 'code: "ENOENT"', 'fail_with_cause@file://', 'the innermost');
    assert(!error.message.includes('cause: '), `The cause is shown twice: ${error.message}`);
    error = await failure_of('fail_with_many');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'AggregateError: all of them',
        'RangeError: the first', 'the second', '(see above)');
    error = await failure_of('fail_with_getter');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'RangeError: the real one', 'more: ');
    error = await failure_of('fail_with_symbols');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'Error: Symbol(the text)', 'Symbol(one)');
    error = await failure_of('fail_with_proxy');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'cannot be read was thrown');
    error = await failure_of('fail_with_refusals');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'SyntaxError: the real one');
    error = await failure_of('fail_with_many_causes');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'the error 4999', 'causes are left out');
    error = await failure_of('fail_with_number_for_stack');
    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'RangeError: the real one');
    error = await failure_of('return_iterator');
    is_error(error, Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'type Array Iterator');
    error = await failure_of('return_function');
    is_error(error, Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'function');
    error = await thrown(() => workers_for('fail_with_pickle').run_async());
    is_error(error, Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'gmproc.pickle');
});

test('partial-results', async () => {
    const workers = workers_for('increment', 'fail', 'echo');

    for (const run of [() => workers.run(), () => workers.run_async()]) {
        const error = await thrown(run);

        is_error(error, Gmp.Error, Gmp.Error.FAILED, "'2'");
        equal(error.results, new Map([[1, 2], [3, 3]]));
        is_error(workers.get_error(2), Gmp.Error, Gmp.Error.FAILED, 'TypeError');
        equal(workers.get_error(1), null);
    }
});

test('not-found', async () => {
    const not_found = async (wrong, ...words) => {
        const workers = new Gmp.Workers();

        workers.add(1, wrong);
        is_error(await thrown(() => workers.run()), Gmp.Error, Gmp.Error.NOT_FOUND, ...words);
    };

    await not_found(target('no_such_name'), 'no_such_name', FUNCTIONS);
    await not_found(target('deep_in_it'), 'deep_in_it', FUNCTIONS);
    await not_found(Gmp.exported(FUNCTIONS, 'NUMBER'), 'NUMBER', 'not a function');
    await not_found('gjs:file:///no/such/module.js#name', 'file:///no/such/module.js');
    await not_found(`gjs:${FUNCTIONS}`, FUNCTIONS, 'gjs:file:///path/module.js#name');
    is_error(await thrown(() => workers_for().run([7])), Gmp.Error, Gmp.Error.NOT_FOUND, '7');
});

test('bad-modules', async () => {
    const workers = new Gmp.Workers();

    workers.add(1, `${FUNCTIONS.replace('functions.js', 'broken.js')}#work`);
    is_error(await thrown(() => workers.run()), Gmp.Error, Gmp.Error.FAILED, 'SyntaxError',
        'broken.js:8');

    const unguarded = new Gmp.Workers();

    unguarded.add(1, `${FUNCTIONS.replace('functions.js', 'unguarded.js')}#work`);
    is_error(await thrown(() => unguarded.run()), Gmp.Error, Gmp.Error.FAILED, 'unguarded.js',
        'if (Gmp.init(import.meta))');
});

test('misuse', async () => {
    const workers = new Gmp.Workers();
    is_error(await thrown(() => workers.add(1, target('echo'), () => 1)), Gmp.Error,
        Gmp.Error.BAD_PAYLOAD, 'function');
    workers.add(1, target('echo'));
    is_error(await thrown(() => workers.add(1, target('echo'))), Gmp.Error, Gmp.Error.EXISTS, '1');
    is_error(await thrown(() => workers.set_params(2, null)), Gmp.Error, Gmp.Error.NOT_FOUND, '2');
    is_error(await thrown(() => Gmp.Worker.report(1)), Gmp.Error, Gmp.Error.NOT_FOUND);
});

test('progress', () => {
    const workers = workers_for('report_thrice');
    const seen = [];

    workers.connect('progress', (_workers, id, value) => seen.push([id, Gmp.unpack(value)]));
    workers.connect('result', (_workers, id, value) => seen.push([id, Gmp.unpack(value)]));
    workers.run();
    equal(seen, [[1, {done: 1}], [1, {done: 2}], [1, {done: 3}], [1, 'reported']]);
});

test('cancel', async () => {
    const workers = workers_for('wait_for_cancellation');
    const cancellable = new Gio.Cancellable();

    workers.connect('progress', () => cancellable.cancel());
    is_error(await thrown(() => workers.run_async(null, cancellable)), Gio.IOErrorEnum,
        Gio.IOErrorEnum.CANCELLED);
});

test('workers-in-a-worker', () => {
    equal(workers_for('start_workers').run(), new Map([[1, 42]]));
});

const Collector = GObject.registerClass(class Collector extends Gmp.Workers {
    update(id, result) {
        this.seen ??= [];
        this.seen.push([id, result]);
        if (result[1] === 49)
            throw new RangeError('no sevens');
    }
});

test('subclass', async () => {
    const workers = new Collector();

    workers.add(3, target('Squares'), 5);
    equal(workers.run(), new Map([[3, [3, 25]]]));
    equal(workers.seen, [[3, [3, 25]]]);
    workers.set_params(3, 7);
    is_error(await thrown(() => workers.run()), Gmp.Error, Gmp.Error.FAILED,
        'RangeError: no sevens',
        'workers.js:');

    const raw = new Gmp.Workers();

    raw.add(1, target('RawSquares'), 4);
    equal(raw.run(), new Map([[1, 16]]));
});

test('native', async () => {
    const workers = new Gmp.Workers();

    workers.add(1, `native:${NATIVE}:test_increment`, 1);
    workers.add(2, target('increment'), 2);
    equal(workers.run(), new Map([[1, 2], [2, 3]]));
    workers.add(3, `native:${NATIVE}:test_fail`);
    is_error(await thrown(() => workers.run([3])), Gio.IOErrorEnum, Gio.IOErrorEnum.BUSY, 'in C');
    workers.add(4, `native:${NATIVE}:no_such_symbol`);
    is_error(await thrown(() => workers.run([4])), Gmp.Error, Gmp.Error.NOT_FOUND,
        'no_such_symbol');
});

await run_tests();
