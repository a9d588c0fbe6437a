/* errors.js: errors that JavaScript throws, with their form for other processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported bad_payload, convert, failed, internal, not_found */

const {GLib} = imports.gi;

/* The files whose lines are left out of a stack: /folder/gmproc/errors.js is this file. */
const [, FOLDER] = /@(?:file:\/\/)?(.*)\/errors\.js:/.exec(new Error().stack);

/* How many errors that one caused the other are described: each is indented by more. */
const CAUSES_MAX = 64;

/** Parts of paths: a line of a stack that has one is left out. */
var internal = [`${FOLDER}/`];

function make(code, message) {
    // Looked up at the first call, because the namespace is incomplete when this module is loaded.
    const {Gmp} = imports.gi;

    return new Gmp.Error({code: Gmp.Error[code], message});
}

/**
 * @param {string} message what went wrong
 * @returns {GLib.Error} Gmp.Error.BAD_PAYLOAD
 */
function bad_payload(message) {
    return make('BAD_PAYLOAD', message);
}

/**
 * @param {string} message what went wrong
 * @returns {GLib.Error} Gmp.Error.NOT_FOUND
 */
function not_found(message) {
    return make('NOT_FOUND', message);
}

/**
 * @param {string} message what went wrong
 * @returns {GLib.Error} Gmp.Error.FAILED
 */
function failed(message) {
    return make('FAILED', message);
}

// A thrown value may be anything, and reading it may throw in turn: the getter of a property, a
// proxy. This second error must not replace the first.

function attempt(get, otherwise) {
    try {
        return get();
    } catch (refused) {
        return otherwise;
    }
}

function is_a(value, kind) {
    return attempt(() => value instanceof kind, false);
}

function read(object, name) {
    return attempt(() => object[name], '(cannot be read)');
}

function head_of(error) {
    return `${show_plain(read(error, 'name'))}: ${show_plain(read(error, 'message'))}`;
}

function stack_of(error) {
    const lines = String(show_plain(read(error, 'stack') ?? '')).split('\n').filter(
        line => line !== '' && !internal.some(part => line.includes(part)));

    // A syntax error has no stack, but it has a place.
    if (is_a(error, SyntaxError) && read(error, 'fileName')) {
        lines.unshift(['fileName', 'lineNumber', 'columnNumber'].map(
            name => show_plain(read(error, name))).join(':'));
    }
    return lines;
}

// A short description of any value, also of one that JSON refuses.
function show(value) {
    return attempt(() => JSON.stringify(value, (_key, inner) => {
        return typeof inner === 'bigint' ? `${inner}n`
            : typeof inner === 'symbol' ? String(inner) : inner;
    }) ?? String(value), null) ?? show_class(value);
}

function show_class(value) {
    return attempt(() => Object.prototype.toString.call(value), 'a value that cannot be read');
}

// The same, with text as it is.
function show_plain(value) {
    return typeof value === 'string' || typeof value === 'symbol' ? String(value) : show(value);
}

function indent(lines) {
    return lines.flatMap(line => line.split('\n')).map(line => `    ${line}`);
}

/* All facts about an error, in lines: its stack, its properties besides the message, and the errors
 * that are its cause. @outer: the errors that it is a cause of. */
function describe(thrown, outer = []) {
    if (outer.includes(thrown))
        return [`${head_of(thrown)} (see above)`];
    if (!is_a(thrown, Error))
        return [is_a(thrown, GLib.Error) ? `${thrown}` : show_plain(thrown)];
    if (outer.length === CAUSES_MAX)
        return [`${head_of(thrown)} (its causes are left out)`];

    const inside = [...outer, thrown];
    const lines = [head_of(thrown), ...indent(stack_of(thrown))];
    const errors = read(thrown, 'errors');
    const cause = read(thrown, 'cause');

    for (const name of attempt(() => Object.keys(thrown), []).filter(key => key !== 'cause'))
        lines.push(...indent([`${name}: ${show(read(thrown, name))}`]));
    for (const each of attempt(() => Array.isArray(errors) ? [...errors] : [], []))
        lines.push(...indent(['One of its errors:', ...indent(describe(each, inside))]));
    if (cause !== undefined)
        lines.push('Caused by:', ...indent(describe(cause, inside)));
    return lines;
}

function make_error(thrown) {
    if (is_a(thrown, GLib.Error))
        return thrown;
    if (!is_a(thrown, Error))
        return failed(`${describe(thrown)} was thrown, which is no Error and so has no stack`);
    return failed(describe(thrown).join('\n'));
}

/**
 * The error that another process gets for what was thrown here.
 *
 * A GLib.Error keeps its domain and code. Anything else becomes Gmp.Error.FAILED. Its message has
 * the name of the JavaScript error, its stack, properties such as `code`, and its causes.
 *
 * @param {any} thrown what a catch got
 * @returns {GLib.Error} the error to throw on
 */
function convert(thrown) {
    try {
        return make_error(thrown);
    } catch (exhausted) {
        // Memory was used up, and still is: what the call has left must be collected.
        imports.system.gc();
        return make_error(thrown);
    }
}
