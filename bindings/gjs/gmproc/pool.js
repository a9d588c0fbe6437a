/* pool.js: calls of functions in kept processes, with plain values and promises
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported extend_pool */

const {check_count, guard_methods} = imports.gmproc.given;
const {unpack} = imports.gmproc.reader;
const {check_main} = imports.gmproc.runs;
const {runtime_of, target_of} = imports.gmproc.targets;
const {pack} = imports.gmproc.writer;

/** @param {object} Pool the class of the library */
function extend_pool(Pool) {
    const {call_target_async, set_initializer_target} = Pool.prototype;

    guard_methods(Pool.prototype, ['get_node'], n => check_count(n, 'The number of a worker'));

    /**
     * @param {number} max_workers how many processes at most; 0 for one a processor
     * @returns {Gmp.Pool} a pool without processes yet
     */
    Pool.new = function (max_workers = 0) {
        return new this({max_workers});
    };

    /**
     * Calls an exported function in one of the pool's processes, when one is free.
     *
     * @param {Function|string} code an exported function, or a target of any language
     * @param {any} params what the function gets, a plain value
     * @param {?Gio.Cancellable} cancellable takes the call out of the queue, or ends its process
     * @returns {Promise<any>} what the function returned; rejects with its error
     */
    Pool.prototype.call = function (code, params = null, cancellable = null) {
        return new Promise((resolve, reject) => {
            check_main();
            call_target_async.call(this, target_of(code), pack(params, () => runtime_of(code)),
                cancellable, (_pool, result) => {
                    try {
                        resolve(unpack(this.call_target_finish(result)));
                    } catch (error) {
                        reject(error);
                    }
                });
        });
    };

    // With promises there is one form.
    Pool.prototype.call_async = Pool.prototype.call;

    /**
     * Has each process call a function before anything else.
     *
     * @param {Function|string} code an exported function, or a target
     * @param {any} params what the function gets, a plain value
     */
    Pool.prototype.set_initializer = function (code, params = null) {
        set_initializer_target.call(this, target_of(code), pack(params, () => runtime_of(code)));
    };
}
