/* remote.js: environments that a game plays, with plain values and promises
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported extend_remote_env */

const {unpack} = imports.gmproc.reader;
const {pack} = imports.gmproc.writer;

// An asynchronous method that returns a promise if it gets no callback.
function promise(self, start, callback) {
    if (callback !== null)
        return start(callback);
    return new Promise((resolve, reject) => start((_source, result) => {
        try {
            resolve(unpack(self.send_finish(result)));
        } catch (error) {
            reject(error);
        }
    }));
}

// The argument of a command, for C: the nearest of its types.
function pack_argument(value) {
    return pack(value, () => 'native');
}

/** @param {object} RemoteEnv the class of the library */
function extend_remote_env(RemoteEnv) {
    const {step, step_async, send, send_async} = RemoteEnv.prototype;

    /**
     * @param {string} host where the game is
     * @param {number} output_port the port on which it listens for commands
     * @param {number} input_port the port to which it sends states
     * @returns {Gmp.RemoteEnv} an environment that is not open yet
     */
    RemoteEnv.new = function (host, output_port, input_port) {
        return new this({host, output_port, input_port});
    };

    /**
     * Sends a command with one argument or none, and waits for the game's state.
     *
     * @param {string} name the command
     * @param {any} value a boolean, a number, a string, an array of numbers; null for none
     * @param {?Gio.Cancellable} cancellable ends the wait
     * @returns {object} the state: a property for each field
     */
    RemoteEnv.prototype.step = function (name, value = null, cancellable = null) {
        return unpack(step.call(this, name, pack_argument(value), cancellable));
    };

    /**
     * The same with a callback, as in C; without one, a promise of the state.
     *
     * @param {string} name the command
     * @param {any} value as step () takes
     * @param {?Gio.Cancellable} cancellable ends the wait
     * @param {?Gio.AsyncReadyCallback} callback called at the end
     * @returns {Promise<object>} the state
     */
    RemoteEnv.prototype.step_async = function (name, value = null, cancellable = null,
        callback = null) {
        const variant = pack_argument(value);

        return promise(this, done => step_async.call(this, name, variant, cancellable, done),
            callback);
    };

    /**
     * Sends a command with any number of arguments, and waits for the game's state.
     *
     * @param {string} name the command
     * @param {?string[]} args its arguments, as text
     * @param {?Gio.Cancellable} cancellable ends the wait
     * @returns {object} the state: a property for each field
     */
    RemoteEnv.prototype.send = function (name, args = null, cancellable = null) {
        return unpack(send.call(this, name, args, cancellable));
    };

    /**
     * The same with a callback, as in C; without one, a promise of the state.
     *
     * @param {string} name the command
     * @param {?string[]} args its arguments, as text
     * @param {?Gio.Cancellable} cancellable ends the wait
     * @param {?Gio.AsyncReadyCallback} callback called at the end
     * @returns {Promise<object>} the state
     */
    RemoteEnv.prototype.send_async = function (name, args = null, cancellable = null,
        callback = null) {
        return promise(this, done => send_async.call(this, name, args, cancellable, done),
            callback);
    };
}
