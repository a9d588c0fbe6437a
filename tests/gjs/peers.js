/* peers.js: servers and clients that the tests run
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {everyday_values} from './functions.js';

Gmp.init(import.meta);

/* Responds with the next number. Its result is its parameters and the number of requests. */
export class Server extends Gmp.ServerWorker {
    start(params) {
        this.params = params;
        this.n_requests = 0;
        this.ids = new Set();
    }

    process(id, request) {
        this.n_requests++;
        this.ids.add(id);
        return request + 1;
    }

    finish() {
        return {params: this.params, n_requests: this.n_requests, ids: [...this.ids].sort()};
    }
}

/* Sends its number three times, and replaces it with the response. */
export class Client extends Gmp.ClientWorker {
    start(params) {
        this.number = params;
        this.n_turns = 0;
    }

    done() {
        return this.n_turns === 3;
    }

    process() {
        this.n_turns++;
        return this.number;
    }

    update(response) {
        this.number = response;
    }

    finish() {
        return this.number;
    }
}

/* Creates a file when it is answered. */
export class Noting extends Gmp.ClientWorker {
    start(path) {
        this.path = path;
    }

    update(_response) {
        GLib.file_set_contents(this.path, '');
    }
}

/* Drops the requests of client 0. */
export class Dropping extends Gmp.ServerWorker {
    request(request) {
        if (request.id !== '0')
            request.respond(request.value);
    }
}

/* The same with virtual methods and variants, which GJS has without the override. */
export const RawServer = GObject.registerClass(class RawServer extends Gmp.ServerWorker {
    vfunc_process(_id, request) {
        return GLib.Variant.new_int32(request.get_int32() + 1);
    }
});

export const RawClient = GObject.registerClass(class RawClient extends Gmp.ClientWorker {
    vfunc_start(params) {
        this._number = params.get_int32();
        this._n_turns = 0;
        return true;
    }

    vfunc_done() {
        return this._n_turns === 3;
    }

    vfunc_process() {
        this._n_turns++;
        return GLib.Variant.new_int32(this._number);
    }

    vfunc_update(response) {
        this._number = response.get_int32();
    }

    vfunc_finish() {
        return GLib.Variant.new_int32(this._number);
    }

    // In a class with virtual methods, other names are its own.
    start() {
        throw new Error('start () is nobody\'s business');
    }
});

export const RawFailing = GObject.registerClass(class RawFailing extends Gmp.ClientWorker {
    vfunc_process() {
        return this.nothing.there;
    }
});

/* All methods return promises. */
export class AsyncServer extends Server {
    async process(id, request) {
        await null;
        return super.process(id, request);
    }
}

export class AsyncClient extends Client {
    async start(params) {
        await null;
        super.start(params);
    }

    async wait() {
        await new Promise(resolve => GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        }));
    }

    async finish() {
        await null;
        return super.finish();
    }
}

/* Sends back each value. */
export class Echo extends Gmp.ServerWorker {
    process(_id, request) {
        return request;
    }
}

/* Sends each of the given values, and returns the responses. */
export class Sender extends Gmp.ClientWorker {
    start(params) {
        this.left = params;
        this.answers = [];
    }

    done() {
        return this.left.length === 0;
    }

    process() {
        return this.left.shift();
    }

    update(response) {
        this.answers.push(response);
    }

    finish() {
        return this.answers;
    }
}

/* Has its id from the start, and uses only the default methods. */
export class Named extends Gmp.ClientWorker {
    constructor(properties) {
        super(properties);
        this.first_id = this.id;
    }

    start(params) {
        super.start(params);
        this.n_turns = 0;
    }

    done() {
        return super.done() || this.n_turns++ > 0;
    }

    finish() {
        return [this.first_id, this.id, this.get_peer_runtime('server')];
    }
}

export class EverydayClient extends Gmp.ClientWorker {
    done() {
        return true;
    }

    finish() {
        return everyday_values();
    }
}

export class Impatient extends Gmp.ServerWorker {
    process() {
        this.is_done = true;
        return 'only once';
    }

    done() {
        return this.is_done ?? false;
    }
}

/* It is never done by itself. */
export class Patient extends Gmp.ClientWorker {
    finish() {
        return 'finished';
    }
}

/* Fields override nothing, unless there is a method too. */
export class FieldClient extends Gmp.ClientWorker {
    done = () => true;
}

export class FieldServer extends Gmp.ServerWorker {
    process = (_id, request) => request;
}

export class WrappingServer extends Server {
    constructor(properties) {
        super(properties);

        const process = this.process;

        this.process = (...args) => process.apply(this, args);
    }
}

export class Reporter extends Client {
    update(response) {
        super.update(response);
        Gmp.Worker.report([this.id, response]);
    }
}

export class Failing extends Client {
    update(_response) {
        throw new EvalError('no update today');
    }
}

export class FailingServer extends Gmp.ServerWorker {
    process(_id, _request) {
        throw new Gio.IOErrorEnum({code: Gio.IOErrorEnum.NO_SPACE, message: 'no room'});
    }
}

export class PickleServer extends Gmp.ServerWorker {
    process(_id, _request) {
        return new GLib.Variant('(sayaay)', ['gmproc.pickle', [1], []]);
    }
}

export class NoWorker {
}

/* Sends enough requests for garbage to be collected, and counts the wrong responses. */
export class Busy extends Gmp.ClientWorker {
    start(n) {
        this.n = n;
        this.n_turns = 0;
        this.n_wrong = 0;
    }

    done() {
        return this.n_turns === this.n;
    }

    process() {
        return this.n_turns;
    }

    update(response) {
        if (response !== this.n_turns + 1)
            this.n_wrong++;
        this.n_turns++;
    }

    finish() {
        return [this.n_turns, this.n_wrong];
    }
}

/* Reports numbers without a pause. */
export class Chatty extends Gmp.ClientWorker {
    start(n) {
        for (let i = 0; i < n; i++)
            Gmp.Worker.report(i);
    }

    done() {
        return true;
    }
}

/* Responds when both clients have sent a request, each with the other's message. */
export class Exchange extends Gmp.ServerWorker {
    request(request) {
        this.waiting ??= [];
        this.waiting.push(request);
        if (this.waiting.length < 2)
            return;

        const [one, two] = this.waiting.splice(0);

        one.respond(two.value);
        two.respond(one.value);
        this.is_second_refused ??= false;
        try {
            one.respond(null);
        } catch (error) {
            this.is_second_refused = error.matches(Gmp.Error, Gmp.Error.EXISTS);
        }
    }

    finish() {
        return this.is_second_refused;
    }
}

export class Refusing extends Gmp.ServerWorker {
    request(request) {
        request.fail(new RangeError(`not for ${request.id}`));
    }
}

/* Responds to each batch with its sum, and returns the sizes. */
export class Sums extends Gmp.ServerWorker {
    start(size) {
        this.batch_size = size;
        this.sizes = [];
    }

    process_batch(ids, numbers) {
        this.sizes.push(ids.length);
        return numbers.map(() => numbers.reduce((sum, number) => sum + number, 0));
    }

    finish() {
        return this.sizes;
    }
}
