/* memory.js: giving back the memory of values that were big
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported count, release */

const {GLib} = imports.gi;
const System = imports.system;

// With fewer bytes a collection does not pay.
const MIN_BYTES = 2 ** 20;

// With more it always pays.
const MAX_BYTES = 2 ** 25;

// The approximate number of bytes that can be read or written in the time of one collection.
const BYTES_PER_MICROSECOND = 1000;

let n_bytes = 0;
let last_duration = 0; // in microseconds

/**
 * Counts a value that this process has received or sent.
 *
 * @param {?GLib.Variant} variant the value
 */
function count(variant) {
    n_bytes += variant?.get_size() ?? 0;
}

/* Frees the values that were counted. GJS does not know the size of the variants that its objects
 * hold, and would keep them until it has created many more objects. A collection takes about 1 ms,
 * or 60 ms with a million objects. It runs when handling the values has taken as long. */
function release() {
    const worth = Math.min(last_duration * BYTES_PER_MICROSECOND, MAX_BYTES);

    if (n_bytes < Math.max(worth, MIN_BYTES))
        return;

    const start = GLib.get_monotonic_time();

    System.gc();

    const duration = GLib.get_monotonic_time() - start;

    // If it took much longer than before, this process has waited for a processor.
    last_duration = last_duration > 0 ? Math.min(duration, 2 * last_duration) : duration;
    n_bytes = 0;
}
