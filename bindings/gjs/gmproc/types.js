/* types.js: objects of JavaScript that no other language has
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported FOREIGN_TYPE, describe_object, revive, tag_of */

const {GLib} = imports.gi;
const {bad_payload} = imports.gmproc.errors;

/** The GVariant type of such an object: its kind, and a value that it can be made of again. */
var FOREIGN_TYPE = '(sv)';

const PREFIX = 'gmproc.js.';

function own_values(error) {
    // The properties of the language itself are not enumerable.
    const names = ['message', 'stack', 'cause', 'errors'].filter(name => name in error);
    const values = Object.entries(error).filter(([, value]) => typeof value !== 'function');

    return Object.fromEntries([...values, ['name', error.name],
        ...names.map(name => [name, error[name]])]);
}

function find_error_class(name) {
    const found = globalThis[name];

    return typeof found === 'function' && found.prototype instanceof Error ? found : Error;
}

function make_error(values) {
    // AggregateError's constructor takes other arguments than all others.
    const error = Object.setPrototypeOf(new Error(), find_error_class(values.name).prototype);

    for (const [name, value] of Object.entries(values)) {
        if (error[name] !== value) {
            Object.defineProperty(error, name, {
                value, writable: true, configurable: true,
                enumerable: !['name', 'message', 'stack', 'cause', 'errors'].includes(name),
            });
        }
    }
    return error;
}

function* in_pairs(flat) {
    for (let i = 0; i < flat.length; i += 2)
        yield [flat[i], flat[i + 1]];
}

function bytes_of(view) {
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/* Each type with its parts; a natural value, for languages without an equivalent; and a function
 * that rebuilds it. A type without a natural value cannot be sent to another language. */
const KINDS = {
    Date: {
        is: object => object instanceof Date,
        parts: date => date.getTime(),
        natural: date => date.toJSON(),
        make: time => new Date(time),
    },
    Map: {
        is: object => object instanceof Map,
        parts: map => [...map].flat(),
        make: flat => new Map(in_pairs(flat)),
    },
    Set: {
        is: object => object instanceof Set,
        parts: set => [...set],
        natural: set => [...set],
        make: values => new Set(values),
    },
    ArrayBuffer: {
        is: object => object instanceof ArrayBuffer,
        parts: buffer => new Uint8Array(buffer),
        natural: buffer => new Uint8Array(buffer),
        make: bytes => bytes.buffer,
    },
    DataView: {
        is: object => object instanceof DataView,
        parts: bytes_of,
        natural: bytes_of,
        make: bytes => new DataView(bytes.buffer),
    },
    RegExp: {
        is: object => object instanceof RegExp,
        parts: ({source, flags}) => [source, flags],
        make: ([source, flags]) => new RegExp(source, flags),
    },
    'GLib.Error': {
        is: object => object instanceof GLib.Error,
        parts: ({domain, code, message}) => [GLib.quark_to_string(domain), code, message],
        make: ([domain, code, message]) => new GLib.Error(GLib.quark_from_string(domain), code,
            message),
    },
    Error: {
        is: object => object instanceof Error,
        parts: own_values,
        make: make_error,
    },
    BigInt: {
        is: value => typeof value === 'bigint',
        parts: Number,
        make: BigInt,
    },
    Int8Array: {make: numbers => new Int8Array(numbers)},
    Uint8ClampedArray: {make: numbers => new Uint8ClampedArray(numbers)},
    Float32Array: {make: numbers => new Float32Array(numbers)},
};

/**
 * @param {object} object an object that is neither plain nor an array
 * @returns {?object} its `tag`, its `parts`, and its `natural` value where it has one; null for an
 *     object of another kind
 */
function describe_object(object) {
    const [name, kind] = Object.entries(KINDS).find(([, {is}]) => is?.(object)) ?? [];

    if (kind === undefined)
        return null;
    return {tag: tag_of(name), parts: () => kind.parts(object),
        natural: kind.natural && (() => kind.natural(object))};
}

/**
 * @param {string} name the name of a kind of object
 * @returns {string} what stands for it before its parts
 */
function tag_of(name) {
    return PREFIX + name;
}

/**
 * @param {Array} values the members of a tuple of FOREIGN_TYPE
 * @returns {any} the object that it stands for; @values where it stands for none
 */
function revive(values) {
    const [tag, parts] = values;
    const name = tag.startsWith(PREFIX) ? tag.slice(PREFIX.length) : '';

    if (!Object.hasOwn(KINDS, name))
        return values;
    try {
        return KINDS[name].make(parts);
    } catch (error) {
        throw bad_payload(`A ${name} arrived that is not made of the right parts: ` +
            error.message);
    }
}
