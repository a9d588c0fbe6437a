/* workers.js: the guide's first program: a value that ten runs of a worker count up
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gmp from 'gi://Gmp?version=1';

/* Runs in its own process. */
export function example(params) {
    return params !== null ? params + 1 : 0;
}

if (Gmp.init(import.meta)) {
    const workers = new Gmp.Workers();

    workers.add(1, example, 0);
    for (let turn = 0; turn < 10; turn++) {
        const results = await workers.run_async([1]);

        workers.set_params(1, results.get(1));
        print(results.get(1));
    }
}
