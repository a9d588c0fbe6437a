/* deeds.js: the misbehaviour of the workers of program.js
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

export const pid = new Gio.Credentials().get_unix_pid();

/** One write, so that the lines of several processes do not mix. */
export const print_line = print;

/** A signal for a process, which GJS cannot send itself. */
export function kill(process, name) {
    GLib.spawn_command_line_sync(`sh -c 'kill -${name} ${process}'`);
}

/* The signal arrives while the shell is waited for, or a moment later. */
function die_by(name) {
    return () => {
        kill(pid, name);
        block();
    };
}

/* The engine takes the first one for its own, and gives the signal back. */
function die_by_second(name) {
    return () => {
        kill(pid, name);
        die_by(name)();
    };
}

function block() {
    for (;;)
        GLib.usleep(GLib.MAXINT32);
}

function spin() {
    for (;;)
        ;
}

/* A handler that needs a main loop, without one. */
function ignore_and_spin() {
    const SIGTERM = 15;

    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, SIGTERM, () => true);
    spin();
}

function close_all() {
    for (let fd = 3; fd < 64; fd++) {
        try {
            GLib.close(fd);
        } catch (error) {
            // It was not open.
        }
    }
}

function use_memory() {
    const kept = [];

    for (;;)
        kept.push(new Uint8Array(2 ** 20).fill(1));
}

function use_files() {
    const kept = [];

    for (;;)
        kept.push(Gio.File.new_for_path('/dev/null').read(null));
}

/* It holds standard output and standard error. */
function leave_a_child(then) {
    GLib.spawn_async(null, ['sleep', '1000'], null, GLib.SpawnFlags.SEARCH_PATH |
        GLib.SpawnFlags.LEAVE_DESCRIPTORS_OPEN, null);
    then();
}

function fail() {
    throw new RangeError('the worker does not like this');
}

export const DEEDS = {
    'SIGKILL': die_by('KILL'),
    'SIGSEGV': die_by_second('SEGV'),
    'SIGSTOP': die_by('STOP'),
    'abort': die_by('ABRT'),
    'exit-3': () => System.exit(3),
    'exit-0': () => System.exit(0),
    'close': close_all,
    'close-block': () => {
        close_all();
        block();
    },
    'block': block,
    'spin': ignore_and_spin,
    'cpu': spin,
    'memory': use_memory,
    'files': use_files,
    'grandchild': () => leave_a_child(die_by('KILL')),
    'grandchild-block': () => leave_a_child(block),
    'error': fail,
};

/** Never returns where GMPROC_HANG names the place. */
export function hang_at(place) {
    if (GLib.getenv('GMPROC_HANG') === place)
        block();
}

/**Reports the moment, and misbehaves. */
export function commit(fault) {
    print_line(`at ${pid} ${GLib.get_monotonic_time()}`);
    DEEDS[fault]();
}

/**The misbehaviour of a worker, and its moment. */
export class Fault {
    constructor(params) {
        this.fault = params.fault ?? 'none';
        this.moment = params.moment ?? 'none';
    }

    at(moment) {
        if (this.moment === moment)
            commit(this.fault);
    }
}
