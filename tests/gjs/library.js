/* library.js: a module that a program imports, whose functions run in workers
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gmp from 'gi://Gmp?version=1';

Gmp.init(import.meta);

export function halve(n) {
    return n / 2;
}

export function square(n) {
    return `the square of ${n}`;
}

export function common(n) {
    return n;
}
