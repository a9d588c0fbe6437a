/* requests.js: requests that are answered later, in batches, and by a program that drives its run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {assert, equal, is_error, run_tests, test, thrown} from './harness.js';
import * as peers from './peers.js';

function application_with(server, n_clients, properties = {}) {
    const application = new Gmp.ClientServer({...server && {server_type: server}, ...properties});

    for (let i = 0; i < n_clients; i++)
        application.add_client(i, peers.Client, 10 * i);
    return application;
}

test('request', () => {
    const application = application_with(peers.Exchange, 2);

    // Three times each gets the other's number.
    equal(application.run(), new Map([[0, 10], [1, 0]]));
    equal(Gmp.unpack(application.server_result), true);
});

test('fail', async () => {
    const application = application_with(peers.Refusing, 1);
    const error = await thrown(() => application.run());

    is_error(error, Gmp.Error, Gmp.Error.FAILED, 'not for 0', 'RangeError');
});

test('dropped', async () => {
    const Dropping = GObject.registerClass(class Dropping extends Gmp.ClientServer {
        request(request) {
            peers.Dropping.prototype.request(request);
        }
    });

    for (const application of [application_with(peers.Dropping, 2), new Dropping()]) {
        if (application instanceof Dropping) {
            application.add_client(0, peers.Client, 0);
            application.add_client(1, peers.Client, 10);
        }

        const error = await thrown(() => application.run());

        is_error(error, Gmp.Error, Gmp.Error.FAILED, "Client '0'", 'has dropped');
        equal(error.results, new Map([[1, 10]]));
    }
});

test('batches', () => {
    const application = application_with(peers.Sums, 2);

    equal(application.run(0), new Map([[0, 40], [1, 40]]));
    equal(Gmp.unpack(application.server_result), [2, 2, 2]);
    application_with(peers.Sums, 3).run(2);
});

/* The application itself is the server, with the same methods. */
class Sums extends Gmp.ClientServer {
    process_batch(ids, numbers) {
        this.sizes ??= [];
        this.sizes.push(ids.length);
        return numbers.map(number => number + 1);
    }
}

class Later extends Gmp.ClientServer {
    request(request) {
        this.kept ??= [];
        this.kept.push(request);
        if (this.kept.length === this.get_n_clients())
            this.kept.splice(0).forEach(each => assert(each.respond(each.value + 1)));
    }
}

for (const type of [Sums, Later])
    GObject.registerClass(type);

test('application', async () => {
    for (const type of [Sums, Later]) {
        const application = new type();

        application.add_client(0, peers.Client, 0);
        application.add_client(1, peers.Client, 10);
        equal(await application.run_async(), new Map([[0, 3], [1, 13]]));
    }
});

test('application-wrong', async () => {
    const Wrong = GObject.registerClass(class Wrong extends Gmp.ClientServer {
        process_batch() {
            return [];
        }
    });
    const application = new Wrong();

    application.add_client(0, peers.Client, 0);
    is_error(await thrown(() => application.run()), Gmp.Error, Gmp.Error.FAILED,
        'an array of 1 responses');
});

test('batch-with-a-bad-response', async () => {
    const path = GLib.build_filenamev([GLib.dir_make_tmp('gmproc-XXXXXX'), 'answered']);
    const Bad = GObject.registerClass(class Bad extends Gmp.ClientServer {
        process_batch() {
            return [null, () => 0];
        }
    });
    const application = new Bad();

    application.add_client(0, peers.Noting, path);
    application.add_client(1, peers.Noting, path);
    is_error(await thrown(() => application.run()), Gmp.Error, Gmp.Error.BAD_PAYLOAD,
        'A value of type function');
    equal(GLib.file_test(path, GLib.FileTest.EXISTS), false);
    GLib.rmdir(GLib.path_get_dirname(path));
});

test('open', async () => {
    const application = application_with(null, 2);
    let n_rounds = 0;

    await application.open_async();
    for (;;) {
        const requests = await application.receive_async();

        if (requests.length === 0)
            break;
        if (n_rounds++ === 1)
            application.add_client('late', peers.Client, 100);
        requests.forEach(request => request.respond(request.value + 1));
    }
    equal(await application.close_async(), new Map([[0, 3], [1, 13], ['late', 103]]));
    equal(n_rounds >= 4, true);
});

test('open-blocking', async () => {
    const application = application_with(null, 1);

    application.open();
    application.add_client('dies', peers.RawFailing);

    const [request, failure] = application.receive();

    equal([request.id, request.value, request.error], ['0', 0, null]);
    equal(failure.id, 'dies');
    assert(failure.error !== null, 'a failure has no error');
    assert(!failure.respond(1), 'a failure was answered');
    assert(request.respond(7));
    application.receive()[0].respond(8);
    application.receive()[0].respond(9);
    equal(application.close(), new Map([[0, 9]]));
    is_error(await thrown(() => request.respond(1)), Gmp.Error, Gmp.Error.EXISTS);
});

await run_tests();
