/* remote-env.vala: an environment that a game in another process plays
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

// Usage: remote-env GAME

uint find_free_port () throws Error {
    var socket = new Socket (SocketFamily.IPV4, SocketType.DATAGRAM, SocketProtocol.UDP);
    socket.bind (new InetSocketAddress.from_string ("127.0.0.1", 0), false);
    return ((InetSocketAddress) socket.get_local_address ()).port;
}

async void play (Gmp.RemoteEnv env) throws Error {
    var state = yield env.step_async ("restart");
    assert (state.lookup_value ("level", VariantType.STRING).get_string () == "corridor");
    for (var i = 0; i < 4; i++)
        state = yield env.step_async ("move", new Variant.int32 (1));
    assert (state.lookup_value ("done", VariantType.BOOLEAN).get_boolean ());
    state = env.step ("restart");
    assert (state.lookup_value ("steps", VariantType.INT64).get_int64 () == 0);
    state = yield env.send_async ("move", {"0"});
    assert (state.lookup_value ("position", new VariantType ("ad")).n_children () == 2);
    try {
        env.step ("a;b");
        assert_not_reached ();
    } catch (Gmp.Error.BAD_PAYLOAD error) {
    }
}

int main (string[] args) {
    var status = 1;
    var loop = new MainLoop ();
    Timeout.add_seconds (60, () => {
        error ("The game has not been played within 60 seconds");
    });
    try {
        var env = new Gmp.RemoteEnv ("127.0.0.1", find_free_port (), find_free_port ());
        var game = new Subprocess (SubprocessFlags.NONE, "python3", args[1],
                                   env.output_port.to_string (), env.input_port.to_string ());
        play.begin (env, (source, result) => {
            try {
                play.end (result);
                status = 0;
            } catch (Error error) {
                printerr ("%s\n", error.message);
            }
            loop.quit ();
        });
        loop.run ();
        game.force_exit ();
        game.wait ();
    } catch (Error error) {
        printerr ("%s\n", error.message);
    }
    return status;
}
