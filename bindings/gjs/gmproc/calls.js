/* calls.js: methods with plain names and values behind the virtual methods of C
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported PEER_RUNTIMES, check_fields, extend_request, guard, implement, know_client */

const {GLib, GObject} = imports.gi;
const {convert, failed} = imports.gmproc.errors;
const {unpack} = imports.gmproc.reader;
const {is_promise, settle} = imports.gmproc.settle;
const {is_native_type} = imports.gmproc.targets;
const {pack, pack_for_application} = imports.gmproc.writer;

/** In an application that serves its clients: their languages, by id. */
var PEER_RUNTIMES = Symbol('The languages of the clients, by id');

const RUNTIME = Symbol('The language of the client that a request is from');

function runtime_of_client(self, id) {
    return self[PEER_RUNTIMES]?.get(id) ?? self.get_peer_runtime?.(id);
}

/**
 * @param {Gmp.Request} request a request
 * @param {object} server whose it is
 * @returns {Gmp.Request} the same, which can be answered with plain values
 */
function know_client(request, server) {
    request[RUNTIME] = runtime_of_client(server, request.id);
    return request;
}

/* A response is dropped if the client or the server has ended. */
function answer(call) {
    const {Error: GmpError} = imports.gi.Gmp;

    try {
        return call();
    } catch (error) {
        const is_late = [GmpError.DISCONNECTED, GmpError.SERVER_DONE].some(
            code => error instanceof GLib.Error && error.matches(GmpError, code));

        if (!is_late)
            throw error;
        return false;
    }
}

/**
 * Lets requests have plain values.
 *
 * @param {Function} Request the class of the library
 */
function extend_request(Request) {
    const {fail, respond} = Request.prototype;

    Object.defineProperties(Request.prototype, {
        id: {get() {
            return this.get_client_id();
        }},
        value: {get() {
            return unpack(this.get_value());
        }},
        error: {get() {
            return this.get_error();
        }},
    });

    /**
     * Answers the request, now or later.
     *
     * @param {any} value what the client's update () gets, a plain value
     * @returns {boolean} false if the client, or the server, has ended
     * @throws {GLib.Error} if the request has been answered before
     */
    Request.prototype.respond = function (value = null) {
        return answer(() => respond.call(this, pack(value, () => this[RUNTIME])));
    };

    /**
     * Ends the request, and with it its client.
     *
     * @param {Error} error what the client fails with
     * @returns {boolean} as respond () does
     */
    Request.prototype.fail = function (error) {
        return answer(() => fail.call(this, convert(error)));
    };
}

function respond_all(values, [requests]) {
    if (!Array.isArray(values) || values.length !== requests.length) {
        throw failed(`process_batch should return an array of ${requests.length} responses, ` +
            'one for each message');
    }

    // All of them, or none if one cannot be sent.
    const packed = requests.map((request, i) => pack(values[i], () => request[RUNTIME]));

    requests.forEach((request, i) => request.respond(packed[i]));
    return true;
}

function unpack_last(args) {
    return [...args.slice(0, -1), unpack(args[args.length - 1])];
}

/* The receiver of process()'s result is a peer: the server, if process() takes no arguments.
 * Workers have no peers, so the application receives theirs. */
function pack_processed(value, self, [id = 'server']) {
    if (self instanceof imports.gi.Gmp.Workers)
        return pack_for_application(value);
    return pack(value, () => runtime_of_client(self, id));
}

// The arguments of each plain method, and the conversion of its result.
const SIGNATURES = {
    start: [unpack_last, () => true],
    process: [unpack_last, pack_processed],
    update: [unpack_last, () => true],
    request: [([request], self) => [know_client(request, self)], () => true],
    process_batch: [([requests], self) => [
        requests.map(request => know_client(request, self).id),
        requests.map(request => request.value),
    ], (values, _self, args) => respond_all(values, args)],
    wait: [args => args, () => true],
    done: [args => args, Boolean],
    finish: [args => args, value => pack_for_application(value)],
    client_failed: [args => args, () => true],
};

/* In the application promises continue only while its main loop runs, and that loop belongs to the
 * program, so no call may wait for a promise here. */
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
        // GJS refuses calls while it collects garbage: the library calls again unless this reports
        // the entry.
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
    // A client's process() takes no arguments.
    const take = (args, self) => args.length > 0 ? arrive(args, self) : args;

    return guard(function (...args) {
        return leave(wait(this[name](...take(args, this))), this, args);
    }, wait);
}

function own_methods(prototype) {
    return Object.getOwnPropertyNames(prototype).filter(name => {
        const {value} = Object.getOwnPropertyDescriptor(prototype, name);

        return typeof value === 'function';
    });
}

/* A class uses one kind of methods: if it defines any vfunc_, its plain names are not called. */
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

function overrides(object, name) {
    for (let prototype = Object.getPrototypeOf(object); !is_native_type(prototype.constructor);
        prototype = Object.getPrototypeOf(prototype)) {
        if (Object.hasOwn(prototype, `vfunc_${name}`))
            return true;
    }
    return false;
}

/**
 * Refuses an object whose class has a method as a field, as in `process = () => 1`. It would never
 * be called, and without its own done() a client goes on forever.
 *
 * @param {object} object of a class that implement() has prepared
 */
function check_fields(object) {
    const field = Object.getOwnPropertyNames(object).find(name => Object.hasOwn(SIGNATURES, name) &&
        typeof object[name] === 'function' && !overrides(object, name));

    if (field !== undefined) {
        throw failed(`${object.constructor.name} has '${field}' as a field, which overrides ` +
            `nothing: write it as a method, ${field}() { ... }`);
    }
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
    // As in Gtk's override: GObject.registerClass () lets the class set itself up.
    base._classInit = function (klass) {
        prepare(klass.prototype, waits);
        return GObject.Object._classInit(klass);
    };
}
