/* errors.js: errors that JavaScript throws, with their form for other processes
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported bad_payload, convert, failed, internal, not_found */

const {GLib} = imports.gi;

/* The files whose lines are left out of a stack: /folder/gmproc/errors.js is this file. */
const [, FOLDER] = /@(?:file:\/\/)?(.*)\/errors\.js:/.exec(new Error().stack);

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

function stack_of(error) {
    const lines = (error.stack ?? '').split('\n').filter(
        line => line !== '' && !internal.some(part => line.includes(part)));

    // A syntax error has no stack, but it has a place.
    if (error instanceof SyntaxError && error.fileName)
        lines.unshift(`${error.fileName}:${error.lineNumber}:${error.columnNumber}`);
    return lines;
}

// A short description of any value, also of one that JSON refuses.
function show(value) {
    try {
        return JSON.stringify(value,
            (_key, inner) => typeof inner === 'bigint' ? `${inner}n` : inner) ?? String(value);
    } catch (refused) {
        return Object.prototype.toString.call(value);
    }
}

function indent(lines) {
    return lines.flatMap(line => line.split('\n')).map(line => `    ${line}`);
}

/* All facts about an error, in lines: its stack, its properties besides the message, and the errors
 * that are its cause. @outer: the errors that it is a cause of. */
function describe(thrown, outer = []) {
    if (outer.includes(thrown))
        return [`${thrown.name}: ${thrown.message} (see above)`];
    if (!(thrown instanceof Error))
        return [thrown instanceof GLib.Error || typeof thrown === 'string' ? `${thrown}`
            : show(thrown)];

    const inside = [...outer, thrown];
    const lines = [`${thrown.name}: ${thrown.message}`, ...indent(stack_of(thrown))];

    for (const [name, value] of Object.entries(thrown))
        lines.push(...indent([`${name}: ${show(value)}`]));
    for (const each of Array.isArray(thrown.errors) ? thrown.errors : [])
        lines.push(...indent(['One of its errors:', ...indent(describe(each, inside))]));
    if (thrown.cause !== undefined)
        lines.push('Caused by:', ...indent(describe(thrown.cause, inside)));
    return lines;
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
    if (thrown instanceof GLib.Error)
        return thrown;
    if (!(thrown instanceof Error))
        return failed(`${describe(thrown)} was thrown, which is no Error and so has no stack`);
    return failed(describe(thrown).join('\n'));
}
