/* host.js: the program of worker processes in JavaScript
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';

/* The override must match this file, whatever the environment contains. It is therefore loaded from
 * its own place, beside this file or where it is installed, and not by an import statement, which
 * would run earlier. */
const folder = Gio.File.new_for_uri(import.meta.url).get_parent();
const installed = folder.get_parent().get_parent().get_child('gjs-1.0');
const override = 'overrides/Gmp.js';
const override_folder = [folder, installed].find(
    place => place.resolve_relative_path(override).query_exists(null));

if (override_folder !== undefined) {
    imports.searchPath.unshift(override_folder.get_path());
    // GJS has searched for this folder when it loaded its own overrides, and keeps the result.
    imports.overrides.searchPath.unshift(override_folder.get_child('overrides').get_path());
}
imports.gi.versions.Gmp = '1';

const {Gmp} = imports.gi;
const {enter} = imports.gmproc.bundles;
const {convert, failed, internal, not_found} = imports.gmproc.errors;
const {check_fields, guard} = imports.gmproc.calls;
const {count, release} = imports.gmproc.memory;
const {let_jobs_exit, settle} = imports.gmproc.settle;
const {digest_of, state} = imports.gmproc.targets;
const {pack_for_application} = imports.gmproc.writer;

internal.push(import.meta.url);
state.is_worker = true;
let_jobs_exit(code => Gmp.Host.exit(code));

function load(place) {
    const url = enter(place);

    if (!Gio.File.new_for_uri(url).query_exists(null)) {
        throw not_found(`There is no module ${place}${place.startsWith('resource:') ? ': a ' +
            'worker finds a module of a GResource only if the program has loaded it from a file, ' +
            'with Gio.Resource.load()' : ''}`);
    }
    state.importing = url;
    try {
        return settle(import(url));
    } catch (error) {
        throw failed(`The module ${url} cannot be imported: ${convert(error).message}`);
    } finally {
        state.importing = null;
    }
}

/* The export of a module that has a source text; the name decides between several. A different text
 * under that name is other code: a function of the same name elsewhere, or a module that has
 * changed. */
function find_by_digest(module, url, name, digest) {
    const names = Object.keys(module).filter(
        each => typeof module[each] === 'function' && digest_of(module[each]) === digest);
    const what = name ? `'${name}'` : 'A function or class without a name';

    if (names.includes(name) || names.length === 1)
        return module[names.includes(name) ? name : names[0]];
    if (names.length > 1) {
        throw not_found(`${what} may be any of ${names.join(', ')}, which ${url} exports: pass ` +
            `Gmp.exported(import.meta, '${names[0]}') to choose one`);
    }
    if (name in module) {
        throw not_found(`${what}, which ${url} exports, differs from what the program has passed ` +
            'by that name: the file may have changed since the program was started');
    }
    throw not_found(`${what} is not exported by ${url}, so a worker cannot find it: write ` +
        "'export' before it");
}

// The description of a target, without its runtime: file:///path/module.js#name, or #name@digest.
function find(description) {
    const [, url, name, digest] = /^(.+)#([^#@]*)(?:@([0-9a-f]+))?$/.exec(description) ?? [];

    if (url === undefined || name === '' && digest === undefined) {
        throw not_found(`'gjs:${description}' is not a target: write it as ` +
            'gjs:file:///path/module.js#name');
    }

    const module = load(url);
    const place = `'${name}' of ${url}`;

    if (digest !== undefined)
        return {value: find_by_digest(module, url, name, digest), place};
    if (!(name in module)) {
        throw not_found(`The module ${url} exports no '${name}': only what a module exports can ` +
            'run in a worker');
    }
    return {value: module[name], place};
}

function is_subclass(value, base) {
    return typeof value === 'function' && value.prototype instanceof base;
}

// Classes that only workers instantiate may be registered by the worker.
function register(type) {
    if (Object.hasOwn(type, '$gtype'))
        return;
    register(Object.getPrototypeOf(type));
    // A kept process may already have a class of this name from another module.
    if (!Object.hasOwn(type, GObject.GTypeName) &&
        GObject.type_from_name(`Gjs_${type.name}`) !== null)
        type[GObject.GTypeName] = `Gjs_${type.name}_${GLib.uuid_string_random()}`;
    GObject.registerClass(type);
}

function make(type, ...args) {
    const object = new type(...args);

    check_fields(object);
    return object;
}

function is_generator(value) {
    return ['[object Generator]', '[object AsyncGenerator]'].includes(
        Object.prototype.toString.call(value));
}

// Each value of a generator is a turn's result. Its return value, or else its last value, is the
// worker's result.
function run_turns(generator) {
    let last = null;

    try {
        for (;;) {
            const {value, done} = settle(generator.next());

            if (done)
                return pack_for_application(value) ?? last;
            last = pack_for_application(value);
            Gmp.Worker.report_turn(last);
        }
    } finally {
        // If a turn cannot be sent, the generator's own "finally" runs.
        settle(generator.return());
    }
}

class Host extends Gmp.Host {
    vfunc_prepare(description, _id, params) {
        count(params);
        this._found = find(description);
        return true;
    }

    vfunc_call(_description, id, params) {
        const {value, place} = this._found;

        if (is_subclass(value, Gmp.Workers)) {
            register(value);
            return this.call_instance(make(value), id, params);
        }
        if (typeof value !== 'function')
            throw not_found(`${place} is not a function`);

        const result = settle(value(Gmp.unpack(params)));

        return is_generator(result) ? run_turns(result) : pack_for_application(result);
    }

    vfunc_build(_description, id) {
        const {value, place} = this._found;

        if (!is_subclass(value, Gmp.Worker)) {
            throw not_found(`${place} is not a class of servers or clients: it should extend ` +
                'Gmp.ServerWorker or Gmp.ClientWorker');
        }
        register(value);
        return make(value, {id});
    }

    vfunc_release() {
        release();
        return true;
    }
}

for (const name of ['vfunc_prepare', 'vfunc_call', 'vfunc_build', 'vfunc_release'])
    Host.prototype[name] = guard(Host.prototype[name]);
GObject.registerClass(Host);

imports.system.exit(new Host().run());
