# seeds.py: the first inputs of the fuzz targets
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: seeds.py TARGET FOLDER

Writes inputs that mean something, good ones and bad, for a target whose format has changed;
tests/fuzz/run --merge then brings them into the corpus.
"""

import struct
import sys
from pathlib import Path
from typing import Any

from gi.repository import Gio, GLib

NULL, VALUE, BLOCK, BEGIN, PIECE = range(1, 6)
PAGE = 4096


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def record(kind: int, type_string: str = '', body: bytes = b'', size: int | None = None) -> bytes:
    """A record, as in gmp-record-private.h. @size replaces the true size."""
    name = type_string.encode('latin-1')
    header = struct.pack('<HHI', kind, len(name), len(body) if size is None else size)
    return header + pad(name) + pad(body)


def value(text: str) -> tuple[str, bytes]:
    variant = GLib.Variant.parse(None, text, None, None)
    return variant.get_type_string(), variant.get_data_as_bytes().get_data() or b''


def block(slot: int, offset: int, size: int) -> bytes:
    return struct.pack('<IIQQ', slot, 0, offset, size)


VALUES = ['1', '"text"', '[1.5, 2.5]', '{"a": <1>, "b": <["x", "y"]>}', '(1, "two", <(3,)>)',
          '@as []', '@mi nothing', '@m(is) (1, "x")', '[byte 1, 2, 3]', '[@av [<1>], [<"v">]]',
          "objectpath '/a/b'", "signature 'a{sv}'", '@a{us} {}', 'true', '<<<<1>>>>']

RINGS = {
    'null': [record(NULL)] * 3,
    'values': [record(VALUE, *value(text)) for text in VALUES],
    'same-type': [record(VALUE, *value('1')), record(VALUE, *value('2'))],
    'pieces': [record(BEGIN, 'ay', struct.pack('<Q', 20)), record(PIECE, body=bytes(12)),
               record(PIECE, body=bytes(8)), record(VALUE, *value('1'))],
    'value-among-pieces': [record(BEGIN, 'ay', struct.pack('<Q', 20)), record(VALUE, *value('1')),
                           record(PIECE, body=bytes(20))],
    'null-among-pieces': [record(BEGIN, 'ay', struct.pack('<Q', 20)), record(NULL),
                          record(PIECE, body=bytes(20))],
    'begin-twice': [record(BEGIN, 'ay', struct.pack('<Q', 20))] * 2,
    'piece-alone': [record(PIECE, body=bytes(8))],
    'piece-too-long': [record(BEGIN, 'ay', struct.pack('<Q', 4)), record(PIECE, body=bytes(8))],
    'huge-begin': [record(BEGIN, 'ay', struct.pack('<Q', 2**63))],
    'no-type': [record(VALUE, '', bytes(8))],
    'no-type-block': [record(BLOCK, '', block(0, 0, 64))],
    'bad-type': [record(VALUE, 'a{vs}', bytes(8))],
    'no-text-type': [record(VALUE, '\xff\xfe', bytes(8))],
    'type-with-nul': [record(VALUE, 'i\0\0', bytes(4))],
    'indefinite-type': [record(VALUE, 'a*', bytes(8))],
    'deep-type': [record(VALUE, 'a' * 200 + 'i', bytes(8))],
    'wide-type': [record(VALUE, '(' + 't' * 12000 + ')', bytes(16))],
    'long-type': [record(VALUE, '(' + 't' * 16382 + ')', b'')],
    'deep-value': [record(VALUE, 'v', b'v'.join([b'\0'] * 400))],
    'wrong-bytes': [record(VALUE, 'as', b'\xff\xff\xff\xff')],
    'bad-text': [record(VALUE, 's', b'\xff\xfe\0')],
    'huge-count': [record(VALUE, 'a()', bytes(8192))],
    'too-long': [record(VALUE, 'i', bytes(4), 2**32 - 1)],
    'unknown': [record(77)],
    'block': [record(BLOCK, 'ay', block(0, 0, 64))],
    'block-twice': [record(BLOCK, 'ay', block(3, 0, 64))] * 2,
}


def in_ring(data: bytes, size: int | None = None) -> bytes:
    """A record as it is in a ring. @size replaces the true size."""
    framed = struct.pack('<Q', len(data) if size is None else size) + data
    return framed + bytes(-len(framed) % 64)


def write_frames() -> dict[str, bytes]:
    seeds = {name: b''.join(map(in_ring, ring)) for name, ring in RINGS.items()}
    for size in (1, 2**16 - 73, 2**16 - 72, 2**16 - 71, 2**64 - 1):
        seeds[f'size-{size}'] = in_ring(record(NULL), size) + in_ring(record(NULL))
    return seeds


(WRITE_RING, SET_SIZE, SET_TAIL, WRITE_ARENA, SET_LENT, CLOSE, SLEEP_FLAGS, RING_BELL, HANG_UP,
 TRUNCATE, TAKE, DROP, SEND, WRITE_VALUE, TRIM, SERVER_CLOSE) = (bytes([i]) for i in range(16))


def write_ring(*records: bytes) -> bytes:
    return b''.join(WRITE_RING + struct.pack('<H', len(data)) + data for data in records)


def write_arena(at: int, data: bytes) -> bytes:
    return WRITE_ARENA + struct.pack('<HH', at // 16 & 0xffff, len(data)) + data


def lend(type_string: str, slot: int, offset: int, size: int, data: bytes = b'') -> bytes:
    return (write_arena(offset, data) + SET_LENT + bytes([0, slot, 1]) +
            write_ring(record(BLOCK, type_string, block(slot, offset, size))))


def close(domain: bytes, text: bytes) -> bytes:
    return CLOSE + struct.pack('<BH', len(domain), len(text)) + domain + text


def write_blocks() -> dict[str, bytes]:
    seeds = {'ring-' + name: write_ring(*ring) + TAKE * 20 for name, ring in RINGS.items()
             if max(map(len, ring)) < 4096}
    limits = {'slot': (128, 0, 64), 'offset': (0, 8 * 65536, 64), 'unaligned': (0, 8, 64),
              'end': (0, 8 * 65536 - PAGE, PAGE), 'beyond': (0, 8 * 65536 - PAGE, PAGE + 1),
              'none': (0, 0, 0), 'huge': (0, PAGE, 2**64 - PAGE), 'all': (127, 0, 8 * 65536),
              'far': (0, 2**64 - PAGE, PAGE)}
    for name, place in limits.items():
        seeds['block-' + name] = lend('ay', *place) + TAKE * 2 + WRITE_VALUE + DROP
    for text in VALUES:
        seeds[f'lend-{len(seeds)}'] = (
            lend(value(text)[0], 1, PAGE, len(value(text)[1]), value(text)[1]) + TAKE + DROP * 2)
    big = [str(i) * 250 for i in range(100)]
    strings = GLib.Variant('as', big).get_data_as_bytes().get_data()
    seeds['strings'] = lend('as', 1, 0, len(strings), strings) + TAKE + \
        write_arena(len(strings) // 16 * 16 - 64, bytes(80)) + DROP
    variant = GLib.Variant('av', [GLib.Variant('s', 'x' * 30000)]).get_data_as_bytes().get_data()
    seeds['variants'] = lend('av', 1, 0, len(variant), variant) + TAKE + \
        write_arena(0, b'\xff' * 40000) + DROP
    seeds['lent-twice'] = lend('ay', 1, 0, 20000) + TAKE + lend('ay', 1, PAGE, 20000) + TAKE
    seeds['overlapping'] = (lend('ay', 1, 0, 20000) + TAKE + WRITE_VALUE +
                            lend('ay', 2, PAGE, 20000) + TAKE + WRITE_VALUE + DROP * 2)
    seeds['lent-cleared'] = (SEND + struct.pack('<H', 4000) + SET_LENT + bytes([1, 0, 0])) * 4
    seeds['tail'] = SET_TAIL + struct.pack('<Q', 8) + SEND + struct.pack('<H', 100) + TAKE
    seeds['tail-later'] = (SEND + struct.pack('<H', 1000)) * 8 + SET_TAIL + \
        struct.pack('<Q', 2**64 - 8) + TAKE + (SEND + struct.pack('<H', 1000)) * 2 + TAKE
    seeds['size'] = SET_SIZE + struct.pack('<Q', 2**16 - 72) + TAKE
    seeds['size-too-big'] = SET_SIZE + struct.pack('<Q', 2**16) + TAKE
    seeds['size-later'] = write_ring(record(NULL)) + SET_SIZE + struct.pack('<Q', 1) + TAKE * 2
    seeds['close'] = close(b'g-io-error-quark', b'text') + TAKE
    seeds['close-bad'] = close(b'\xff' * 64, b'\xff' * 4096) + TAKE
    seeds['close-without'] = close(b'', b'text') + TAKE
    seeds['flags'] = SLEEP_FLAGS + b'\x0f' + SEND + struct.pack('<H', 4000) + RING_BELL + TAKE
    seeds['ends'] = SEND + struct.pack('<H', 65535) + SERVER_CLOSE + TRIM + HANG_UP + TAKE
    seeds['truncate'] = TRUNCATE + struct.pack('<Q', 4096) + TAKE
    return seeds


def write_memory() -> dict[str, bytes]:
    sealed = b'\x07'
    pages = struct.pack('<H', 48)
    return {
        'good': sealed + pages,
        'server': b'\x0f' + pages,
        'arena': sealed + struct.pack('<H', 80),
        'odd': sealed + struct.pack('<H', 49),
        'small': sealed + struct.pack('<H', 1),
        'empty': sealed + struct.pack('<H', 0),
        'unsealed': b'\0' + pages,
        'may-grow': b'\x05' + pages,
        'no-event': b'\x17' + pages,
        'no-socket': b'\x27' + pages,
        'garbage': sealed + pages + b'\xff' * 1024,
    }


def packed(text: str, handles: tuple[int, ...] = ()) -> GLib.Variant:
    """A payload, as it is in D-Bus messages."""
    type_string, data = value(text)
    return GLib.Variant('(sayah)', (type_string, data, handles))


NOTHING = GLib.Variant('(sayah)', ('', b'', ()))
IN_A_FILE = GLib.Variant('(sayah)', ('ay', b'', (0,)))
BAD_PAYLOADS = {
    'no-handle': GLib.Variant('(sayah)', ('ay', b'', (7,))),
    'bad-handle': GLib.Variant('(sayah)', ('ay', b'', (-1,))),
    'bad-type': GLib.Variant('(sayah)', ('a{', b'', ())),
    'bad-bytes': GLib.Variant('(sayah)', ('as', b'\xff\xff', ())),
    'wide': GLib.Variant('(sayah)', ('(' + 't' * 9000 + ')', b'1', ())),
    'in-a-file': IN_A_FILE,
}


def write_net() -> dict[str, bytes]:
    """Frames in pieces, and letters, which begin with a 0."""
    def frame(type_string: str, body: bytes, size: int | None = None, tag: int = 0,
              close: int = 0, unused: int = 0) -> bytes:
        name = type_string.encode('latin-1')
        size = len(body) if size is None else size
        return struct.pack('<QIBBH', size, len(name), tag, close, unused) + name + body

    close = GLib.Variant('(sis)', ('gmp-error-quark', 5, 'gone')).get_data_as_bytes().get_data()
    letter = GLib.Variant('(bsss)', (True, 'certificate', 'token', 'reason'))
    seeds = {f'value-{at}': b'\x07' + frame(*value(text)) for at, text in enumerate(VALUES)}
    return seeds | {
        'null': b'\x01' + frame('', b'') * 2,
        'several': b'\xff' + b''.join(frame(*value(text), tag=3) for text in VALUES),
        'close': b'\x10' + frame('(sis)', close, close=1),
        'big': b'\xff' + frame('ay', bytes(70000)),
        'huge': b'\x10' + frame('ay', b'12', size=1 << 62),
        'no-type': b'\x10' + frame('', b'12'),
        'bad-type': b'\x10' + frame('a{', b'12'),
        'not-normal': b'\x10' + frame('as', b'\xff\xff'),
        'long-type': b'\x10' + struct.pack('<QIBBH', 1, 1 << 31, 0, 0, 0),
        'unused': b'\x10' + frame('y', b'1', unused=1),
        'letter': b'\0' + letter.get_data_as_bytes().get_data(),
        'short-letter': b'\0\1',
    }


def write_payload() -> dict[str, bytes]:
    def pack(kind: int, file: bytes, variant: GLib.Variant) -> bytes:
        data = variant.get_data_as_bytes().get_data()
        return struct.pack('<BH', kind, len(file)) + file + data

    seeds = {f'value-{i}': pack(0, b'', packed(text)) for i, text in enumerate(VALUES)}
    seeds |= {name: pack(0, b'', variant) for name, variant in BAD_PAYLOADS.items()}
    seeds |= {f'file-{kind}': pack(kind, b'content', IN_A_FILE) for kind in range(5)}
    seeds['empty-file'] = pack(1, b'', IN_A_FILE)
    seeds['nothing'] = pack(0, b'', NOTHING)
    seeds['inline'] = pack(0, b'', GLib.Variant('(say)', ('i', b'1234')))
    return seeds


def to_wire(message: Gio.DBusMessage, body: GLib.Variant | None = None, n_files: int = 0) -> bytes:
    message.set_serial(2)
    if body is not None:
        message.set_body(body)
    blob = message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING)
    if n_files == 0:
        return blob
    # One more header field: the number of descriptors. It begins at a multiple of 8.
    size = struct.unpack_from('<I', blob, 12)[0]
    fields = pad(blob[16:16 + size]) + b'\x09\x01u\0' + struct.pack('<I', n_files)
    return (blob[:12] + struct.pack('<I', len(fields)) + pad(fields) +
            blob[16 + size + -size % 8:])


def signal(member: str, body: GLib.Variant) -> bytes:
    return to_wire(Gio.DBusMessage.new_signal('/org/gmproc/Worker', 'org.gmproc.Worker1', member),
                   body)


def reply(body: GLib.Variant | None, n_files: int = 0) -> bytes:
    message = Gio.DBusMessage()
    message.set_message_type(Gio.DBusMessageType.METHOD_RETURN)
    message.set_reply_serial(1)
    return to_wire(message, body, n_files)


def refuse(name: str, body: GLib.Variant | None) -> bytes:
    message = Gio.DBusMessage()
    message.set_message_type(Gio.DBusMessageType.ERROR)
    message.set_reply_serial(1)
    message.set_error_name(name)
    return to_wire(message, body)


def call(path: str, interface: str, member: str, body: GLib.Variant | None = None,
         n_files: int = 0) -> bytes:
    message = Gio.DBusMessage.new_method_call(None, path, interface, member)
    return to_wire(message, body, n_files)


def write_control() -> dict[str, bytes]:
    text = GLib.Variant('(s)', ('text',))
    ready = signal('Ready', GLib.Variant('(u)', (7,)))
    good = reply(GLib.Variant.new_tuple(packed('1')))
    seeds = {
        'good': ready + signal('Progress', GLib.Variant('((say))', (('i', b'1234'),))) +
                signal('Log', GLib.Variant('(sus)', ('domain', 16, 'text'))) + good,
        'nothing': reply(GLib.Variant.new_tuple(NOTHING)),
        'twice': good + good,
        'wrong-reply': reply(text),
        'empty-reply': reply(None),
        'bad-progress': signal('Progress', GLib.Variant('((say))', (('a{', b''),))) + good,
        'wrong-progress': signal('Progress', text) + good,
        'turns': signal('Turn', GLib.Variant.new_tuple(packed('1'))) + good,
        'bad-turn': signal('Turn', GLib.Variant('((sayah))', (('a{', b'', ()),))) + good,
        'wrong-turn': signal('Turn', text) + good,
        'wrong-ready': signal('Ready', text) + signal('Ready', GLib.Variant('()', ())) + good,
        'wrong-log': signal('Log', GLib.Variant('(sss)', ('', '', ''))) + good,
        'fatal-log': signal('Log', GLib.Variant('(sus)', ('', 0xffffffff, '%s%n'))) + good,
        'unknown-signal': signal('Party', text) + good,
        'properties': to_wire(Gio.DBusMessage.new_signal(
            '/org/gmproc/Worker', 'org.freedesktop.DBus.Properties', 'PropertiesChanged'),
            text) + good,
        'call': call('/', 'org.example.Thing', 'Do', text) +
                call('/org/gmproc/Worker', 'org.freedesktop.DBus.Peer', 'Ping') + good,
        'file': b'',
        'rubbish': b'GET / HTTP/1.1\r\n\r\n' * 20,
        'cut': good[:-9],
    }
    errors = ['org.gmproc.Error.NotFound', 'org.gtk.GDBus.UnmappedGError.Quark._foo_2dbar.Code7',
              'org.gtk.GDBus.UnmappedGError.Quark._a._Code', 'org.freedesktop.DBus.Error.NoReply',
              'org.gtk.GDBus.UnmappedGError.Quark._x_zz.Code99999999999', 'a.b']
    for i, name in enumerate(errors):
        seeds[f'error-{i}'] = refuse(name, text)
        seeds[f'error-{i}-without'] = refuse(name, None)
    for name, variant in BAD_PAYLOADS.items():
        seeds[f'payload-{name}'] = reply(GLib.Variant.new_tuple(variant))
    seeds = {name: b'\0' + data for name, data in seeds.items()}
    for kind in range(1, 4):
        seeds[f'file-{kind}'] = bytes([kind]) + reply(GLib.Variant.new_tuple(IN_A_FILE), 1)
    return seeds


def write_messages() -> dict[str, bytes]:
    def send(member: str, body: GLib.Variant | None, n_files: int = 0) -> bytes:
        return call('/org/gmproc/Channel', 'org.gmproc.Channel1', member, body, n_files)

    good = send('Send', GLib.Variant.new_tuple(packed('1')))
    text = GLib.Variant('(s)', ('text',))
    seeds = {
        'good': good * 3 + send('Close', GLib.Variant('(sis)', ('', 0, ''))),
        'close': good + send('Close', GLib.Variant('(sis)', ('domain', -7, '%n'))) + good,
        'nothing': send('Send', GLib.Variant.new_tuple(NOTHING)),
        'wrong': send('Send', text),
        'without': send('Close', None),
        'unknown': send('Grab', None),
        'signal': signal('Ready', GLib.Variant('(u)', (7,))),
        'reply': reply(text),
        'rubbish': b'\xff' * 100,
        'cut': good[:40],
    }
    for name, variant in BAD_PAYLOADS.items():
        seeds[f'payload-{name}'] = send('Send', GLib.Variant.new_tuple(variant))
    seeds = {name: b'\0' + data for name, data in seeds.items()}
    for kind in range(1, 4):
        seeds[f'file-{kind}'] = bytes([kind]) + send('Send', GLib.Variant.new_tuple(IN_A_FILE), 1)
    return seeds


TARGETS = [
    'native:libfoo.so:foo_client_get_type', 'native::my_function', 'native:/a:b/c.so:thing',
    'native:/usr/bin/prog:offset=0x1380@e8e4f733ad37ba4e', 'native::offset=0x@',
    'native::offset=1@2',
    'native::offset=0xffffffffffffffffff@aa', 'native::offset=0x10', 'native::type=MyGObjectThing',
    'native:lib.so:type=', 'native::type=a_B_CDe', 'python:module:name', 'python:__main__:C.method',
    'gjs:file:///path/module.js#name', 'no-colon', ':empty', 'native:', 'native::', 'x::\x01',
]


def write_targets() -> dict[str, bytes]:
    return {f'target-{i}': target.encode() for i, target in enumerate(TARGETS)}


def write_packed() -> dict[str, bytes]:
    import numpy
    from gmproc import _payload

    values: dict[str, Any] = {
        'none': None, 'plain': [True, 7, 2.5, 'text', b'bytes', None, (), {}],
        'vector': numpy.zeros(4, 'f4'), 'frame': numpy.zeros((2, 3, 4), 'u1', order='F'),
        'step': (numpy.zeros(2, '>f8'), 1.0, False, False, {'a': 1}),
        'scalars': [numpy.float32(1), numpy.bool_(True), numpy.datetime64('2026-01-01')],
        'records': numpy.zeros(2, [('flag', 'u1'), ('at', 'f8')]),
        'texts': numpy.array(['a', 'bc']), 'keys': [{'a': 1, 'b': 2}, {'a': 3}],
        'deep': [[[[[numpy.zeros(0)]]]]], 'no-dimension': numpy.array(7)}
    seeds = {}
    for name, each in values.items():
        # A list with an array is neither a plain value nor a pickle.
        data = _payload.dump([each, numpy.zeros(1)], 'python').get_bytes()
        seeds[name] = b'\0' + data[8:]
    header = struct.pack('=H', 3) + b'<f4' + b'C' + bytes([1]) + struct.pack('=q', 2)
    seeds['buffers'] = (b'\2' + struct.pack('<H', 8) + bytes(8) + struct.pack('<H', 3) + b'abc'
                        + b'L\2\0\0\0a' + header + b'b' + struct.pack('=Q', 3))
    seeds['buffer-too-small'] = b'\1' + struct.pack('<H', 4) + bytes(4) + b'a' + header
    seeds['counts'] = b'\0' + (b'U' + struct.pack('=I', 1000)) * 50 + bytes(1000)
    return seeds


WRITERS = {'frames': write_frames, 'blocks': write_blocks, 'memory': write_memory,
           'net': write_net, 'payload': write_payload, 'control': write_control,
           'messages': write_messages, 'targets': write_targets, 'packed': write_packed}


def main() -> None:
    target, folder = sys.argv[1:]
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    for name, data in WRITERS[target]().items():
        (path / name).write_bytes(data)


if __name__ == '__main__':
    main()
