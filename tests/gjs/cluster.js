/* cluster.js: workers on two nodes, which are agents on this machine
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import {equal} from './harness.js';

const WATCHDOG = 60;
const NODES = ['alpha', 'beta'];

export function print_node() {
    print(Gmp.Worker.get_node());
    return Gmp.Worker.get_node();
}

export function die() {
    Gio.Subprocess.new(['kill', '-KILL', `${new Gio.Credentials().get_unix_pid()}`], 0).wait(null);
}

export class Server extends Gmp.ServerWorker {
    process(id, value) {
        return value + 1;
    }
}

export class Client extends Gmp.ClientWorker {
    start() {
        this.turns = 0;
        Gmp.Worker.report(null);
    }

    process() {
        return this.turns;
    }

    update(value) {
        this.turns = value;
    }

    done() {
        return this.turns === 5;
    }

    finish() {
        return Gmp.Worker.get_node();
    }
}

async function check_workers() {
    const workers = new Gmp.Workers({capture_output: true});
    const lines = [];

    for (const id of [1, 2])
        workers.add(id, print_node);
    workers.connect('output', (_, id, stream, line) => lines.push([line, workers.get_node(id)]));
    equal([...(await workers.run_async(null)).values()].sort(), NODES, 'where workers have run');
    equal(lines.sort(), NODES.map(node => [node, node]), 'where output comes from');
    equal(workers.get_node(1), null, 'a worker that has ended');
}

async function check_clients() {
    const run = Gmp.ClientServer.new(Server);
    const nodes = [];

    run.new_workers(3, Client);
    run.connect('progress', (_, id) => nodes.push([id, run.get_node(id)]));
    const results = await run.run_async();

    equal(nodes.sort(), [...results].sort(), 'where clients report from');
}

async function check_failure() {
    const workers = new Gmp.Workers();

    workers.add(1, die);
    await workers.run_async(null).then(() => equal(true, false), () => null);
    equal(NODES.includes(workers.get_failures()[0].node), true, 'the node of a failure');
}

if (Gmp.init(import.meta)) {
    GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, WATCHDOG, () => {
        throw new Error(`It has not ended after ${WATCHDOG} seconds`);
    });
    GLib.setenv('GMPROC_LAUNCHER', 'command:env SLURM_CPUS_ON_NODE=2 {agent}', true);
    GLib.setenv('GMPROC_NODES', NODES.join(), true);
    let number = 0;

    for (const check of [check_workers, check_clients, check_failure]) {
        await check();
        print(`ok ${++number} - ${check.name}`);
    }
    print(`1..${number}`);
}
