/* soak.js: the server and the clients of the soak, with journals that outlive them; as soak.py
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';

import {DEEDS, kill, pid, print_line} from './deeds.js';

Gmp.init(import.meta);

function read_lines(path) {
    const [, bytes] = GLib.file_get_contents(path);

    return new TextDecoder().decode(bytes).split('\n').filter(line => line !== '');
}

/* The record of a worker and its predecessors. */
class Journal {
    constructor(folder, id) {
        const path = `${folder}/journal-${id}`;

        this.stream = Gio.File.new_for_path(path).append_to(0, null);
        this.next = 1;
        this.plan = new Map();
        for (const [client, number, moment, fault] of
            read_lines(`${folder}/plan`).map(line => line.split(' '))) {
            if (client === id)
                this.plan.set(`${number} ${moment}`, fault);
        }
        for (const [verb, number, moment] of read_lines(path).map(line => line.split(' '))) {
            if (verb === 'asked' || moment === 'before')
                this.next = Number(number) + 1;
            if (verb === 'dies')
                this.plan.delete(`${number} ${moment}`);
        }
    }

    write(line) {
        this.stream.write_all(`${line}\n`, null);
    }

    /* The death that the plan has here, if it has not happened yet; it is then recorded. */
    take(number, moment) {
        const key = `${number} ${moment}`;
        const fault = this.plan.get(key);

        if (fault !== undefined) {
            this.plan.delete(key);
            this.write(`dies ${key}`);
        }
        return fault;
    }

    at(number, moment) {
        DEEDS[this.take(number, moment)]?.();
    }
}

export class Client extends Gmp.ClientWorker {
    start(params) {
        this.turns = params.turns;
        this.journal = new Journal(params.folder, this.id);
        this.next = this.journal.next;
        this.journal.at(this.next, 'start');
    }

    process() {
        this.journal.at(this.next, 'before');
        this.journal.write(`asked ${this.next}`);
        return {n: this.next, pid};
    }

    update(response) {
        if (response !== this.next)
            throw new Error(`an answer for ${response}, not ${this.next}`);
        this.journal.write(`answered ${this.next}`);
        this.journal.at(this.next, 'after');
        this.next++;
    }

    done() {
        return this.next > this.turns;
    }

    finish() {
        return this.next;
    }
}

export class Server extends Gmp.ServerWorker {
    start(params) {
        this.journals = {};
        for (let id = 1; id <= params.n; id++)
            this.journals[id] = new Journal(params.folder, `${id}`);
    }

    process(id, {n, pid: client}) {
        this.last = [id, n];
        this.journals[id].write(`got ${n}`);
        this.journals[id].at(n, 'server');
        if (this.journals[id].take(n, 'between') !== undefined)
            kill(client, 'KILL');
        return n;
    }

    wait() {
        const [id, n] = this.last;

        this.journals[id].at(n, 'wait');
    }
}

/**
 * @param {object} config what soak.py says
 * @returns {Gmp.ClientServer} the application
 */
export function make_application(config) {
    const application = Gmp.ClientServer.new(Server);
    const print_event = (verb, id, error) => {
        const [text] = error.message.split('\n');

        print_line(`${verb} ${id} ${GLib.quark_to_string(error.domain)} ${error.code} ` +
            encodeURIComponent(text));
    };

    for (let id = 1; id <= config.n; id++)
        application.add_client(`${id}`, Client, config);
    application.connect('restarted', (_application, id, failure) =>
        print_event('restarted', id, failure.get_error()));
    application.connect('failed', (_application, id, error) => print_event('failed', id, error));
    return application;
}
