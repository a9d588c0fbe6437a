/* limits.js: resource limits, restarts, and the facts about a failure
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {assert, equal, is_error, run_tests, test, thrown} from './harness.js';

const CODE = import.meta.url.replace(/[^/]*$/, 'limited.js');
const here = name => Gmp.exported(CODE, name);

test('surroundings', () => {
    const workers = new Gmp.Workers({
        environment: ['GMP_TEST_ADDED=yes'],
        working_directory: '/usr',
    });

    workers.add(1, here('describe'));
    equal(workers.run(), new Map([[1, ['/usr', 'yes']]]));
});

test('wrong-options', async () => {
    const workers = new Gmp.Workers();
    const pool = new Gmp.Pool({max_workers: 2});
    const clients = new Gmp.ClientServer();
    const env = new Gmp.RemoteEnv({output_port: 7070, input_port: 8080});

    for (const [make, type, message] of [
        [() => new Gmp.Pool({max_workers: 'x'}), TypeError,
            "max_workers should be a number, not 'x'"],
        [() => new Gmp.Pool({'max-workers': -1}), RangeError, 'max_workers is -1: it should be'],
        [() => new Gmp.Pool({maxWorkers: 2.5}), RangeError, 'should be a whole number, not 2.5'],
        [() => Gmp.Pool.new(1e12), RangeError, 'max_workers is 1000000000000: it should be'],
        [() => new Gmp.Workers({run_timeout: NaN}), RangeError, 'run_timeout is NaN: it should be'],
        [() => new Gmp.Workers({max_restarts: -1}), RangeError, 'max_restarts is -1: it should be'],
        [() => (workers.runTimeout = '1'), TypeError, "run_timeout should be a number, not '1'"],
        [() => (workers.run_timeout = null), TypeError, 'run_timeout should be a number, not null'],
        [() => (workers.max_parallel = '3'), TypeError, "max_parallel should be a number, not '3'"],
        [() => (pool.idle_timeout = -1), RangeError, 'idle_timeout is -1: it should be at least 0'],
        [() => new Gmp.RemoteEnv({output_port: 1.5}), RangeError, 'should be a whole number'],
        [() => Gmp.RemoteEnv.new('127.0.0.1', 7070, 65536), RangeError,
            'input_port is 65536: it should be from 1 to 65535'],
        [() => (env.timeout = 'x'), TypeError, "timeout should be a number, not 'x'"],
        [() => (env.timeout = NaN), RangeError, 'timeout is NaN: it should be from 0'],
        [() => workers.add('a', here('describe')), TypeError,
            "id should be a whole number, not 'a'"],
        [() => workers.add(1.5, here('describe')), RangeError, 'id should be a whole number from'],
        [() => workers.set_params(2 ** 31, null), RangeError, 'id should be a whole number from'],
        [() => workers.run(7), TypeError, 'array of ids, as in [1, 2], not 7'],
        [() => workers.run_async(['a']), TypeError, "id should be a whole number, not 'a'"],
        [() => new Gmp.ClientServer().add_clients('2', here('Failing')), TypeError,
            "The number of clients should be a whole number, not '2'"],
        [() => workers.get_error(), TypeError, 'id should be a whole number, not undefined'],
        [() => workers.get_node(NaN), RangeError, 'id should be a whole number from'],
        [() => workers.run_again('1'), TypeError, "id should be a whole number, not '1'"],
        [() => workers.fail(2 ** 40, new Error('no')), RangeError, 'id should be a whole number'],
        [() => pool.get_node(-1), RangeError, 'The number of a worker should be a whole number'],
        [() => clients.get_error(null), TypeError, 'should be a string or a number, not null'],
        [() => clients.get_node(undefined), TypeError, 'a string or a number, not undefined'],
        [() => clients.set_params({}, 1), TypeError, 'a string or a number, not [object Object]'],
        [() => clients.receive(1.5), RangeError, 'The number of requests should be a whole number'],
        [() => clients.receive_async('all'), TypeError, "whole number, not 'all'"],
        [() => clients.receive(1, '2'), TypeError, "The time-out should be a number, not '2'"],
        [() => clients.receive_async(1, NaN), RangeError, 'The time-out should be a number'],
        [() => Gmp.SharedMemory.new(0.5), RangeError, 'The number of bytes should be a whole'],
        [() => Gmp.SharedMemory.new(-1), RangeError, 'The number of bytes should be a whole'],
    ]) {
        const error = await thrown(async () => make());

        assert(error instanceof type && error.message.includes(message), `${error}`);
    }
    equal([pool.max_workers, workers.run_timeout, workers.max_parallel], [2, 0, 0]);
    workers.run_timeout = 1.5;
    pool.max_workers = 3;
    env.timeout = 2;
    equal([env.host, env.output_port, env.input_port, env.timeout], ['127.0.0.1', 7070, 8080, 2]);
    equal([pool.max_workers, workers.run_timeout], [3, 1.5]);
});

test('wrong-texts', async () => {
    const workers = new Gmp.Workers();

    for (const [make, type, message] of [
        [() => (workers.affinity = '0,x'), RangeError,
            "affinity: '0,x' is not a list of processors: write it as 0 or 0,2-3"],
        [() => new Gmp.Workers({affinity: [0, 1]}), TypeError, 'affinity should be a string'],
        [() => new Gmp.Workers({launcher: 'slrum'}), RangeError,
            "launcher: The launcher 'slrum' is unknown"],
        [() => new Gmp.ClientServer({launcher: 'command:'}), RangeError, 'has no valid command'],
        [() => new Gmp.Pool({launcher: 'command:ssh "'}), RangeError, 'has no valid command'],
    ]) {
        const error = await thrown(async () => make());

        assert(error instanceof type && error.message.includes(message), `${error}`);
    }
    workers.affinity = '0';
    workers.launcher = null;
    equal([workers.affinity, workers.launcher], ['0', null]);
});

test('time-limit', async () => {
    const workers = new Gmp.Workers({run_timeout: 1, stop_grace: 0.01});

    workers.add(1, here('spin'));

    const error = await thrown(() => workers.run_async());

    is_error(error, Gmp.Error, Gmp.Error.TIMED_OUT, '(run-timeout)');
    equal(error.failures.map(failure => [failure.id, failure.signal, failure.exit_status]),
        [['1', 15, -1]]);
    assert(error.failures[0].run_time >= 1 && error.failures[0].peak_memory > 1e6,
        `it ran for ${error.failures[0].run_time}`);
});

test('exit-in-asynchronous-code', async () => {
    const workers = new Gmp.Workers();

    workers.add(1, here('exit_later'), 'default');
    workers.add(2, here('exit_later'), 'named');
    workers.add(3, here('exit_later'), 'legacy');
    workers.add(4, here('exit_in_callback'));

    const error = await thrown(() => workers.run_async());

    equal(error.failures.map(failure => failure.exit_status), [5, 5, 5, 5]);
});

test('restart', () => {
    const folder = GLib.dir_make_tmp(null);
    const workers = new Gmp.Workers({restart: Gmp.Restart.ON_FAILURE});
    const restarted = [];

    workers.connect('restarted', (_workers, id, failure) =>
        restarted.push([id, failure.exit_status]));
    workers.add(1, here('die_once'), `${folder}/there`);
    equal(workers.run(), new Map([[1, 'lives']]));
    equal(restarted, [[1, 3]]);
    GLib.unlink(`${folder}/there`);
    GLib.rmdir(folder);
});

test('client-failed', async () => {
    const application = Gmp.ClientServer.new(here('Informed'));

    application.new_worker('one', here('Failing'));
    is_error(await thrown(() => application.run()), Gmp.Error, Gmp.Error.FAILED,
        'RangeError: out of turn');

    const received = Gmp.unpack(application.get_server_result());

    assert(received.startsWith("one: Client 'one' (pid ") && received.includes('out of turn'),
        received);
});

const Application = GObject.registerClass(class Application extends Gmp.ClientServer {
    process(_id, request) {
        return request;
    }

    client_failed(id, reason) {
        this.received = [id, reason.code];
    }
});

test('application-is-informed', async () => {
    const application = new Application();

    application.new_worker('one', here('Failing'));
    is_error(await thrown(() => application.run()), Gmp.Error, Gmp.Error.FAILED);
    equal(application.received, ['one', Gmp.Error.FAILED]);
});

await run_tests();
