/* given.js: refuses ids, numbers and options that GJS would convert, or a run refuse
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported check_client_id, check_count, check_id, check_options, check_size, check_timeout,
   guard_methods, list_ids */

const {GObject} = imports.gi;

/* GJS makes 0 of a text, and cuts numbers off. A time-out that is wrong would be none. */

// By GType: the smallest number that the type has, the largest, and how a GValue takes one.
const KINDS = {
    gint: [-(2 ** 31), 2 ** 31 - 1, 'int'],
    guint: [0, 2 ** 32 - 1, 'uint'],
    gint64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'int64'],
    guint64: [0, Number.MAX_SAFE_INTEGER, 'uint64'],
    gdouble: [-Number.MAX_VALUE, Number.MAX_VALUE, 'double'],
};
const TEXT = 'gchararray';

function show(value) {
    return typeof value === 'string' ? `'${value}'` : String(value);
}

function check_whole(what, value, minimum, maximum) {
    if (typeof value !== 'number')
        throw new TypeError(`${what} should be a whole number, not ${show(value)}`);
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
        throw new RangeError(`${what} should be a whole number from ${minimum} to ${maximum}, ` +
            `not ${value}`);
    }
}

/** @param {any} id of a worker */
function check_id(id) {
    check_whole("A worker's id", id, ...KINDS.gint);
}

/** @param {any} id of a client */
function check_client_id(id) {
    if (!['string', 'number', 'bigint'].includes(typeof id))
        throw new TypeError(`A client's id should be a string or a number, not ${show(id)}`);
    // The text would end there.
    if (`${id}`.includes('\0'))
        throw new RangeError(`A client's id cannot contain a NUL character`);
}

/**
 * @param {any} n how many
 * @param {string} what of what it is the number
 */
function check_count(n, what = 'The number of clients') {
    check_whole(what, n, ...KINDS.guint);
}

/** @param {any} size in bytes */
function check_size(size) {
    check_whole('The number of bytes', size, ...KINDS.guint64);
}

/** @param {any} seconds how long a call waits at most; less than 0 for any time */
function check_timeout(seconds) {
    if (typeof seconds !== 'number')
        throw new TypeError(`The time-out should be a number, not ${show(seconds)}`);
    if (Number.isNaN(seconds))
        throw new RangeError('The time-out should be a number, not NaN');
}

/**
 * Has methods of C check their first argument.
 *
 * @param {object} prototype of a class of the library
 * @param {string[]} names of the methods
 * @param {Function} check throws if the argument is wrong
 * @param {Function} adapt what the method gets for it
 */
function guard_methods(prototype, names, check, adapt = first => first) {
    for (const name of names) {
        const method = prototype[name];

        prototype[name] = function (first, ...rest) {
            check(first);
            return method.call(this, adapt(first), ...rest);
        };
    }
}

/**
 * @param {any} ids what a run was given
 * @returns {?number[]} the ids; null for all
 */
function list_ids(ids) {
    if (ids === null)
        return null;
    if (typeof ids !== 'object' || typeof ids[Symbol.iterator] !== 'function')
        throw new TypeError(`A run takes an array of ids, as in [1, 2], not ${show(ids)}`);

    const list = [...ids];

    list.forEach(check_id);
    return list;
}

/* What a property's range makes of a number. */
function fit(spec, number) {
    const [, , kind] = KINDS[spec.value_type.name];
    const value = new GObject.Value();

    value.init(spec.value_type);
    value[`set_${kind}`](number);
    GObject.param_value_validate(spec, value);
    return value[`get_${kind}`]();
}

/* What a run would refuse, as far as that does not depend on the machine. */
function check_text(spec, name, text) {
    if (text === null || text === undefined || text === '')
        return;
    if (typeof text !== 'string')
        throw new TypeError(`${name} should be a string, not ${show(text)}`);
    try {
        imports.gi.Gmp.Runner.check_option(spec.name, text);
    } catch (error) {
        throw new RangeError(`${name}: ${error.message}`);
    }
}

function check_option(spec, value) {
    const name = spec.name.replaceAll('-', '_');

    if (spec.value_type.name === TEXT) {
        check_text(spec, name, value);
        return;
    }

    const [minimum, maximum] = KINDS[spec.value_type.name];

    if (typeof value !== 'number')
        throw new TypeError(`${name} should be a number, not ${show(value)}`);
    if (spec.value_type.name !== 'gdouble' && !Number.isInteger(value))
        throw new RangeError(`${name} should be a whole number, not ${value}`);
    if (value >= minimum && value <= maximum && fit(spec, value) === value)
        return;

    const [lowest, highest] = [fit(spec, minimum), fit(spec, maximum)];

    throw new RangeError(`${name} is ${value}: it should be ${highest === Number.MAX_VALUE
        ? `at least ${lowest}` : `from ${lowest} to ${highest}`}`);
}

function guard(prototype, name, spec) {
    const {get, set, ...rest} = Object.getOwnPropertyDescriptor(prototype, name);

    Object.defineProperty(prototype, name, {
        ...rest,
        get,
        set(value) {
            check_option(spec, value);
            set.call(this, value);
        },
    });
}

/* Options are properties of the base class. What else is a text may be given as something else: a
 * server as a class. */
function is_checked(spec) {
    return spec.value_type.name in KINDS ||
        spec.value_type.name === TEXT && spec.owner_type.name === 'GmpRunner';
}

function list_checked(Runner) {
    return GObject.Object.list_properties.call(Runner).filter(
        spec => is_checked(spec) && spec.flags & GObject.ParamFlags.WRITABLE);
}

function guard_class(Runner) {
    const specs = list_checked(Runner).filter(spec => spec.owner_type.name === Runner.$gtype.name);

    for (const spec of specs) {
        const camel = spec.name.replace(/-(.)/g, (_dash, letter) => letter.toUpperCase());

        for (const name of new Set([spec.name, spec.name.replaceAll('-', '_'), camel]))
            guard(Runner.prototype, name, spec);
    }
}

/* By class. Most processes make no objects of some classes, and workers none at all; what this
 * takes is 3 ms. */
const guarded = new Map();

/**
 * Has a class refuse options that are of a wrong type or invalid, from its first object on.
 *
 * @param {object} Runner a class of the library
 * @param {object} properties what an object is made with
 */
function check_options(Runner, properties) {
    if (!guarded.has(Runner)) {
        const base = Object.getPrototypeOf(Runner.prototype).constructor;

        for (const each of [base, Runner].filter(unguarded => !guarded.has(unguarded))) {
            guarded.set(each, new Map(list_checked(each).map(spec => [spec.name, spec])));
            guard_class(each);
        }
    }
    for (const [name, value] of Object.entries(properties)) {
        const kebab = name.replace(/[A-Z]/g, '-$&').replaceAll('_', '-').toLowerCase();
        const spec = guarded.get(Runner).get(kebab);

        if (spec !== undefined)
            check_option(spec, value);
    }
}
