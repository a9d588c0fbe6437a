/* unguarded.js: a program that forgot to check whether it is the program or a worker
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gmp from 'gi://Gmp?version=1';

export function work() {
    return 1;
}

Gmp.init(import.meta);

const workers = new Gmp.Workers();

workers.add(1, work);
workers.run();
