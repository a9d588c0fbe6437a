/* remote-env.js: an environment that a game in another process plays
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import {equal, is_error, no_children, run_tests, test, thrown} from './harness.js';

const GAME = GLib.getenv('GMPROC_TEST_GAME');

function free_port() {
    const socket = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM,
        Gio.SocketProtocol.UDP);

    socket.bind(Gio.InetSocketAddress.new_from_string('127.0.0.1', 0), false);

    const {port} = socket.get_local_address();

    socket.close();
    return port;
}

// Runs body with an environment and its game.
async function play(body) {
    const env = Gmp.RemoteEnv.new('127.0.0.1', free_port(), free_port());
    const game = Gio.Subprocess.new(['python3', GAME, `${env.output_port}`, `${env.input_port}`],
        Gio.SubprocessFlags.NONE);

    try {
        await body(env, game);
    } finally {
        game.force_exit();
        env.close();
        await no_children();
    }
}

test('blocking', () => play(env => {
    equal(env.step('restart'), {
        frame: new TextEncoder().encode('0,0,0,0,9,0,0,0,0'),
        done: false,
        reward: 0,
        steps: 0,
        position: new Float64Array([4, 4]),
        level: 'corridor',
    });
    for (let i = 0; i < 3; i++)
        equal(env.step('move', 1).steps, i + 1);
    equal(env.send('move', ['1']).done, true);
    // Additional arguments of any kind are accepted.
    for (const value of [true, 0.5, 2n, 'text', [1, 2.5], new Float64Array([1]),
        new Float32Array([0.5]), new Int8Array([-1])])
        equal(env.step('look', value).done, true);
}));

test('asynchronous', () => play(async env => {
    equal((await env.step_async('restart')).steps, 0);
    equal((await env.step_async('move', 0)).position, new Float64Array([3, 5]));
    equal((await env.step_async('look', new Float32Array([0.5]))).steps, 1);
    equal((await env.send_async('move', ['1'])).steps, 2);
}));

test('a game that is gone', () => play(async (env, game) => {
    env.step('restart');
    game.force_exit();
    game.wait(null);
    is_error(await thrown(() => env.step_async('move', 1)), Gmp.Error, Gmp.Error.DISCONNECTED,
        `127.0.0.1:${env.output_port}`);
    env.timeout = 0.2;
    is_error(await thrown(() => env.step('move', 1)), Gmp.Error, Gmp.Error.DISCONNECTED, '0.2 s');
}));

test('one at a time', async () => {
    const env = Gmp.RemoteEnv.new('127.0.0.1', free_port(), free_port());
    const cancellable = new Gio.Cancellable();
    const pending = env.step_async('restart', null, cancellable);

    is_error(await thrown(() => env.step_async('move', 0)), Gio.io_error_quark(),
        Gio.IOErrorEnum.PENDING);
    cancellable.cancel();
    is_error(await thrown(() => pending), Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED);
    env.close();
});

test('what cannot be sent', () => play(async env => {
    is_error(await thrown(() => env.step('a;b')), Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'semicolon');
    is_error(await thrown(() => env.step('move', {x: 1})), Gmp.Error, Gmp.Error.BAD_PAYLOAD);
}));

/* GJS refuses callbacks while it collects garbage in steps. */
test('garbage', async () => {
    const env = Gmp.RemoteEnv.new('127.0.0.1', free_port(), free_port());

    for (let i = 0; i < 2500; i++) {
        env.garbage = Array.from({length: 200}, (_, n) => new GLib.Variant('s', `${n}`));
        is_error(await thrown(() => env.send_async('a;b')), Gmp.Error, Gmp.Error.BAD_PAYLOAD,
            'semicolon');
    }
});

await run_tests();
