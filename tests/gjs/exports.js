/* exports.js: functions and classes that are passed to gmproc directly
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {assert, equal, is_error, run_tests, test, thrown} from './harness.js';
import * as library from './library.js';
import * as limited from './limited.js';

const is_program = Gmp.init(import.meta);

export function square(n) {
    return n * n;
}

export const cube = n => n ** 3;

function hidden(n) {
    return n;
}

function inner(n) {
    return ['inner', n];
}

export {inner as renamed};

/* Closures with the same source text. */
const make_adder = m => n => n + m;

export const add_one = make_adder(1);
export const add_two = make_adder(2);

const make_multiplier = m => n => m * n;

export const twice = make_multiplier(2);

export default async function by_default(n) {
    await null;
    return ['by default', n];
}

export async function nested(n) {
    const workers = new Gmp.Workers();

    workers.add(1, square, n);
    workers.add(2, library.halve, n);
    return [...await workers.run_async()].map(([, value]) => value).sort();
}

function run_one(code, params) {
    const workers = new Gmp.Workers();

    workers.add(1, code, params);
    return workers.run().get(1);
}

test('functions', async () => {
    const workers = new Gmp.Workers();

    workers.add(1, square, 7);
    workers.add(2, cube, 2);
    workers.add_target(3, inner, 3);
    workers.add(4, twice, 4);
    workers.add(5, by_default, 5);
    equal(new Map([...await workers.run_async()].sort()), new Map([
        [1, 49], [2, 8], [3, ['inner', 3]], [4, 8], [5, ['by default', 5]],
    ]));
    equal(run_one(Gmp.exported(import.meta, square), 3), 9);
});

test('another-module', () => {
    equal(run_one(library.halve, 8), 4);
    // It has the name of a function of this module.
    equal(run_one(library.square, 8), 'the square of 8');
});

test('workers-in-a-worker', () => {
    equal(run_one(nested, 6), [3, 36]);
});

/* Registered by the module, without names. */
export const Server = GObject.registerClass(class extends Gmp.ServerWorker {
    process(_id, request) {
        return [request];
    }
});

export const Client = GObject.registerClass(class extends Gmp.ClientWorker {
    start(params) {
        this.params = params;
    }

    process() {
        return this.params;
    }

    update(response) {
        this.answer = response;
    }

    done() {
        return this.answer !== undefined;
    }

    finish() {
        return this.answer;
    }
});

/* Neither registered nor named. */
export const Unregistered = class extends Client {};

test('classes', async () => {
    for (const application of [
        Gmp.ClientServer.new(Server),
        new Gmp.ClientServer({server_type: Server, run_timeout: 50}),
        new Gmp.ClientServer({'server-target': Server}),
        Gmp.ClientServer.new_for_target(Server),
    ]) {
        application.add_client('a', Client, 1);
        application.new_worker('b', Unregistered, 2);
        application.add_client('c', Gmp.exported(import.meta, 'Client'), 3);
        application.new_workers(2, Client, 4);
        equal(new Map([...await application.run_async()].sort()), new Map([
            ['0', [4]], ['1', [4]], ['a', [1]], ['b', [2]], ['c', [3]],
        ]));
    }
});

const Application = GObject.registerClass(class extends Gmp.ClientServer {
    process(_id, request) {
        return [[request]];
    }
});

test('application-as-server', () => {
    for (const application of [new Application(), Application.new(), Application.new(null)]) {
        assert(application instanceof Application, 'it is another class');
        application.add_client('a', Client, 1);
        equal(application.run(), new Map([['a', [[1]]]]));
    }
});

test('not-exported', async () => {
    for (const code of [hidden, class Hidden extends Gmp.Workers {}]) {
        const error = await thrown(() => run_one(code));

        is_error(error, Gmp.Error, Gmp.Error.NOT_FOUND, `'${code.name}' is not exported by`,
            'exports.js', "write 'export' before it");
    }
    is_error(await thrown(() => run_one(n => [n, 'hidden'])), Gmp.Error, Gmp.Error.NOT_FOUND,
        'A function or class without a name is not exported');

    const application = Gmp.ClientServer.new(Server);

    application.add_client('a', class Nobody extends Client {});
    is_error(await thrown(() => application.run()), Gmp.Error, Gmp.Error.NOT_FOUND,
        "'Nobody' is not exported by");
});

test('same-texts', async () => {
    is_error(await thrown(() => run_one(add_two, 1)), Gmp.Error, Gmp.Error.NOT_FOUND,
        'add_one, add_two', "Gmp.exported(import.meta, 'add_one')");
    equal(run_one(Gmp.exported(import.meta, 'add_two'), 1), 3);

    const error = await thrown(() => run_one(library.common));

    assert(error instanceof TypeError && error.message.includes('in more than one module'),
        `the error is ${error}`);
});

export function common(n) {
    return n;
}

test('unknown-modules', async () => {
    for (const [code, name] of [
        [limited.Informed, "'Informed'"],
        [Math.sqrt, "'sqrt'"],
        [square.bind(null, 1), "'bound square'"],
    ]) {
        for (const call of [() => run_one(code), () => Gmp.ClientServer.new(code)]) {
            const error = await thrown(call);

            assert(error instanceof TypeError && error.message.includes(name) &&
                error.message.includes('is in no module that has called Gmp.init(import.meta)'),
                `the error is ${error}`);
        }
    }
});

test('misuse', async () => {
    for (const call of [() => Gmp.init(), () => Gmp.init({}), () => Gmp.init(['a']),
        () => run_one(7), () => run_one({}), () => Gmp.ClientServer.new(7),
        () => Gmp.ClientServer.new(Server).add_client('a'),
        () => Gmp.ClientServer.new(Server).add_clients(1, undefined)])
        assert(await thrown(call) instanceof TypeError, `no TypeError of ${call}`);
});

/* A program that is edited while it runs. */
test('changed-file', async () => {
    const folder = GLib.dir_make_tmp(null);
    const path = `${folder}/edited.js`;
    const text = "import Gmp from 'gi://Gmp?version=1';\nGmp.init(import.meta);\n" +
        'export function work() {\n    return 1;\n}\n';

    GLib.file_set_contents(path, text);

    const {work} = await import(GLib.filename_to_uri(path, null));

    equal(run_one(work), 1);
    GLib.file_set_contents(path, text.replace('1;\n}', '2;\n}'));
    is_error(await thrown(() => run_one(work)), Gmp.Error, Gmp.Error.NOT_FOUND, "'work'", path,
        'may have changed');
    GLib.unlink(path);
    GLib.rmdir(folder);
});

/* Modules of an application's bundle: given as they are, by meta, and as targets. */
test('bundle', async () => {
    const file = GLib.getenv('GMPROC_TEST_BUNDLE');
    const url = 'resource:///org/gmproc/test/bundled.js';

    is_error(await thrown(() => run_one(`${url}#quarter`, 8)), Gmp.Error, Gmp.Error.NOT_FOUND, url,
        'Gio.Resource.load()');
    Gio.resources_register(Gio.Resource.load(file));

    const {Client: BundledClient, quarter} = await import(url);
    const application = Gmp.ClientServer.new(Server);

    equal(run_one(quarter, 8), 2);
    for (const target of [Gmp.exported(url, 'quarter'), `${url}#quarter`,
        `gjs:${GLib.filename_to_uri(file, null)}!/org/gmproc/test/bundled.js#quarter`])
        equal(run_one(target, 8), 2);
    application.add_client('a', BundledClient);
    equal(await application.run_async(), new Map([['a', 5]]));
});

test('native-types', async () => {
    for (const type of [Gmp.ServerWorker, Gmp.ServerWorker.$gtype]) {
        is_error(await thrown(() => Gmp.ClientServer.new(type).run()), Gmp.Error,
            Gmp.Error.NOT_FOUND, 'GmpServerWorker is not a type of servers');
        is_error(await thrown(() => Gmp.ClientServer.new(Server).add_client('a', type)), Gmp.Error,
            Gmp.Error.NOT_FOUND, 'GmpServerWorker is not a type of clients');
    }
});

if (is_program)
    await run_tests();
