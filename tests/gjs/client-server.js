/* client-server.js: servers and clients
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {assert, equal, is_error, run_tests, test, thrown} from './harness.js';
import * as peers from './peers.js';

const PEERS = import.meta.url.replace(/[^/]*$/, 'peers.js');
const NATIVE = GLib.getenv('GMPROC_TEST_NATIVE');
const NATIVE_CLIENT = `native:${NATIVE}:test_client_get_type`;
const PYTHON_PEERS = `python:${GLib.filename_from_uri(PEERS)[0].replace(/js$/, 'py')}`;

function target(name) {
    return peers[name] ?? Gmp.exported(PEERS, name);
}

function application_with(server, ...clients) {
    const application = Gmp.ClientServer.new(target(server));

    clients.forEach((client, i) => application.new_worker(`${i}`, target(client), 10 * i));
    return application;
}

test('run', () => {
    const application = application_with('Server', 'Client', 'Client');

    equal(application.run('its params'), new Map([['0', 3], ['1', 13]]));
    equal(Gmp.unpack(application.server_result),
        {params: 'its params', n_requests: 6, ids: ['0', '1']});
    equal(application.run(), new Map([['0', 3], ['1', 13]]));
});

test('run-async', async () => {
    const application = application_with('Server', 'Client');
    let n_turns = 0;
    const source = GLib.idle_add(GLib.PRIORITY_LOW, () => ++n_turns);

    equal(await application.run_async({a: 1}), new Map([['0', 3]]));
    GLib.source_remove(source);
    assert(n_turns > 0, 'the main loop did not run meanwhile');
    equal(Gmp.unpack(application.server_result).params, {a: 1});

    const variant = await new Promise(resolve => {
        application.run_async(null, null, (_source, result) => resolve(
            application.run_finish(result)));
    });

    equal(variant.print(true), "{'0': <3>}");
});

test('virtual-methods', () => {
    equal(application_with('RawServer', 'RawClient', 'Client').run(),
        new Map([['0', 3], ['1', 13]]));
    equal(application_with('Server', 'RawClient').run(), new Map([['0', 3]]));
});

test('async-methods', () => {
    equal(application_with('AsyncServer', 'AsyncClient', 'Client').run(),
        new Map([['0', 3], ['1', 13]]));
});

test('messages', () => {
    const values = [
        null, true, 1.5, 'é', [], [1, [null]], {a: {b: 'c'}}, new Uint8Array([1, 2]),
        new Float64Array([0.5]), 2n ** 62n, new Map([[1, 'one']]), new Uint8Array(300000),
        new Date(7), new Set([new Map([['a', 5n]])]), {error: new TypeError('t')},
    ];
    const application = Gmp.ClientServer.new(target('Echo'));

    application.new_worker('sender', target('Sender'), values);
    equal(application.run(), new Map([['sender', values]]));
});

test('ids', async () => {
    const application = Gmp.ClientServer.new(target('Echo'));

    application.new_worker(7, target('Named'));
    application.new_worker('seven', target('Named'));
    equal(application.run(), new Map([[7, ['7', '7', 'gjs']],
        ['seven', ['seven', 'seven', 'gjs']]]));
    is_error(await thrown(() => application.new_worker('7', target('Named'))), Gmp.Error,
        Gmp.Error.EXISTS, '7');
    for (const id of [undefined, null, true, ['a'], Symbol('a'), 'a\0b']) {
        const error = await thrown(() => application.add_client(id, target('Named')));

        assert(error.message.startsWith("A client's id "), `${error}`);
    }
});

test('new-workers', () => {
    const application = Gmp.ClientServer.new(target('Server'));

    application.new_workers(3, target('Client'), 1);
    equal(application.run(), new Map([['0', 4], ['1', 4], ['2', 4]]));
});

test('add-clients-all-or-none', async () => {
    const application = Gmp.ClientServer.new(target('Server'));

    application.add_client('1', target('Client'), 10);
    is_error(await thrown(() => application.add_clients(3, target('Client'), 1)), Gmp.Error,
        Gmp.Error.EXISTS, "'1'");
    equal(application.run(), new Map([['1', 13]]));
});

test('server-done', () => {
    equal(application_with('Impatient', 'Patient', 'Patient').run(),
        new Map([['0', 'finished'], ['1', 'finished']]));
});

test('failing-client', async () => {
    const application = application_with('Server', 'Failing', 'Client');
    const error = await thrown(() => application.run_async());

    is_error(error, Gmp.Error, Gmp.Error.FAILED, "'0'", 'EvalError: no update today',
        'update@file://', 'peers.js:');
    equal(error.results, new Map([['1', 13]]));
    is_error(application.get_error('0'), Gmp.Error, Gmp.Error.FAILED, 'EvalError');
});

test('failing-virtual-method', async () => {
    const error = await thrown(() => application_with('Server', 'RawFailing').run());

    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'TypeError', 'vfunc_process@file://', 'peers.js:');
    assert(!error.message.includes('calls.js'), `calls.js is of no interest: ${error.message}`);
});

test('failing-server', async () => {
    is_error(await thrown(() => application_with('FailingServer', 'Client').run()), Gio.IOErrorEnum,
        Gio.IOErrorEnum.NO_SPACE, 'no room');
    is_error(await thrown(() => application_with('PickleServer', 'Client').run()), Gmp.Error,
        Gmp.Error.BAD_PAYLOAD, 'gmproc.pickle');
});

test('methods-as-fields', async () => {
    const failed = async (server, client, ...words) => {
        is_error(await thrown(() => application_with(server, client).run()), Gmp.Error,
            Gmp.Error.FAILED, ...words);
    };

    await failed('Server', 'FieldClient', "Client '0'", "FieldClient has 'done' as a field");
    await failed('FieldServer', 'Client', "FieldServer has 'process' as a field");
    equal(application_with('WrappingServer', 'Client').run(),
        application_with('Server', 'Client').run());
});

test('not-found', async () => {
    const not_found = async (server, client, ...words) => {
        const application = Gmp.ClientServer.new(server);

        application.new_worker('c', client);
        is_error(await thrown(() => application.run()), Gmp.Error, Gmp.Error.NOT_FOUND, ...words);
    };

    await not_found(target('Nobody'), target('Client'), 'Nobody', PEERS);
    await not_found(target('Server'), target('NoWorker'), 'NoWorker', 'Gmp.ClientWorker');
    await not_found(target('Client'), target('Client'), 'server');
    await not_found(target('Server'), 'gjs:file:///no/such.js#Client', 'file:///no/such.js');
});

test('progress', () => {
    const application = application_with('Server', 'Reporter');
    const seen = [];

    application.connect('progress', (_application, id, value) =>
        seen.push([id, Gmp.unpack(value)]));
    application.connect('result', (_application, id, value) => seen.push([id, Gmp.unpack(value)]));
    application.run();
    equal(seen, [['0', ['0', 1]], ['0', ['0', 2]], ['0', ['0', 3]], ['0', 3]]);
});

/* The application as server. */
const Serving = GObject.registerClass(class Serving extends Gmp.ClientServer {
    start(params) {
        this.log = [['start', params]];
        this.n_requests = 0;
        this.reports = [];
    }

    process(_id, request) {
        this.n_requests++;
        return request + 1;
    }

    wait() {
        this.log.push(['wait', this.n_requests]);
    }

    update(id, progress) {
        this.reports.push([id, progress]);
    }

    finish() {
        return {n_requests: this.n_requests};
    }
});

test('application-as-server', async () => {
    const application = new Serving();

    application.new_worker('a', target('Reporter'), 0);
    application.new_worker('b', NATIVE_CLIENT, 10);
    for (const run of [params => application.run(params), params =>
        application.run_async(params)]) {
        equal(new Map([...await run(['x'])].sort()), new Map([['a', 3], ['b', 13]]));
        equal(application.log, [['start', ['x']], ...[1, 2, 3, 4, 5, 6].map(n => ['wait', n])]);
        equal(application.reports, [['a', ['a', 1]], ['a', ['a', 2]], ['a', ['a', 3]]]);
        equal(Gmp.unpack(application.server_result), {n_requests: 6});
    }
    equal(application.runtime, 'gjs');
});

const RawServing = GObject.registerClass(class RawServing extends Gmp.ClientServer {
    vfunc_process(_id, request) {
        return GLib.Variant.new_int32(request.get_int32() + 1);
    }
});

const FailingServing = GObject.registerClass(class FailingServing extends Gmp.ClientServer {
    process(_id, request) {
        return request.no.such;
    }
});

const AsyncServing = GObject.registerClass(class AsyncServing extends Gmp.ClientServer {
    async process(_id, request) {
        await null;
        return request;
    }
});

test('application-as-server-otherwise', async () => {
    const application = new RawServing();

    application.new_worker('a', target('Client'), 0);
    equal(application.run(), new Map([['a', 3]]));
    for (const [type, ...words] of [
        [FailingServing, 'TypeError', 'client-server.js:'], [AsyncServing, 'must not be async'],
    ]) {
        const failing = new type();

        failing.new_worker('a', target('Client'), 0);
        is_error(await thrown(() => failing.run()), Gmp.Error, Gmp.Error.FAILED, ...words);
    }
});

test('native', () => {
    const mixed = Gmp.ClientServer.new(`native:${NATIVE}:test_server_get_type`);

    mixed.new_worker('js', target('Client'), 0);
    mixed.new_worker('c', NATIVE_CLIENT, 10);
    equal(mixed.run(), new Map([['js', 3], ['c', 13]]));

    const served = Gmp.ClientServer.new(target('Server'));

    served.new_worker('c', NATIVE_CLIENT, 10);
    equal(served.run(), new Map([['c', 13]]));
});

test('python', () => {
    const server = Gmp.ClientServer.new(`${PYTHON_PEERS}:Server`);

    server.new_worker('js', target('Client'), 0);
    server.new_worker('python', `${PYTHON_PEERS}:Client`, 10);
    equal(server.run(), new Map([['js', 3], ['python', 13]]));

    const client = Gmp.ClientServer.new(target('Server'));

    client.new_worker('python', `${PYTHON_PEERS}:Client`, 10);
    equal(client.run(), new Map([['python', 13]]));
});

test('python-values', () => {
    const values = [
        null, true, 1.5, 'é', [], [1, [null]], {a: {b: 'c'}}, new Uint8Array([1, 2]), 2n ** 62n,
        new Map([[1, 'one']]),
    ];
    const application = Gmp.ClientServer.new(`${PYTHON_PEERS}:Echo`);

    application.new_worker('sender', target('Sender'), values);
    equal(application.run(), new Map([['sender', values]]));
});

test('python-objects', async () => {
    // Sent to Python as the nearest type that it has. Python echoes the received value, with its
    // type.
    const values = [new Date(0), new Set([1]), new Map([['a', 1]]), new ArrayBuffer(1), 5n];
    const application = Gmp.ClientServer.new(`${PYTHON_PEERS}:Echo`);

    application.new_worker('sender', target('Sender'), values);
    equal(application.run(), new Map([['sender',
        ['1970-01-01T00:00:00.000Z', [1], {a: 1}, new Uint8Array(1), 5]]]));

    const refused = Gmp.ClientServer.new(`${PYTHON_PEERS}:Echo`);

    refused.new_worker('sender', target('Sender'), [/x/]);
    is_error(await thrown(() => refused.run()), Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'RegExp',
        'another language');
    refused.set_params('sender', [1]);
    equal(refused.run().has('sender'), true);
    is_error(await thrown(() => refused.set_params('nobody', 1)), Gmp.Error, Gmp.Error.NOT_FOUND,
        'nobody');

    const workers = new Gmp.Workers();

    workers.add(1, `${PYTHON_PEERS}:describe`, new Float32Array([0.5]));
    workers.set_params(1, {when: new Date(0)});
    equal(workers.run().get(1), "{'when': '1970-01-01T00:00:00.000Z'}");
});

test('python-function', async () => {
    const workers = new Gmp.Workers();

    workers.add(1, `${PYTHON_PEERS}:describe`, {list: [1, 2.5, 'three'], nothing: null});
    workers.add(2, `${PYTHON_PEERS}:fail`);
    workers.add(3, `${PYTHON_PEERS}:return_set`);

    const error = await thrown(() => workers.run());

    equal(error.results, new Map([[1, "{'list': [1, 2.5, 'three'], 'nothing': None}"]]));
    is_error(workers.get_error(2), Gmp.Error, Gmp.Error.FAILED, 'ZeroDivisionError', 'peers.py');
    is_error(workers.get_error(3), Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'set');
});

/* GJS collects garbage in steps, and refuses calls between them. */
test('garbage', () => {
    const application = Gmp.ClientServer.new(target('Server'));

    application.new_worker('busy', target('Busy'), 40000);
    equal(application.run(), new Map([['busy', [40000, 0]]]));
});

/* Nor does it take a report between them. */
const Listening = GObject.registerClass(class Listening extends Gmp.ClientServer {
    process(_id, request) {
        return request;
    }

    update(_id, number) {
        this.garbage = Array.from({length: 30}, (_, n) => new GLib.Variant('s', `${n}`));
        this.n_reports ??= 0;
        this.n_wrong ??= 0;
        this.n_wrong += number === this.n_reports ? 0 : 1;
        this.n_reports++;
    }
});

test('garbage-reports', () => {
    const application = new Listening();

    application.new_worker('chatty', target('Chatty'), 15000);
    application.run();
    equal([application.n_reports, application.n_wrong], [15000, 0]);
});

/* Nor is the callback of a call lost that need not wait. */
test('garbage-open', async () => {
    const application = new Gmp.ClientServer();

    await application.open_async();
    for (let i = 0; i < 2500; i++) {
        application.garbage = Array.from({length: 200}, (_, n) => new GLib.Variant('s', `${n}`));
        equal(await application.receive_async(), []);
    }
    await application.close_async();
});

await run_tests();
