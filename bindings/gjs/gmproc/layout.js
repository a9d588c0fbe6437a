/* layout.js: alignment and size of GVariant's types
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* exported TypeMap, align, layout_of, members_of, offset_size */

/* Peers choose the types, and what is derived of one takes about a hundred times as many bytes as
 * it has characters. */
const CHARACTERS_MAX = 2 ** 16;

/** What is derived of types, by their text. It begins anew when it has grown large. */
var TypeMap = class extends Map {
    constructor(entries) {
        super(entries);
        this._entries = entries;
        this._n_characters = 0;
    }

    add(type, value) {
        this._n_characters += type.length;
        if (this._n_characters > CHARACTERS_MAX) {
            this._n_characters = type.length;
            this.clear();
            for (const [key, each] of this._entries)
                this.set(key, each);
        }
        this.set(type, value);
    }
};

// The size of a type is 0 if it varies with the value.
const layouts = new TypeMap([
    ['b', {alignment: 1, size: 1}],
    ['y', {alignment: 1, size: 1}],
    ['n', {alignment: 2, size: 2}],
    ['q', {alignment: 2, size: 2}],
    ['i', {alignment: 4, size: 4}],
    ['u', {alignment: 4, size: 4}],
    ['h', {alignment: 4, size: 4}],
    ['x', {alignment: 8, size: 8}],
    ['t', {alignment: 8, size: 8}],
    ['d', {alignment: 8, size: 8}],
    ['s', {alignment: 1, size: 0}],
    ['o', {alignment: 1, size: 0}],
    ['g', {alignment: 1, size: 0}],
    ['v', {alignment: 8, size: 0}],
    ['()', {alignment: 1, size: 1}],
]);

const member_lists = new TypeMap([['{sv}', ['s', 'v']]]);

/**
 * @param {number} position a place
 * @param {number} alignment 1, 2, 4 or 8
 * @returns {number} the next place so aligned
 */
function align(position, alignment) {
    // The low bits are correct even if a position has more than 31.
    return position + (-position & alignment - 1);
}

/**
 * @param {number} size a container's size in bytes
 * @returns {number} how many bytes each of its framing offsets has
 */
function offset_size(size) {
    if (size <= 0xff)
        return 1;
    if (size <= 0xffff)
        return 2;
    return size <= 0xffffffff ? 4 : 8;
}

// The end of the complete type that begins at a place in a type string.
function end_of_type(type, start) {
    let depth = 0;

    for (let i = start; ; i++) {
        if (type[i] === '(' || type[i] === '{')
            depth++;
        else if (type[i] === ')' || type[i] === '}')
            depth--;
        if (depth === 0 && type[i] !== 'a' && type[i] !== 'm')
            return i + 1;
    }
}

/**
 * @param {string} type the type of a tuple or of a dictionary's entry
 * @returns {string[]} the types of its members
 */
function members_of(type) {
    let members = member_lists.get(type);

    if (members === undefined) {
        members = split(type);
        member_lists.add(type, members);
    }
    return members;
}

function split(type) {
    const members = [];

    for (let start = 1, end; start < type.length - 1; start = end) {
        end = end_of_type(type, start);
        members.push(type.slice(start, end));
    }
    return members;
}

function compute(type) {
    if (type[0] === 'a' || type[0] === 'm')
        return {alignment: layout_of(type.slice(1)).alignment, size: 0};

    const members = members_of(type).map(layout_of);
    const alignment = Math.max(...members.map(member => member.alignment));

    if (members.some(member => member.size === 0))
        return {alignment, size: 0};
    return {
        alignment,
        size: align(members.reduce((size, member) => align(size, member.alignment) + member.size,
            0),
            alignment),
    };
}

/**
 * @param {string} type a complete type
 * @returns {{alignment: number, size: number}} its layout
 */
function layout_of(type) {
    let layout = layouts.get(type);

    if (layout === undefined) {
        layout = compute(type);
        layouts.add(type, layout);
    }
    return layout;
}
