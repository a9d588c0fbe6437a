/* client.js: the client in JavaScript of mixed.c
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gmp from 'gi://Gmp?version=1';

/** Sends its number ten times, and takes the answer for it. */
export class MixedClient extends Gmp.ClientWorker {
    start(params) {
        this.number = params;
        this.n_turns = 0;
    }

    done() {
        return this.n_turns === 10;
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
