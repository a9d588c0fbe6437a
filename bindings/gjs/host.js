/* host.js: the program of worker processes in JavaScript
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GObject from 'gi://GObject';
import System from 'system';

/* The override belongs to this file, whatever the environment says. So it is loaded from where it
 * lies, beside this file or as it is installed, and not by an import statement, which would come
 * before. */
const folder = Gio.File.new_for_uri(import.meta.url).get_parent();
const installed = folder.get_parent().get_parent().get_child('gjs-1.0');
const override = 'overrides/Gmp.js';
const override_folder = [folder, installed].find(
    place => place.resolve_relative_path(override).query_exists(null));

if (override_folder !== undefined) {
    imports.searchPath.unshift(override_folder.get_path());
    // GJS has looked for this folder, when it loaded its own overrides, and keeps what it found.
    imports.overrides.searchPath.unshift(override_folder.get_child('overrides').get_path());
}
imports.gi.versions.Gmp = '1';

const {Gmp} = imports.gi;
const {convert, failed, internal, not_found} = imports.gmproc.errors;
const {guard} = imports.gmproc.calls;
const {importing} = imports.gmproc.runs;
const {settle} = imports.gmproc.settle;
const {pack_for_application} = imports.gmproc.writer;

internal.push(import.meta.url);

function load(url) {
    if (!Gio.File.new_for_uri(url).query_exists(null))
        throw not_found(`There is no module ${url}`);
    importing.url = url;
    try {
        return settle(import(url));
    } catch (error) {
        throw failed(`The module ${url} cannot be imported: ${convert(error).message}`);
    } finally {
        importing.url = null;
    }
}

// What a target without its runtime names: file:///path/module.js#name.
function find(description) {
    const [, url, name] = /^(.+)#([^#]+)$/.exec(description) ?? [];

    if (url === undefined) {
        throw not_found(`'gjs:${description}' is not a target: it should read ` +
            'gjs:file:///path/module.js#name');
    }

    const module = load(url);

    if (!(name in module)) {
        throw not_found(`The module ${url} exports no '${name}': only what a module exports can ` +
            'run in a worker');
    }
    return {value: module[name], place: `'${name}' of ${url}`};
}

function is_subclass(value, base) {
    return typeof value === 'function' && value.prototype instanceof base;
}

// Classes that only workers make instances of may leave it to them to register the class.
function register(type) {
    if (Object.hasOwn(type, '$gtype'))
        return;
    register(Object.getPrototypeOf(type));
    GObject.registerClass(type);
}

class Host extends Gmp.Host {
    vfunc_prepare(description) {
        this._found = find(description);
        return true;
    }

    vfunc_call(_description, id, params) {
        const {value, place} = this._found;

        if (is_subclass(value, Gmp.Workers)) {
            register(value);
            return new value().vfunc_process(Number(id), params);
        }
        if (typeof value !== 'function')
            throw not_found(`${place} is no function`);
        return pack_for_application(settle(value(Gmp.unpack(params))));
    }

    vfunc_build(_description, id) {
        const {value, place} = this._found;

        if (!is_subclass(value, Gmp.Worker)) {
            throw not_found(`${place} is no class of servers or clients: it should extend ` +
                'Gmp.ServerWorker or Gmp.ClientWorker');
        }
        register(value);
        return new value({id});
    }
}

for (const name of ['vfunc_prepare', 'vfunc_call', 'vfunc_build'])
    Host.prototype[name] = guard(Host.prototype[name]);
GObject.registerClass(Host);

System.exit(new Host().run());
