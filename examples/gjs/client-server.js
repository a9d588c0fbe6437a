/* client-server.js: the guide's second program: two clients that count in steps, and their server
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';

/* The server prints each request, and answers with it. */
export class MyServer extends Gmp.ServerWorker {
    start(_params) {
        this.name = 'myserver';
        print(`starting server ${this.name}`);
    }

    process(id, msg) {
        print(`Msg from client ${id} is ${msg}`);
        return msg;
    }

    wait() {
        GLib.usleep(100 * 1000);
    }
}

function add2(n) {
    return n + 2;
}

/* A client sends its state and two more, and takes the answer as its state. */
export class Client extends Gmp.ClientWorker {
    start(params) {
        this.state = params;
        this.counter = 0;
        print(`starting client ${this.id} with state ${this.state}`);
    }

    process() {
        this.counter++;
        return add2(this.state);
    }

    update(response) {
        this.state = response;
    }

    wait() {
        print(`Client ${this.id} waiting`);
    }

    done() {
        return this.counter > 10;
    }

    finish() {
        print(`Client ${this.id} is finishing...`);
    }
}

if (Gmp.init(import.meta)) {
    const application = Gmp.ClientServer.new(MyServer);

    application.add_client('par', Client, 2);
    application.add_client('impar', Client, 1);
    await application.run_async();
}
