/* limited.js: workers of limits.js
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import System, {exit} from 'system';

export function describe() {
    return [GLib.get_current_dir(), GLib.getenv('GMP_TEST_ADDED')];
}

export function spin() {
    for (;;)
        ;
}

// True for the first caller in any process.
function is_first(path) {
    try {
        Gio.File.new_for_path(path).create(Gio.FileCreateFlags.NONE, null).close(null);
        return true;
    } catch (error) {
        return false;
    }
}

/* In a promise's job, whichever way the function is imported. */
export async function exit_later(how) {
    await null;
    if (how === 'legacy')
        imports.system.exit(5);
    else if (how === 'named')
        exit(5);
    else
        System.exit(5);
}

export function exit_in_callback() {
    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => System.exit(5));
    return new Promise(() => {});
}

export function die_once(path) {
    if (is_first(path))
        System.exit(3);
    return 'lives';
}

export class Informed extends Gmp.ServerWorker {
    start(_params) {
        this.received = [];
    }

    process(_id, request) {
        return request;
    }

    client_failed(id, reason) {
        this.received.push(`${id}: ${reason.message}`);
    }

    finish() {
        return this.received.join('; ');
    }
}

export class Failing extends Gmp.ClientWorker {
    process() {
        throw new RangeError('out of turn');
    }
}
