/* Gmp.js: additions of GJS to the namespace Gmp: plain names, plain values and promises
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported _init */

const {PEER_RUNTIMES, extend_request, implement, know_client} = imports.gmproc.calls;
const {check_client_id, check_count, check_id, check_options, check_size, check_timeout,
    guard_methods, list_ids} = imports.gmproc.given;
const {extend_pool} = imports.gmproc.pool;
const {unpack, unpack_map} = imports.gmproc.reader;
const {extend_remote_env} = imports.gmproc.remote;
const {promise, run, run_async} = imports.gmproc.runs;
const {exported, init, is_native_type, runtime_of, target_of} = imports.gmproc.targets;
const {pack, pack_for_application} = imports.gmproc.writer;

const LIFE_CYCLE = ['start', 'process', 'request', 'process_batch', 'update', 'wait', 'done',
    'finish', 'client_failed'];
const TURNS = ['start', 'process', 'wait', 'done', 'finish'];

const RUNTIMES = Symbol('The languages of the workers, by id');
const CLIENT_IDS = Symbol('The ids as they were given, by their text');

/* Workers */

function extend_workers(Workers) {
    const {add: native_add, add_target, run: native_run, run_async: native_run_async, set_params} =
        Workers.prototype;
    const results_of = workers => unpack_map(workers.get_results());

    set_defaults(Workers);
    guard_methods(Workers.prototype, ['get_error', 'get_node', 'fail', 'run_again'], check_id);
    Workers.new = function () {
        return new this();
    };

    /**
     * Adds a worker that runs an exported function, or the methods of an exported subclass.
     *
     * @param {number} id the worker's id, an integer
     * @param {?(Function|string)} code an exported function or class, or a target of any language;
     *     null for the class of these workers
     * @param {any} params what the function gets, a plain value
     */
    Workers.prototype.add = function (id, code = null, params = null) {
        check_id(id);

        const found = code ?? this.constructor;
        const runtime = runtime_of(found);
        const variant = pack(params, () => runtime);

        if (code === null && is_native_type(found))
            native_add.call(this, id, null, variant);
        else
            add_target.call(this, id, target_of(found), variant);
        this[RUNTIMES] ??= new Map();
        this[RUNTIMES].set(id, runtime);
    };
    Workers.prototype.add_target = Workers.prototype.add;

    /**
     * @param {number} id a worker's id
     * @param {any} params what its function gets in the next run
     */
    Workers.prototype.set_params = function (id, params) {
        check_id(id);
        set_params.call(this, id, pack(params, () => this[RUNTIMES]?.get(id)));
    };

    /**
     * Runs workers and waits for them.
     *
     * @param {?Iterable<number>} ids the workers to run; null for all
     * @param {?Gio.Cancellable} cancellable ends the run
     * @returns {Map<number, any>} the results by id
     * @throws {GLib.Error} the first worker's that failed, with a Map of the others' `results`,
     *     and `failures`, an array of Gmp.Failure
     */
    Workers.prototype.run = function (ids = null, cancellable = null) {
        return run(this, () => native_run.call(this, list_ids(ids), cancellable),
            () => results_of(this));
    };

    /**
     * Runs workers. With a callback it is the method of C, without one a promise.
     *
     * @param {?Iterable<number>} ids the workers to run; null for all
     * @param {?Gio.Cancellable} cancellable ends the run
     * @param {?Gio.AsyncReadyCallback} callback called at the end
     * @returns {Promise<Map<number, any>>} the results by id; rejects as run () throws
     */
    Workers.prototype.run_async = function (ids = null, cancellable = null, callback = null) {
        const start = done => native_run_async.call(this, list_ids(ids), cancellable, done);

        return callback !== null ? start(callback)
            : run_async(this, start, result => this.run_finish(result),
                () => results_of(this));
    };
}

/* ClientServer */

function check_properties(type, adapt = properties => properties) {
    const native_init = type.prototype._init;

    type.prototype._init = function (properties = {}) {
        check_options(type, properties);
        return native_init.call(this, adapt(properties));
    };
}

// These objects receive JavaScript values, and send them if they are servers.
function set_defaults(Runner, adapt = properties => properties) {
    check_properties(Runner, properties => ({runtime: 'gjs', ...adapt(properties)}));
}

function extend_clients(ClientServer) {
    const {add_client, add_client_target, add_clients, add_clients_target, set_params} =
        ClientServer.prototype;

    function remember(application, id, client) {
        application[CLIENT_IDS] ??= new Map();
        application[CLIENT_IDS].set(`${id}`, id);
        application[PEER_RUNTIMES] ??= new Map();
        application[PEER_RUNTIMES].set(`${id}`, runtime_of(client));
    }

    function pack_for(client, params) {
        return pack(params, () => runtime_of(client));
    }

    /**
     * Adds a client.
     *
     * @param {string|number} id the client's id: the results have it as it is
     * @param {Function|GObject.GType|string} client an exported class, a type of C, or a target of
     *     any language
     * @param {any} params what the client's start () gets, a plain value
     */
    ClientServer.prototype.add_client = function (id, client, params = null) {
        check_client_id(id);

        const variant = pack_for(client, params);

        if (is_native_type(client))
            add_client.call(this, `${id}`, client, variant);
        else
            add_client_target.call(this, `${id}`, target_of(client), variant);
        remember(this, id, client);
    };
    ClientServer.prototype.add_client_target = ClientServer.prototype.add_client;

    /**
     * Adds clients with the ids "0", "1" and so on; none if one of these ids is taken.
     *
     * @param {number} n how many
     * @param {Function|GObject.GType|string} client an exported class, a type of C, or a target of
     *     any language
     * @param {any} params what each client's start () gets, a plain value
     */
    ClientServer.prototype.add_clients = function (n, client, params = null) {
        check_count(n);

        const variant = pack_for(client, params);

        if (is_native_type(client))
            add_clients.call(this, n, client, variant);
        else
            add_clients_target.call(this, n, target_of(client), variant);
        for (let i = 0; i < n; i++)
            remember(this, `${i}`, client);
    };
    ClientServer.prototype.add_clients_target = ClientServer.prototype.add_clients;

    // The older names.
    ClientServer.prototype.new_worker = ClientServer.prototype.add_client;
    ClientServer.prototype.new_worker_target = ClientServer.prototype.add_client;
    ClientServer.prototype.new_workers = ClientServer.prototype.add_clients;

    /**
     * @param {string|number} id a client's id
     * @param {any} params what its start () gets in the next run
     */
    ClientServer.prototype.set_params = function (id, params) {
        check_client_id(id);
        set_params.call(this, `${id}`, pack(params, () => this[PEER_RUNTIMES]?.get(`${id}`)));
    };
}

function results_of(application) {
    const ids = application[CLIENT_IDS];

    return new Map([...unpack_map(application.get_results())].map(
        ([id, value]) => [ids?.get(id) ?? id, value]));
}

function extend_runs(ClientServer) {
    const {run: native_run, run_async: native_run_async} = ClientServer.prototype;

    function pack_for_server({server_target, server_type}, params) {
        return pack(params, () => {
            if (server_target !== null)
                return runtime_of(server_target);
            return server_type.name === 'void' ? 'gjs' : 'native';
        });
    }

    /**
     * Runs the server and all clients, and waits for them.
     *
     * @param {any} params what the server's start () gets, a plain value
     * @param {?Gio.Cancellable} cancellable ends the run
     * @returns {Map<string|number, any>} what the clients' finish () returned, by id
     * @throws {GLib.Error} the server's, or the first client's that failed, with a Map of the
     *     others' `results`, and `failures`, an array of Gmp.Failure
     */
    ClientServer.prototype.run = function (params = null, cancellable = null) {
        const variant = pack_for_server(this, params);

        return run(this, () => native_run.call(this, variant, cancellable),
            () => results_of(this));
    };

    /**
     * Runs the server and all clients. With a callback it is the method of C, without one a
     * promise.
     *
     * @param {any} params what the server's start () gets, a plain value
     * @param {?Gio.Cancellable} cancellable ends the run
     * @param {?Gio.AsyncReadyCallback} callback called at the end
     * @returns {Promise<Map<string|number, any>>} as run () returns; rejects as it throws
     */
    ClientServer.prototype.run_async = function (params = null, cancellable = null,
        callback = null) {
        const variant = pack_for_server(this, params);
        const start = done => native_run_async.call(this, variant, cancellable, done);

        return callback !== null ? start(callback)
            : run_async(this, start, result => this.run_finish(result),
                () => results_of(this));
    };
}

/* Runs that the program drives: the program is the server of its clients. */
function extend_open_runs(ClientServer) {
    const {open, open_async, receive, receive_async, close, close_async} = ClientServer.prototype;
    const pack_params = params => pack(params, () => 'gjs');

    function check_receive(n, timeout) {
        check_count(n, 'The number of requests');
        check_timeout(timeout);
    }

    function know_clients(application, requests) {
        for (const request of requests)
            know_client(request, application);
        return requests;
    }

    /**
     * Starts the clients, and leaves the run open.
     *
     * @param {any} params what the start () of a subclass gets, a plain value
     * @param {?Gio.Cancellable} cancellable ends the run
     * @returns {boolean} true
     */
    ClientServer.prototype.open = function (params = null, cancellable = null) {
        return open.call(this, pack_params(params), cancellable);
    };

    /**
     * Starts the clients, and leaves the run open. With a callback it is the method of C, without
     * one a promise.
     *
     * @param {any} params what the start () of a subclass gets, a plain value
     * @param {?Gio.Cancellable} cancellable ends the run
     * @param {?Gio.AsyncReadyCallback} callback called when it is open
     * @returns {Promise<boolean>} true
     */
    ClientServer.prototype.open_async = function (params = null, cancellable = null,
        callback = null) {
        const start = done => open_async.call(this, pack_params(params), cancellable, done);

        return callback !== null ? start(callback)
            : promise(start, result => this.open_finish(result));
    };

    /**
     * Takes the next requests, each of another client, and waits for them.
     *
     * @param {number} n how many; 0 for one of each client
     * @param {number} timeout how many seconds to wait for them; less than 0 for any time
     * @param {?Gio.Cancellable} cancellable ends this call
     * @returns {Gmp.Request[]} the requests; and one with an `error` for each client that failed
     */
    ClientServer.prototype.receive = function (n = 0, timeout = -1, cancellable = null) {
        check_receive(n, timeout);
        return know_clients(this, receive.call(this, n, timeout, cancellable));
    };

    /**
     * Takes the next requests. With a callback it is the method of C, without one a promise.
     *
     * @param {number} n how many; 0 for one of each client
     * @param {number} timeout how many seconds to wait for them; less than 0 for any time
     * @param {?Gio.Cancellable} cancellable ends this call
     * @param {?Gio.AsyncReadyCallback} callback called when they are there
     * @returns {Promise<Gmp.Request[]>} as receive () returns
     */
    ClientServer.prototype.receive_async = function (n = 0, timeout = -1, cancellable = null,
        callback = null) {
        check_receive(n, timeout);

        const start = done => receive_async.call(this, n, timeout, cancellable, done);

        return callback !== null ? start(callback)
            : promise(start, result => know_clients(this, this.receive_finish(result)));
    };

    /**
     * Ends the run, and waits for its clients.
     *
     * @param {?Gio.Cancellable} cancellable ends the clients at once
     * @returns {Map<string|number, any>} what their finish () returned, by id
     */
    ClientServer.prototype.close = function (cancellable = null) {
        return run(this, () => close.call(this, cancellable), () => results_of(this));
    };

    /**
     * Ends the run. With a callback it is the method of C, without one a promise.
     *
     * @param {?Gio.Cancellable} cancellable ends the clients at once
     * @param {?Gio.AsyncReadyCallback} callback called when they have ended
     * @returns {Promise<Map<string|number, any>>} as close () returns
     */
    ClientServer.prototype.close_async = function (cancellable = null, callback = null) {
        const start = done => close_async.call(this, cancellable, done);

        return callback !== null ? start(callback)
            : run_async(this, start, result => this.close_finish(result), () => results_of(this));
    };
}

/* The properties for the server are types and targets; JavaScript classes are converted. */
function adapt_server(properties) {
    return Object.fromEntries(Object.entries(properties).map(([name, value]) => {
        const is_server = /^server[-_]?(type|target)$/i.test(name);

        return is_server && value !== null && !is_native_type(value)
            ? ['server_target', target_of(value)] : [name, value];
    }));
}

function extend_client_server(ClientServer) {
    set_defaults(ClientServer, adapt_server);
    guard_methods(ClientServer.prototype, ['get_error', 'get_node'], check_client_id, String);

    /**
     * @param {?(Function|GObject.GType|string)} server an exported class, a type of C, or a target
     *     of any language; null for a subclass that is the server itself
     * @returns {Gmp.ClientServer} an application without clients yet
     */
    ClientServer.new = function (server = null) {
        return new this(server !== null ? {server_type: server} : {});
    };
    ClientServer.new_for_target = ClientServer.new;

    extend_clients(ClientServer);
    extend_runs(ClientServer);
    extend_open_runs(ClientServer);
}

/* The namespace */

function add_base_methods(Gmp) {
    // The methods that a subclass overrides, and may call with super.
    Object.assign(Gmp.Workers.prototype, {
        start(_id, _params) {},
        update(_id, _result) {},
        wait(_id) {},
        done: _id => true,
        finish: _id => null,
    });
    Object.assign(Gmp.Worker.prototype, {
        start(_params) {},
        wait() {},
        done: () => false,
        finish: () => null,
    });
    Object.assign(Gmp.ClientWorker.prototype, {process: () => null, update(_response) {}});
    Gmp.ServerWorker.prototype.client_failed = function (_client_id, _reason) {};
    Gmp.ServerWorker.prototype.done = function () {
        return this.get_n_clients() === 0;
    };
    Object.assign(Gmp.ClientServer.prototype, {
        start(_params) {},
        wait() {},
        done() {
            return this.get_n_clients() === 0;
        },
        finish: () => null,
        update(_client_id, _progress) {},
        client_failed(_client_id, _reason) {},
    });
}

function _init() {
    const {report} = this.Worker;

    // Informs the library that calls may be refused: see calls.js.
    this.Worker.enter();

    /**
     * Reports progress to the application from inside a worker.
     *
     * @param {any} value a plain value: its signal "progress" has it as a variant
     */
    for (const type of [this.Worker, this.ServerWorker, this.ClientWorker])
        type.report = value => report(pack_for_application(value));

    // Its former name.
    this.Application = this.Runner;
    this.init = init;
    this.exported = exported;
    this.pack = (value, runtime = 'gjs') => pack(value, () => runtime);
    this.unpack = unpack;
    implement(this.Worker, LIFE_CYCLE, []);
    implement(this.Workers, TURNS, ['update']);
    implement(this.ClientServer, [], LIFE_CYCLE);
    add_base_methods(this);
    extend_workers(this.Workers);
    extend_client_server(this.ClientServer);
    set_defaults(this.Pool);
    extend_pool(this.Pool);
    guard_methods(this.SharedMemory, ['new'], check_size);
    extend_request(this.Request);
    check_properties(this.RemoteEnv);
    extend_remote_env(this.RemoteEnv);
}
