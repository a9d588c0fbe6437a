/* types.js: the types for TypeScript match the names of GJS exactly
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gmp from 'gi://Gmp?version=1';
import {assert, equal, run_tests, test} from './harness.js';

const TYPES = GLib.getenv('GMPROC_TEST_TYPES');
const HERE = GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]);

const CLASS = /^ {8}(?:abstract )?class (\w+) extends ([\w.]+) \{\n([^]*?)^ {8}\}/gm;
const MEMBER = /^ {12}(static |readonly )?'?([\w$]+)'?(\?)?([(:])/gm;
const SIGNAL = /^ {12}connect\(signal: '([\w-]+)'/gm;

const text = new TextDecoder().decode(GLib.file_get_contents(TYPES)[1]);
const classes = new Map([...text.matchAll(CLASS)].map(([, name, , body]) => [name, body]));
const parents = new Map([...text.matchAll(CLASS)].map(([, name, parent]) => [name, parent]));

function members_of(body) {
    return [...body.matchAll(MEMBER)].map(([, prefix, name, optional]) => ({
        name, is_static: prefix === 'static ', optional: optional !== undefined,
    })).filter(({name}) => !['constructor', 'connect', '$gtype'].includes(name));
}

function is_javascript(value) {
    try {
        return !Function.prototype.toString.call(value).includes('[native code]');
    } catch (error) {
        // A function that GJS has made for a C function may refuse.
        return false;
    }
}

function all_members_of(name) {
    return classes.has(name)
        ? [...members_of(classes.get(name)), ...all_members_of(parents.get(name))] : [];
}

/* Functions of the override. */
function own_functions(object) {
    return Object.getOwnPropertyNames(object).filter(name => {
        // Members of a namespace have no value before their first use.
        const {value} = Object.getOwnPropertyDescriptor(object, name) ?? {};

        return typeof value === 'function' && !/^(_|vfunc_|constructor$)/.test(name) &&
            is_javascript(value);
    });
}

test('what-is-written-exists', () => {
    const missing = [];

    assert(classes.size > 8, `only ${classes.size} classes were found`);
    for (const [name, body] of classes) {
        for (const {name: member, is_static, optional} of members_of(body)) {
            const place = is_static ? Gmp[name] : Gmp[name].prototype;

            // A method with a question mark may be defined by a subclass.
            if (name !== 'Error' && !optional && !(member in place))
                missing.push(`${name}.${member}`);
        }
        for (const [, signal] of body.matchAll(SIGNAL)) {
            if (GObject.signal_lookup(signal, Gmp[name].$gtype) === 0)
                missing.push(`${name}::${signal}`);
        }
    }
    for (const [, name] of text.matchAll(/^ {8}(?:function|const|enum) (\w+)/gm)) {
        if (!(name in Gmp))
            missing.push(name);
    }
    equal(missing, []);
});

test('what-exists-is-written', () => {
    const missing = [];

    for (const name of classes.keys()) {
        const written = all_members_of(name);
        const check = (object, is_static) => own_functions(object).forEach(member => {
            if (!written.some(each => each.name === member && each.is_static === is_static))
                missing.push(`${name}.${member}`);
        });

        if (name !== 'Error') {
            check(Gmp[name], true);
            check(Gmp[name].prototype, false);
        }
    }
    for (const name of own_functions(Gmp)) {
        if (!new RegExp(`^ {8}function ${name}\\(`, 'm').test(text))
            missing.push(name);
    }
    equal(missing, []);
});

/* The library's own description of its types. */
test('of-the-library', () => {
    const missing = [];
    let n_found = 0;

    for (const [name, body] of classes) {
        const written = members_of(body).map(each => each.name);

        if (name === 'Error')
            continue;
        for (const pspec of GObject.Object.list_properties.call(Gmp[name])) {
            if (pspec.owner_type !== Gmp[name].$gtype)
                continue;
            n_found++;
            if (!written.includes(pspec.name.replaceAll('-', '_')))
                missing.push(`${name}.${pspec.name}`);
        }
        for (const id of GObject.signal_list_ids(Gmp[name].$gtype)) {
            const {signal_name} = GObject.signal_query(id);

            n_found++;
            if (!body.includes(`connect(signal: '${signal_name}'`))
                missing.push(`${name}::${signal_name}`);
        }
    }
    equal(missing, []);
    assert(n_found > 50, `only ${n_found} properties and signals were found`);
});

test('compiler', async () => {
    const compiler = GLib.find_program_in_path('tsc');

    if (compiler === null) {
        print('# There is no tsc: what it says was not looked at');
        return;
    }

    const process = Gio.Subprocess.new([
        compiler, '--noEmit', '--strict', '--target', 'es2022', '--module', 'es2022', TYPES,
        `${HERE}/types/stubs.d.ts`, `${HERE}/types/use.ts`,
    ], Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_MERGE);
    const [, output] = process.communicate_utf8(null, null);

    equal(output, '');
    assert(process.get_successful(), 'tsc has failed');
});

await run_tests();
