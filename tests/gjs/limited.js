/* limited.js: workers of limits.js
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import System from 'system';

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
