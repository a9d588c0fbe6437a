/* rest.js: pauses of a long run, in which flat.py measures it: see rest.c
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Faults from 'gi://Faults?version=1';
import GLib from 'gi://GLib';
import System from 'system';

import {pid} from './deeds.js';

/**The engine's memory for objects does not come from malloc (). */
export function print_held(folder) {
    const path = `${folder}/engine-${pid}`;

    System.gc();
    System.dumpMemoryInfo(path);

    const [, bytes] = GLib.file_get_contents(path);
    const [, n] = new TextDecoder().decode(bytes).match(/"gcBytes": (\d+)/);

    Faults.print_held(Number(n));
}

/** Rests, if a rest is due after the i-th of n operations. */
export function rest_if_due({rests, folder}, id, i, n) {
    if (!Faults.is_due(rests, i, n))
        return;
    print_held(folder);
    Faults.rest(folder, id);
}
