/* packed-private.h: the form of packed values
 *
 * SPDX-FileCopyrightText: 2026 The gmproc authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "native-private.h"

/* The form: a number that says what it is, a text of items, and, for large arrays, the buffers that
 * are not in the text, as in pickles. An item is one byte for its kind, which defines what follows:
 *
 *   N T F            None, True, False
 *   I D              8 bytes: an int, a float
 *   S B              4 bytes, how many, and the bytes: of a str in UTF-8, of bytes
 *   K                1 byte: a key that was in this text before
 *   L U M            4 bytes, how many: the members of a list or tuple, a dict's keys and values
 *   A V              an array, a scalar of numpy's: a header, and its bytes
 *   a b              an array, bytes: a header or a size, and the bytes are the next of the buffers
 *
 * A header is 2 bytes for the size of the dtype's text and that text (_arrays.py), one for the
 * order ('C' or 'F'), one for how many dimensions, 8 for each. Numbers lie as the processor has
 * them, for these bytes never leave the machines of one run.
 *
 * A value in which an object occurs twice, or which has anything else in it, goes as a pickle: that
 * knows what is the same, and what contains itself. */
#define PLAIN_TYPE  "(tay)"
#define BUFFER_TYPE "(tayaay)"
#define MAGIC       G_GUINT64_CONSTANT (0x3161646370676d8f)

#define N_KEYS   16 /* remembered keys */
#define DIMS_MAX 64
