/* values.js: plain values to GVariant and back
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

import GLib from 'gi://GLib';
import Gmp from 'gi://Gmp?version=1';
import System from 'system';
import {assert, equal, is_error, run_tests, test, thrown} from './harness.js';

const LONG = 'é€𝄞'.repeat(40000);

/* Each value with the text of its variant. Without a text only the round trip is tested. */
const VALUES = [
    [true, 'true'],
    [false, 'false'],
    [0, '0'],
    [-0, '-0.0'],
    [2 ** 31 - 1, '2147483647'],
    [-(2 ** 31), '-2147483648'],
    [2 ** 31, 'int64 2147483648'],
    [-(2 ** 53) + 1, 'int64 -9007199254740991'],
    [2 ** 53, '9007199254740992.0'],
    [1.5, '1.5'],
    [NaN, 'nan'],
    [-Infinity, '-inf'],
    ['', "''"],
    ['text', "'text'"],
    ['\ufeffwith a mark'],
    ['x'.repeat(63)],
    ['x'.repeat(64)],
    ['x'.repeat(65)],
    [`${'x'.repeat(63)}é`],
    ['\ufeff'],
    [`\ufeff\ufeff${'x'.repeat(70)}`],
    [LONG],
    [2n ** 62n, 'int64 4611686018427387904'],
    [-(2n ** 63n), 'int64 -9223372036854775808'],
    [2n ** 64n - 1n, 'uint64 18446744073709551615'],
    [[], '@av []'],
    [[1, 'two', [null]], "[<1>, <'two'>, <[<@mv nothing>]>]"],
    [{}, '@a{sv} {}'],
    [{a: 1, b: {c: null}}, "{'a': <1>, 'b': <{'c': <@mv nothing>}>}"],
    [{'': '', ['__proto__']: 'a key like any other'}],
    [new Map([[1, 'one'], [-2, 'two']]), "{int64 1: <'one'>, -2: <'two'>}"],
    [new Map([['10', 1], ['2', null]]), "('gmproc.js.Map', <[<'10'>, <1>, <'2'>, <@mv nothing>]>)"],
    [new Map([[1, 'number'], [1n, 'big'], [1.5, 'half'], [null, [2]], [[3], new Map()]])],
    [new Map()],
    [new Set([1, 'two', [3], new Set()]), undefined],
    [new Date(1e12), "('gmproc.js.Date', <int64 1000000000000>)"],
    [new Date(NaN)],
    [new Uint8Array([1, 2]).buffer, "('gmproc.js.ArrayBuffer', <[byte 0x01, 0x02]>)"],
    [new DataView(new Uint8Array([1, 2, 3]).buffer, 1)],
    [/a"\/\n/giu],
    [/(?:)/],
    [5n, "('gmproc.js.BigInt', <5>)"],
    [[-(2n ** 53n) + 1n, 2n ** 53n - 1n, 2n ** 53n, 0n]],
    [new Int8Array([-1])],
    [new Uint8ClampedArray([1])],
    [new Float32Array([0.5, NaN])],
    [new RangeError('out of it', {cause: new Error('inside')})],
    [Object.assign(new Error('with a code'), {code: 'ENOENT', details: {path: '/a'}})],
    [new AggregateError([new TypeError('one'), 'two'], 'some')],
    [Object.assign(new Error('named'), {name: 'MyError'})],
    [{list: [new Date(0), {when: new Date(1)}], set: new Set([new Map([[{}, /x/]])])}],
    [new Uint8Array([0, 255]), '[byte 0x00, 0xff]'],
    [new Uint8Array(), '@ay []'],
    [new Uint8Array([1, 2, 3, 4]).subarray(1, 3), '[byte 0x02, 0x03]'],
    [new Int16Array([-1]), '[int16 -1]'],
    [new Uint16Array([1]), '[uint16 1]'],
    [new Int32Array([-1]), '[-1]'],
    [new Uint32Array([1]), '[uint32 1]'],
    [new BigInt64Array([-1n]), '[int64 -1]'],
    [new BigUint64Array([1n]), '[uint64 1]'],
    [new Float64Array([0.1, -0]), '[0.10000000000000001, -0.0]'],
    [{bytes: new Uint8Array(3), flag: true, numbers: new Float64Array([1, 2]), name: 'x'}],
    // Sizes around those at which framing offsets become longer.
    ...[250, 251, 252, 253, 254, 255, 256, 65530, 65533, 65534, 65535, 65536, 70000].flatMap(
        n => [[['y'.repeat(n), 1]], [{key: 'y'.repeat(n)}], [{['k'.repeat(n)]: 1, after: [2]}]]),
    [Array.from({length: 1000}, (_, i) => i)],
    [Array.from({length: 5000}, (_, i) => ({i, half: i / 2, name: `number ${i}`}))],
    [Array(50).fill().reduce(value => [value], 'deep')],
];

test('round-trip', () => {
    for (const [value, text] of VALUES) {
        const variant = Gmp.pack(value);

        if (text !== undefined)
            equal(variant.print(true), text);
        assert(!variant.is_floating() && variant.is_normal_form(), 'not a proper variant');
        equal(Gmp.unpack(variant), value);
    }
});

test('like-glib', () => {
    // GLib reads the value that was written.
    const variant = Gmp.pack({a: [1, 'é', {b: false}], ['k'.repeat(300)]: new Uint8Array(700)});
    const text = variant.print(true);

    assert(GLib.Variant.parse(null, text, null, null).equal(variant), 'GLib reads something else');
});

test('nothing', () => {
    equal(Gmp.pack(null), null);
    equal(Gmp.pack(undefined), null);
    equal(Gmp.unpack(null), null);
});

test('one-way', () => {
    for (const [value, expected] of [
        [{a: undefined, b: {c: undefined}, d: 1}, {b: {}, d: 1}],
        [[{a: undefined}], [{}]],
        [Object.assign(Object.create(null), {key: 1}), {key: 1}],
    ])
        equal(Gmp.unpack(Gmp.pack(value)), expected);
});

test('variants', () => {
    const variant = new GLib.Variant('(ayaymiamimsms(dy)ya{sx}a{yv}mavmvao(nqu)a(sib)b)', [
        [1], [2, 3], 5, [1, null], null, 'z', [2.5, 7], 9, {a: 1}, {7: new GLib.Variant('s', 'q')},
            [],
        null, ['/a', '/b'], [-1, 2, 3], [['p', 1, true], ['q', 2, false]], true,
    ]);

    assert(Gmp.pack(variant) === variant, 'a variant does not stay itself');
    equal(Gmp.unpack(variant), [
        new Uint8Array([1]), new Uint8Array([2, 3]), 5, [1, null], null, 'z', [2.5, 7], 9, {a: 1},
        new Map([[7, 'q']]), [], null, ['/a', '/b'], [-1, 2, 3], [['p', 1, true], ['q', 2, false]],
            true,
    ]);
    equal(Gmp.unpack(Gmp.pack({inside: [new GLib.Variant('(sd)', ['a', 1])]})),
        {inside: [['a', 1]]});
});

/* They are read in pieces. */
test('many-strings', () => {
    const texts = ['', 'a', '\ufeffé', 'x'.repeat(100), '\u{1f600}'];

    for (const n of [0, 1, 5, 3000, 100000]) {
        const strings = Array.from({length: n}, (_, i) => texts[i % 5] + (i % 7 ? i : ''));

        equal(Gmp.unpack(new GLib.Variant('as', strings)), strings);
    }
    equal(Gmp.unpack(new GLib.Variant('as', Array(70000).fill(''))), Array(70000).fill(''));
    equal(Gmp.unpack(new GLib.Variant('(aoag)', [['/', '/a'], ['ai', '']])),
        [['/', '/a'], ['ai', '']]);
});

test('writable', () => {
    const variant = Gmp.pack({numbers: new Float64Array([1, 2, 3])});
    const {numbers} = Gmp.unpack(variant);

    numbers[0] = 9;
    equal(Gmp.unpack(variant).numbers[0], 1);
});

test('refused', async () => {
    const circle = {};

    const list = [];
    const set = new Set();
    const map = new Map();
    const error = new Error();

    circle.circle = circle;
    list.push([list]);
    set.add({set});
    map.set(map, 1);
    error.cause = error;
    for (const [value, word] of [
        [() => 1, 'function'],
        [Symbol('s'), 'symbol'],
        [[undefined], 'undefined'],
        [[1, , 3], 'undefined'], // eslint-disable-line no-sparse-arrays
        [new Set([undefined]), 'undefined'],
        [{key: () => 1}, 'function'],
        [new WeakMap(), 'WeakMap'],
        [new (class Thing {})(), 'Thing'],
        [Promise.resolve(1), 'Promise'],
        [2n ** 64n, '18446744073709551616'],
        [-(2n ** 63n) - 1n, '-9223372036854775809'],
        ['a\0b', 'NUL'],
        [`${'x'.repeat(100)}\0`, 'NUL'],
        ['\ud800', 'surrogate'],
        [circle, 'contains itself'],
        [list, 'contains itself'],
        [set, 'contains itself'],
        [map, 'contains itself'],
        [error, 'contains itself'],
    ]) {
        const refused = await thrown(() => Gmp.pack(value));

        is_error(refused, Gmp.Error, Gmp.Error.BAD_PAYLOAD, word);
    }
});

test('wrong-parts', async () => {
    for (const text of ["('gmproc.js.Set', <1>)", "('gmproc.js.RegExp', <['(', '']>)",
        "('gmproc.js.BigInt', <1.5>)", "('gmproc.js.Map', <@mv nothing>)"]) {
        const error = await thrown(() => Gmp.unpack(GLib.Variant.parse(null, text, null, null)));

        is_error(error, Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'not made of the right parts');
    }
    equal(Gmp.unpack(new GLib.Variant('(sv)', ['gmproc.js.None', new GLib.Variant('i', 1)])),
        ['gmproc.js.None', 1]);
});

test('pickles', async () => {
    for (const tag of ['gmproc.pickle', 'gmproc.exception']) {
        const pickle = new GLib.Variant('(sayaay)', [tag, [1], []]);
        const error = await thrown(() => Gmp.unpack(pickle));

        is_error(error, Gmp.Error, Gmp.Error.BAD_PAYLOAD, 'Python pickle', tag);
    }
    equal(Gmp.unpack(new GLib.Variant('(sayaay)', ['mine', [], []])),
        ['mine', new Uint8Array(), []]);
});

test('from-bytes', async () => {
    equal(Gmp.variant_from_bytes('s', new Uint8Array([104, 105, 0])).get_string()[0], 'hi');
    for (const [type, bytes] of [['', []], ['a', []], ['*', []], ['s', [1]], ['b', [7]]]) {
        const error = await thrown(() => Gmp.variant_from_bytes(type, new Uint8Array(bytes)));

        is_error(error, Gmp.Error, Gmp.Error.BAD_PAYLOAD);
    }
});

function memory() {
    System.gc();

    const [, status] = GLib.file_get_contents('/proc/self/status');

    return Number(/VmRSS:\s+(\d+)/.exec(new TextDecoder().decode(status))[1]);
}

test('memory', () => {
    const message = {id: 1, name: 'x'.repeat(1000), numbers: [1, 2, 3]};
    const sizes = [memory()];

    // A leak of one variant for each message would be 22 MB in each turn. The heap grows in some
    // turns, and shrinks when the collector's threads have the time.
    do {
        for (let i = 0; i < 20000; i++)
            Gmp.unpack(Gmp.pack(message));
        sizes.push(memory());
    } while (sizes.length < 20 && sizes.at(-1) - sizes.at(-2) > 10000);
    assert(sizes.length < 20, `kB in use after each turn: ${sizes}`);
});

test('types', () => {
    const n_members = 2000;
    const sizes = [memory()];
    let n_types = 0;

    // To keep what was derived of all types would take 10 MB in each turn.
    do {
        for (let i = 0; i < 40; i++) {
            const digits = (n_types++).toString(2).padStart(n_members, '0');
            const type = `(${digits.replaceAll('0', 'y').replaceAll('1', 'b')})`;
            const value = Gmp.variant_from_bytes(type, new Uint8Array(n_members));

            equal(Gmp.unpack(value).length, n_members);
        }
        sizes.push(memory());
    } while (sizes.length < 20 && sizes.at(-1) - sizes.at(-2) > 5000);
    assert(sizes.length < 20, `kB in use after each turn: ${sizes}`);
});

await run_tests();
