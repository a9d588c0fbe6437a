/* use.ts: a program that the types should take, with mistakes that they should not
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gmp from 'gi://Gmp?version=1';
import GLib from 'gi://GLib?version=2.0';

export function square(n: number) {
    return n * n;
}

export class Server extends Gmp.ServerWorker {
    total = 0;

    start(params: number) {
        this.total = params;
    }

    process(_id: string, n: number) {
        this.total += n;
        return this.total;
    }
}

export class Client extends Gmp.ClientWorker {
    async process() {
        return this.id;
    }

    done() {
        return true;
    }
}

export class Raw extends Gmp.Workers {
    vfunc_process(_id: number, params: GLib.Variant | null) {
        return params;
    }

    done(id: number) {
        return id > 1;
    }
}

if (Gmp.init({url: 'file:///program.js'})) {
    const workers = new Gmp.Workers({max_parallel: 2, run_timeout: 3, restart: Gmp.Restart.NEVER});

    workers.add(1, square, 7);
    workers.add(2, Raw);
    workers.add(3, 'python:math:factorial', 3);
    workers.nice = 5;
    workers.connect('progress', (_workers, id, value) => print(id.toFixed(), Gmp.unpack(value)));
    workers.connect('notify::results', () => {});
    workers.run_async([1, 2]).then(results => print(results.get(1))).catch((error: Gmp.RunError) =>
        print(error.results.size, error.failures[0].peak_memory));

    const application = new Gmp.ClientServer({server_type: Server, shared_memory_limit: 2 ** 20});

    application.add_client('a', Client, 1);
    Gmp.ClientServer.new(Server).add_clients(3, Client);
    application.connect('result', (self, id, _value) => print(self.get_n_clients(), id.length));
    print(new Gmp.Error({code: Gmp.Error.FAILED, message: 'x'}).message);
    Gmp.Pool.new(2).call(square, 7).then(n => print(n));
    // @ts-expect-error: ids are numbers
    workers.add('1', square);
    // @ts-expect-error: there is no such property
    print(new Gmp.Workers({max_paralel: 2}));
    // @ts-expect-error: it is read-only
    workers.results = null;
    // @ts-expect-error: a client is not a server
    print(Gmp.ClientServer.new(Client));
}
