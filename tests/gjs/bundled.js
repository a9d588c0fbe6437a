/* bundled.js: a module that is in a GResource, with another one
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gmp from 'gi://Gmp?version=1';
import {halve} from './library.js';

Gmp.init(import.meta);

export function quarter(n) {
    return halve(n) / 2;
}

export class Client extends Gmp.ClientWorker {
    process() {
        return null;
    }

    done() {
        return true;
    }

    finish() {
        return quarter(20);
    }
}
