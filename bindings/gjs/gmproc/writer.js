/* writer.js: plain JavaScript values to GVariant
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported pack, pack_for_application */

/* Everything is inside a function, where names are slots: see reader.js. */
var {pack, pack_for_application} = (() => {
    const {GLib} = imports.gi;
    const {bad_payload} = imports.gmproc.errors;
    const {offset_size} = imports.gmproc.layout;
    const {count} = imports.gmproc.memory;
    const {FOREIGN_TYPE, describe_object, tag_of} = imports.gmproc.types;
    const {Variant} = GLib;
    const {isArray} = Array;
    const {isView} = ArrayBuffer;
    const {floor} = Math;
    const {isSafeInteger} = Number;
    const {entries: entries_of, getPrototypeOf, is} = Object;

    // GLib stops at 128, and each array or object is two levels: itself and the variants in it.
    const DEPTH_MAX = 60;

    // Up to this length a loop over the characters is faster than a call of the encoder.
    const SHORT_STRING = 64;

    const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

    const TYPED_ARRAYS = {
        Uint8Array: ['ay', Uint8Array],
        Uint8ClampedArray: ['ay', Uint8Array],
        Int8Array: ['an', Int16Array],
        Int16Array: ['an', Int16Array],
        Uint16Array: ['aq', Uint16Array],
        Int32Array: ['ai', Int32Array],
        Uint32Array: ['au', Uint32Array],
        BigInt64Array: ['ax', BigInt64Array],
        BigUint64Array: ['at', BigUint64Array],
        Float32Array: ['ad', Float64Array],
        Float64Array: ['ad', Float64Array],
    };

    const encoder = new TextEncoder();

    function name_of(value) {
        if (typeof value !== 'object')
            return typeof value;
        const prototype = Object.getPrototypeOf(value) ?? {};

        if (Object.hasOwn(prototype, 'constructor') && prototype.constructor?.name)
            return prototype.constructor.name;
        // Of '[object Array Iterator]', for example, whose constructor is an inherited one.
        return Object.prototype.toString.call(value).slice('[object '.length, -1);
    }

    function refuse(value) {
        const hint = value === undefined ? ': use null' : '';

        return bad_payload(`A value of type ${name_of(value)} cannot be sent to another process` +
            hint);
    }

    function is_number(key) {
        return isSafeInteger(key);
    }

    function is_integer(key) {
        return typeof key === 'bigint' || is_number(key);
    }

    // The type of a map's keys, for those that every language has.
    function key_type(map) {
        const keys = [...map.keys()];

        if (keys.every(key => typeof key === 'string'))
            return 's';
        if (keys.every(is_integer))
            return 'x';
        throw bad_payload('A Map can be sent to another language if its keys are all strings, ' +
            'or all integers');
    }

    function is_plain(object) {
        const prototype = getPrototypeOf(object);

        return prototype === Object.prototype || prototype === null;
    }

    /* Writes GVariant's serialised form. This is little work, and turns a message of any size into
     * one call to C; GLib's constructors need a call and a wrapper for each value in it. */
    class Writer {
        // @get_runtime: returns the receiver's language, or nothing if that is not known
        constructor(get_runtime) {
            this._get_runtime = get_runtime;
            this._bytes = new Uint8Array(256);
            this._view = new DataView(this._bytes.buffer);
            this._position = 0;
        }

        take() {
            return this._bytes.subarray(0, this._position);
        }

        // Returns the place of the next n bytes, which are zero. Call it before using the buffer,
        // which it may replace.
        _advance(n) {
            const start = this._position;

            this._position += n;
            if (this._position > this._bytes.length) {
                const bytes = new Uint8Array(Math.max(this._position, this._bytes.length * 2));

                bytes.set(this._bytes);
                this._bytes = bytes;
                this._view = new DataView(bytes.buffer);
            }
            return start;
        }

        _align() {
            this._advance(-this._position & 7);
        }

        _put(bytes) {
            const place = this._advance(bytes.length);

            this._bytes.set(bytes, place);
        }

        // @ends: where each child ends
        _put_offsets(start, ends) {
            const body = this._position - start;
            const size = [1, 2, 4, 8].find(n => offset_size(body + ends.length * n) <= n);

            for (const end of ends) {
                const place = this._advance(size);

                // Framing offsets are little-endian everywhere.
                for (let i = 0, rest = end - start; i < size; i++, rest = floor(rest / 256))
                    this._bytes[place + i] = rest % 256;
            }
        }

        _put_string(text) {
            if (text.length <= SHORT_STRING && this._put_ascii(text))
                return;
            if (text.includes('\0'))
                throw bad_payload('A string with a NUL character cannot be sent: use a Uint8Array');
            if (/\p{Surrogate}/u.test(text))
                throw bad_payload('A string with half a surrogate pair is not text');
            this._put(encoder.encode(text));
            this._advance(1);
        }

        _put_ascii(text) {
            const start = this._advance(text.length + 1);

            for (let i = 0; i < text.length; i++) {
                const code = text.charCodeAt(i);

                if (code === 0 || code > 127) {
                    this._bytes.fill(0, start, this._position);
                    this._position = start;
                    return false;
                }
                this._bytes[start + i] = code;
            }
            return true;
        }

        _put_variant(value, depth) {
            this._align();

            const type = this.put(value, depth);

            this._advance(1);

            const place = this._advance(type.length);

            for (let i = 0; i < type.length; i++)
                this._bytes[place + i] = type.charCodeAt(i);
        }

        // Called only for values for which it matters, because it is slow.
        _is_for_javascript() {
            this._runtime ??= this._get_runtime() ?? 'gjs';
            return this._runtime === 'gjs';
        }

        // Values that only JavaScript can rebuild: see types.js.
        _put_foreign(tag, parts, depth) {
            const start = this._position;

            this._put_string(tag);

            const end = this._position;

            this._put_variant(parts, depth + 1);
            this._put_offsets(start, [end]);
            return FOREIGN_TYPE;
        }

        _put_number(value) {
            // Not -0, which no integer is.
            if (is(value | 0, value)) {
                const place = this._advance(4);

                this._view.setInt32(place, value, LITTLE_ENDIAN);
                return 'i';
            }
            if (isSafeInteger(value) && value !== 0)
                return this._put_bigint(BigInt(value));

            const place = this._advance(8);

            this._view.setFloat64(place, value, LITTLE_ENDIAN);
            return 'd';
        }

        _put_bigint(value) {
            const is_signed = value === BigInt.asIntN(64, value);

            if (is_signed || value === BigInt.asUintN(64, value)) {
                const place = this._advance(8);

                // Both are the same 64 bits.
                this._view.setBigUint64(place, BigInt.asUintN(64, value), LITTLE_ENDIAN);
                return is_signed ? 'x' : 't';
            }
            throw bad_payload(`The integer ${value} cannot be sent: it has more than 64 bits`);
        }

        _put_array(values, depth) {
            const start = this._position;
            const ends = [];

            // Not forEach: it would skip holes, which are undefined and so refused.
            for (const value of values) {
                this._put_variant(value, depth);
                ends.push(this._position);
            }
            this._put_offsets(start, ends);
            return 'av';
        }

        _put_entries(entries, type, depth, skips = false) {
            const start = this._position;
            const ends = [];

            for (const [key, value] of entries) {
                // As in JSON, an undefined property is left out.
                if (value === undefined && skips)
                    continue;
                this._align();

                const entry = this._position;

                if (type === 's')
                    this._put_string(key);
                else
                    this._put_key(key);

                const key_end = this._position;

                this._put_variant(value, depth);
                if (type === 's')
                    this._put_offsets(entry, [key_end]);
                ends.push(this._position);
            }
            this._put_offsets(start, ends);
            return `a{${type}v}`;
        }

        _put_key(key) {
            if (this._put_bigint(BigInt(key)) !== 'x')
                throw bad_payload(`The key ${key} cannot be sent: it has more than 63 bits`);
        }

        _put_typed_array(array, depth) {
            const name = array[Symbol.toStringTag];
            const [type, constructor] = TYPED_ARRAYS[name] ?? [];

            if (type === undefined)
                throw refuse(array);
            if (name !== constructor.name && this._is_for_javascript())
                return this._put_foreign(tag_of(name), new constructor(array), depth);

            const values = name === constructor.name ? array : new constructor(array);

            this._put(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
            return type;
        }

        _put_object(object, depth) {
            if (object instanceof Variant) {
                this._put(object.get_data_as_bytes().toArray());
                return object.get_type_string();
            }
            if (isView(object) && !(object instanceof DataView))
                return this._put_typed_array(object, depth);
            if (depth > DEPTH_MAX)
                throw bad_payload(`A value cannot be sent that has more than ${DEPTH_MAX} arrays ` +
                    'and objects inside each other, or contains itself');
            if (isArray(object))
                return this._put_array(object, depth + 1);
            if (is_plain(object))
                return this._put_entries(entries_of(object), 's', depth + 1, true);
            if (object instanceof Map && ([...object.keys()].every(is_number) && object.size > 0 ||
                !this._is_for_javascript()))
                return this._put_entries(object, key_type(object), depth + 1);
            return this._put_other(object, depth);
        }

        _put_other(object, depth) {
            const {tag, parts, natural} = describe_object(object) ?? {};

            if (tag === undefined)
                throw refuse(object);
            if (this._is_for_javascript())
                return this._put_foreign(tag, parts(), depth);
            if (natural === undefined) {
                throw bad_payload(`A value of type ${name_of(object)} can be sent to JavaScript, ` +
                    'but not to another language');
            }
            return this.put(natural(), depth + 1);
        }

        // The start is aligned to 8 bytes, which fits every type. Returns the value's type.
        put(value, depth) {
            switch (typeof value) {
            case 'boolean':
                this._put([value ? 1 : 0]);
                return 'b';
            case 'number':
                return this._put_number(value);
            case 'bigint':
                // It would come back as a number.
                if (isSafeInteger(Number(value)) && this._is_for_javascript())
                    return this._put_other(value, depth);
                return this._put_bigint(value);
            case 'string':
                this._put_string(value);
                return 's';
            case 'object':
                return value === null ? 'mv' : this._put_object(value, depth);
            default:
                throw refuse(value);
            }
        }
    }

    /**
     * A plain value as GVariant.
     *
     * A boolean is `b`; a number `i` or `x` where it is an integer, else `d`; a BigInt `x` or `t`;
     * a string `s`; an Array `av`; a plain object `a{sv}`; a Map with integers for keys `a{xv}`; a
     * typed array an array of its kind, `ay` of Uint8Array and `ad` of Float64Array among them. A
     * GLib.Variant stays as it is, so that other types can be had. Inside others null is `<@mv
     * nothing>`.
     *
     * Dates, Sets, other Maps and so on are `(sv)`, which JavaScript reads as what they were; for
     * another language, the nearest that it has: see types.js.
     *
     * @param {any} value a value
     * @param {Function} get_runtime returns the language of the receiver, as the runtime of a
     *     target; nothing where it is not known
     * @returns {?GLib.Variant} the variant; null for null and undefined
     * @throws {GLib.Error} Gmp.Error.BAD_PAYLOAD for a value without a natural type
     */
    function pack(value, get_runtime = () => 'gjs') {
        if (value === null || value === undefined)
            return null;
        if (value instanceof Variant)
            return value;

        const writer = new Writer(get_runtime);
        const type = writer.put(value, 0);

        return imports.gi.Gmp.variant_from_bytes(type, writer.take());
    }

    /**
     * A value for the application that this process works for, if it is a worker.
     *
     * @param {any} value a value
     * @returns {?GLib.Variant} as pack () returns
     */
    function pack_for_application(value) {
        const variant = pack(value, () => imports.gi.Gmp.Worker.get_application_runtime());

        count(variant);
        return variant;
    }

    return {pack, pack_for_application};
})();
