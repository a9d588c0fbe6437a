/* calls.js: methods with plain names and values behind the virtual methods of C
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported PEER_RUNTIMES, guard, implement */

const {GObject} = imports.gi;
const {convert, failed} = imports.gmproc.errors;
const {unpack} = imports.gmproc.reader;
const {is_promise, settle} = imports.gmproc.settle;
const {pack, pack_for_application} = imports.gmproc.writer;

/** In an application that serves its clients: their languages, by id. */
var PEER_RUNTIMES = Symbol('The languages of the clients, by id');

function unpack_last(args) {
    return [...args.slice(0, -1), unpack(args[args.length - 1])];
}

/* What process () returned is for a peer, which is the server where it takes nothing; that of
 * Workers, which has no peers, is for the application. */
function pack_processed(value, self, [id = 'server']) {
    if (self instanceof imports.gi.Gmp.Workers)
        return pack_for_application(value);
    return pack(value, () => self[PEER_RUNTIMES]?.get(id) ?? self.get_peer_runtime?.(id));
}

// What each plain method gets, and what is made of what it returns.
const SIGNATURES = {
    start: [unpack_last, () => true],
    process: [unpack_last, pack_processed],
    update: [unpack_last, () => true],
    wait: [args => args, () => true],
    done: [args => args, Boolean],
    finish: [args => args, value => pack_for_application(value)],
    client_failed: [args => args, () => true],
};

/* In the application promises go on only while its main loop runs, which belongs to it: no call
 * may wait for one here. */
function refuse_promise(value) {
    if (is_promise(value))
        throw failed('A method that the application itself serves with must not be async');
    return value;
}

/**
 * A method for C to call: what is thrown in it becomes an error with its stack, and undefined,
 * which is no GVariant, null.
 *
 * @param {Function} method what to call
 * @param {Function} wait what to do with a promise that it returns
 * @returns {Function} a method
 */
function guard(method, wait = settle) {
    return function (...args) {
        // GJS refuses calls while it collects garbage: the library calls again if this is not said.
        imports.gi.Gmp.Worker.enter();
        try {
            return wait(method.apply(this, args)) ?? null;
        } catch (error) {
            throw convert(error);
        }
    };
}

function adapt(name, wait) {
    const [arrive, leave] = SIGNATURES[name];
    // A client's process () takes nothing.
    const take = args => args.length > 0 ? arrive(args) : args;

    return guard(function (...args) {
        return leave(wait(this[name](...take(args))), this, args);
    }, wait);
}

function own_methods(prototype) {
    return Object.getOwnPropertyNames(prototype).filter(name => {
        const {value} = Object.getOwnPropertyDescriptor(prototype, name);

        return typeof value === 'function';
    });
}

/* A class has either kind of methods: one that has any vfunc_ of its own keeps its other names to
 * itself. */
function prepare(prototype, waits) {
    const methods = own_methods(prototype);
    const vfuncs = methods.filter(name => name.startsWith('vfunc_'));

    for (const name of vfuncs)
        prototype[name] = guard(prototype[name], waits[name.slice('vfunc_'.length)]);
    if (vfuncs.length > 0)
        return;
    for (const name of methods.filter(method => method in waits))
        prototype[`vfunc_${name}`] = adapt(name, waits[name]);
}

/**
 * Lets subclasses have methods with plain names, from when they are registered.
 *
 * @param {Function} base a class of the library
 * @param {string[]} in_worker its virtual methods that are called in a worker, where they may be
 *     async
 * @param {string[]} in_application those that are called in the application
 */
function implement(base, in_worker, in_application) {
    const waits = Object.fromEntries([
        ...in_worker.map(name => [name, settle]),
        ...in_application.map(name => [name, refuse_promise]),
    ]);

    Object.setPrototypeOf(waits, null);
    // As Gtk's override does: GObject.registerClass () asks the class itself to be set up.
    base._classInit = function (klass) {
        prepare(klass.prototype, waits);
        return GObject.Object._classInit(klass);
    };
}
