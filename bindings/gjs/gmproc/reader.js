/* reader.js: GVariant to plain JavaScript values
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported unpack, unpack_map */

const {GLib} = imports.gi;
const {bad_payload} = imports.gmproc.errors;
const {align, layout_of, members_of, offset_size} = imports.gmproc.layout;
const {FOREIGN_TYPE, revive} = imports.gmproc.types;

// Up to here a loop over the characters is quicker than a call of the decoder.
const SHORT_STRING = 20;

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const TYPED_ARRAYS = {
    y: Uint8Array,
    n: Int16Array,
    q: Uint16Array,
    i: Int32Array,
    u: Uint32Array,
    x: BigInt64Array,
    t: BigUint64Array,
    d: Float64Array,
};

// What a Python peer sends another Python peer.
const PICKLE_TYPE = '(sayaay)';
const PICKLE_TAGS = ['gmproc.pickle', 'gmproc.exception'];

const decoder = new TextDecoder();

// An integer of 64 bits is a number where that is exact.
function narrow(integer) {
    const number = Number(integer);

    return Number.isSafeInteger(number) ? number : integer;
}

function is_string(type) {
    return type === 's' || type === 'o' || type === 'g';
}

function check_pickle(type, tag) {
    if (type !== PICKLE_TYPE || !PICKLE_TAGS.includes(tag))
        return;
    throw bad_payload(`A Python pickle (${tag}) arrived, which only Python can read: send values ` +
        'of natural types to other languages');
}

/* Reads GVariant's serialised form. Every variant that arrives was checked to be in normal form by
 * the library, so no length or offset here is worse than what GLib itself would follow. */
class Reader {
    constructor(bytes) {
        this._bytes = bytes;
        this._view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }

    _offset(place, size) {
        let offset = 0;

        // Framing offsets are little-endian everywhere.
        for (let i = size - 1; i >= 0; i--)
            offset = offset * 256 + this._bytes[place + i];
        return offset;
    }

    _string(start, end) {
        let text = '';

        if (end - start > SHORT_STRING)
            return decoder.decode(this._bytes.subarray(start, end));
        for (let i = start; i < end; i++) {
            if (this._bytes[i] > 127)
                return decoder.decode(this._bytes.subarray(start, end));
            text += String.fromCharCode(this._bytes[i]);
        }
        return text;
    }

    _variant(start, end) {
        const separator = this._bytes.lastIndexOf(0, end - 1);

        return this.get(this._string(separator + 1, end), start, separator);
    }

    _maybe(type, start, end) {
        if (start === end)
            return null;
        // A value of varying size has a zero after it, so that an empty one is something.
        return this.get(type, start, layout_of(type).size > 0 ? end : end - 1);
    }

    // What an array has: no more than loops, for this is what most of the time of a message goes
    // into.
    _elements(type, start, end) {
        const {alignment, size} = layout_of(type);
        const values = [];

        if (start === end)
            return values;
        if (size > 0) {
            for (let place = start; place < end; place += size)
                values.push(this.get(type, place, place + size));
            return values;
        }

        const step = offset_size(end - start);
        const first = start + this._offset(end - step, step);

        for (let offset = first, place = start; offset < end; offset += step) {
            const element_end = start + this._offset(offset, step);

            values.push(this.get(type, align(place, alignment), element_end));
            place = element_end;
        }
        return values;
    }

    _tuple(type, start, end) {
        const members = members_of(type);
        const step = offset_size(end - start);
        const values = [];
        let place = start;
        // The framing offsets of members are in the opposite order.
        let tail = end;

        for (let i = 0; i < members.length; i++) {
            const {alignment, size} = layout_of(members[i]);
            let member_end = tail;

            if (size === 0 && i < members.length - 1) {
                tail -= step;
                member_end = start + this._offset(tail, step);
            }
            place = align(place, alignment);
            if (size > 0)
                member_end = place + size;
            values.push(this.get(members[i], place, member_end));
            place = member_end;
            check_pickle(type, values[0]);
        }
        return type === FOREIGN_TYPE ? revive(values) : values;
    }

    entries(type, size) {
        return this._elements(type.slice(1), 0, size);
    }

    _dictionary(type, start, end) {
        const entries = this._elements(type.slice(1), start, end);

        // Not by assignment: a key may be "__proto__".
        return is_string(type[2]) ? Object.fromEntries(entries) : new Map(entries);
    }

    _array(type, start, end) {
        const element = type.slice(1);

        if (element[0] === '{')
            return this._dictionary(type, start, end);
        // A copy, which is aligned, and the receiver's own to write to.
        if (element in TYPED_ARRAYS)
            return new TYPED_ARRAYS[element](this._bytes.slice(start, end).buffer);
        return this._elements(element, start, end);
    }

    get(type, start, end) {
        switch (type[0]) {
        case 'b':
            return this._bytes[start] !== 0;
        case 'y':
            return this._bytes[start];
        case 'n':
            return this._view.getInt16(start, LITTLE_ENDIAN);
        case 'q':
            return this._view.getUint16(start, LITTLE_ENDIAN);
        case 'i':
        case 'h':
            return this._view.getInt32(start, LITTLE_ENDIAN);
        case 'u':
            return this._view.getUint32(start, LITTLE_ENDIAN);
        case 'x':
            return narrow(this._view.getBigInt64(start, LITTLE_ENDIAN));
        case 't':
            return narrow(this._view.getBigUint64(start, LITTLE_ENDIAN));
        case 'd':
            return this._view.getFloat64(start, LITTLE_ENDIAN);
        case 'v':
            return this._variant(start, end);
        case 'm':
            return this._maybe(type.slice(1), start, end);
        case 'a':
            return this._array(type, start, end);
        case '(':
        case '{':
            return this._tuple(type, start, end);
        default:
            return this._string(start, end - 1);
        }
    }
}

function read(variant) {
    const bytes = variant.get_data_as_bytes().toArray();

    return new Reader(bytes).get(variant.get_type_string(), 0, bytes.length);
}

/**
 * The plain value of a GVariant.
 *
 * Integers are numbers, or BigInts where a number would not be exact; arrays of numbers are typed
 * arrays, a Uint8Array of `ay` and a Float64Array of `ad`; other arrays, and tuples, are Arrays;
 * dictionaries are objects, or Maps where their keys are no strings. What is nothing is null. Typed
 * arrays are copies, which may be written to.
 *
 * @param {?GLib.Variant} variant a variant
 * @returns {any} its value; null for null
 * @throws {GLib.Error} Gmp.Error.BAD_PAYLOAD for a Python pickle
 */
function unpack(variant) {
    if (variant === null || variant === undefined)
        return null;
    if (!(variant instanceof GLib.Variant))
        throw new TypeError(`Only a GLib.Variant can be unpacked, not ${variant}`);
    return read(variant);
}

/**
 * @param {GLib.Variant} variant a dictionary
 * @returns {Map<any, any>} its entries
 */
function unpack_map(variant) {
    const bytes = variant.get_data_as_bytes().toArray();

    return new Map(new Reader(bytes).entries(variant.get_type_string(), bytes.length));
}
