/* warm.js: processes that were started ahead
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import {assert, equal, list_children, no_children, run_tests, test} from './harness.js';

const FUNCTIONS = import.meta.url.replace(/[^/]*$/, 'functions.js');

GLib.unsetenv('GMPROC_WARM');

function workers_for(name, params = null) {
    const workers = new Gmp.Workers();

    workers.add(1, Gmp.exported(FUNCTIONS, name), params);
    return workers;
}

// With this variable, waiting processes end with the run.
async function end_warm(workers) {
    GLib.setenv('GMPROC_WARM', '0', true);
    workers.run();
    GLib.unsetenv('GMPROC_WARM');
    await no_children();
}

test('started-ahead', async () => {
    const workers = workers_for('get_pid');
    const pids = new Set();

    for (let turn = 0; turn < 5; turn++) {
        const waiting = list_children();
        const pid = workers.run().get(1);

        // The first worker is started cold; with the second one, processes are started ahead.
        equal(waiting.includes(`${pid}`), turn > 1, `turn ${turn}, that it had waited`);
        pids.add(pid);
    }
    equal(pids.size, 5);
    await end_warm(workers);
});

test('environment', async () => {
    const workers = workers_for('get_variable', 'GMP_TEST_WARM');

    for (const value of ['one', 'one', 'one', 'two', 'two', 'one']) {
        GLib.setenv('GMP_TEST_WARM', value, true);
        equal(workers.run().get(1), value);
    }
    await end_warm(workers);
});

test('folder', async () => {
    const workers = workers_for('get_folder');
    const before = GLib.get_current_dir();

    for (const folder of ['/', '/', '/', '/usr', '/usr', '/']) {
        GLib.chdir(folder);
        equal(workers.run().get(1), folder);
    }
    GLib.chdir(before);
    await end_warm(workers);
});

test('both-ways-to-run', async () => {
    const workers = workers_for('increment', 1);

    for (let turn = 0; turn < 3; turn++) {
        equal(workers.run().get(1), 2);
        equal((await workers.run_async()).get(1), 2);
    }
    assert(list_children().length > 0, 'there is none that waits');
    await end_warm(workers);
});

await run_tests();
