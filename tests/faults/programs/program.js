/* program.js: an application whose workers misbehave as its argument selects; as program.py
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Faults from 'gi://Faults?version=1';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import System from 'system';

import {Fault, hang_at, kill, pid, print_line} from './deeds.js';
import {rest_if_due, print_held} from './rest.js';
import * as Soak from './soak.js';

const is_program = Gmp.init(import.meta);

if (!is_program)
    hang_at('module');

export function work(params) {
    const fault = new Fault(params);

    fault.at('process');
    return 'fine';
}

export class Client extends Gmp.ClientWorker {
    _init(properties) {
        super._init(properties);
        hang_at('client');
    }

    start(params) {
        this.params = params;
        this.turns = params.turns;
        this.bytes = new Uint8Array(params.size);
        this.turn = 0;
        this.fault = new Fault(params);
        this.fault.at('start');
    }

    process() {
        if (this.turn === 1)
            this.fault.at('process');

        const rests = Faults.is_due(this.params.rests, this.turn + 1, this.turns);

        return {pid, rests, folder: this.params.folder ?? '',
            bytes: rests ? new Uint8Array() : this.bytes,
            between: this.fault.moment === 'between' && this.turn === 1};
    }

    update(response) {
        if (response.pid !== pid)
            throw new Error(`an answer for ${response.pid}`);
        this.turn++;
    }

    wait() {
        rest_if_due(this.params, this.id, this.turn, this.turns);
    }

    done() {
        return this.turn === this.turns;
    }

    finish() {
        this.fault.at('finish');
        return this.turn;
    }
}

/* The server's work, in its own process or in the application. */
const state = {turn: 0, fault: new Fault({})};

function start(params) {
    state.turn = 0;
    state.fault = new Fault(params);
    state.fault.at('start');
}

function answer(request) {
    state.turn++;
    if (state.turn === 3)
        state.fault.at('process');
    if (request.rests)
        print_held(request.folder);
    if (request.between) {
        print_line(`at ${request.pid} ${GLib.get_monotonic_time()}`);
        kill(request.pid, 'KILL');
    }
    return request;
}

export class Server extends Gmp.ServerWorker {
    _init(properties) {
        super._init(properties);
        hang_at('server');
    }

    start(params) {
        start(params);
    }

    process(_id, request) {
        return answer(request);
    }

    wait() {
        if (state.turn === 3)
            state.fault.at('wait');
    }

    finish() {
        state.fault.at('finish');
        return null;
    }
}

const Application = GObject.registerClass(class Application extends Gmp.ClientServer {
    start(params) {
        start(params);
    }

    process(_id, request) {
        return answer(request);
    }

    finish() {
        state.fault.at('finish');
        return null;
    }
});

function make_workers(config) {
    const application = new Gmp.Workers();

    for (let id = 1; id <= config.n; id++)
        application.add(id, work, id === 1 ? config : {});
    return application;
}

function make_application(config) {
    const {role} = config;
    const fine = {...config, moment: 'none'};

    if (role === 'worker')
        return make_workers(config);
    if (role === 'soak')
        return Soak.make_application(config);

    const application = role.endsWith('local') ? new Application()
        : Gmp.ClientServer.new(Server);

    for (let id = 1; id <= config.n; id++) {
        const bad = role.includes('client') && id === 1;

        application.add_client(`${id}`, Client, bad ? config : fine);
    }
    return application;
}

function prepare(config) {
    const application = make_application(config);

    for (const [name, value] of Object.entries(config.options))
        application[name.replaceAll('-', '_')] = value;
    // While other workers may still run.
    if (config.role !== 'soak')
        application.connect('failed', () => print_line(`failed ${GLib.get_monotonic_time()}`));
    return application;
}

/**Its end, in a line. */
function run(application, config) {
    const at_server = config.role.includes('server') || ['local', 'soak'].includes(config.role);

    try {
        const results = config.role === 'worker' ? application.run()
            : application.run(at_server ? config : {});

        return `end ${GLib.get_monotonic_time()} ${results.size} - 0 -`;
    } catch (error) {
        const domain = error instanceof GLib.Error ? GLib.quark_to_string(error.domain)
            : error.name;

        return `end ${GLib.get_monotonic_time()} ${error.results?.size} ${domain} ` +
            `${error.code ?? 0} ${encodeURIComponent(error.message)}`;
    }
}

/** One object after the other, each used many times. Returns the outcome of the last. */
function run_all(config) {
    const n = config.objects * config.runs;
    let application, line;

    for (let i = 0; i < n; i++) {
        if (i % config.runs === 0)
            application = prepare(config);
        line = run(application, config);
        rest_if_due(config, '0', i + 1, n);
    }
    return line;
}

/**Includes zombies. */
function count_children() {
    const tasks = Gio.File.new_for_path('/proc/self/task');
    let n = 0;

    for (const info of tasks.enumerate_children('standard::name', 0, null)) {
        const [, bytes] = GLib.file_get_contents(
            `/proc/self/task/${info.get_name()}/children`);

        n += (new TextDecoder().decode(bytes).match(/\d+/g) ?? []).length;
    }
    return n;
}

/** The number of gmproc's files that this process still has open or mapped. */
function count_shared_memory() {
    const folder = Gio.File.new_for_path('/proc/self/fd');
    const [, maps] = GLib.file_get_contents('/proc/self/maps');
    let n = 0;

    for (const info of folder.enumerate_children('standard::*',
        Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS, null))
        n += Number(info.get_symlink_target()?.startsWith('/memfd:gmproc') ?? false);
    return n + (new TextDecoder().decode(maps).match(/\/memfd:gmproc/g) ?? []).length;
}

function main() {
    const config = GLib.Variant.parse(null, System.programArgs[0], null, null).recursiveUnpack();
    print_line(run_all(config));
    System.gc();
    if (GLib.file_test('/proc/self/fd', GLib.FileTest.EXISTS))
        print_line(`left ${count_children()} ${count_shared_memory()}`);
}

if (is_program)
    main();
