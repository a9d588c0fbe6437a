# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The text that an environment and its game send each other, as gmp-remote-text.c reads and writes
it for the other languages."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator


COMMAND_SIZE = 8192  # bytes: no game reads more
INT64 = range(-1 << 63, 1 << 63)


class BadState(ValueError):
    """A datagram that is not a state; its text is the reason."""


def _check(what: str, text: str) -> str:
    if ';' in text:
        raise ValueError(f'{what} contains a semicolon, which ends a command for the game: '
                         f'{text[:100]!r}')
    return text


def format_command(name: str, args: Iterable[Any]) -> bytes:
    """A command as the game reads it.

    Raises:
        ValueError: it has no name, a semicolon in it, or more than 8192 bytes.
    """
    if not name:
        raise ValueError('A command without a name cannot be sent: the name is what the game does')
    _check('The name of a command', name)
    texts = [_check('An argument of a command', str(argument)) for argument in args]
    command = f'{name};{len(texts)};{"".join(text + ";" for text in texts)}'.encode()
    if len(command) > COMMAND_SIZE:
        raise ValueError(f'The command {name!r} has {len(command)} bytes: a game reads '
                         f'{COMMAND_SIZE} at most')
    return command


def _flatten(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)) or getattr(value, 'ndim', 0) > 0:
            yield from _flatten(value)
        else:
            yield value


def format_numbers(values: Iterable[Any]) -> str:
    """Numbers as one argument; nested lists and arrays are flattened."""
    return ' '.join(str(value) for value in _flatten(values))


def _parse_float(text: str) -> float:
    # Games that run in another locale write a comma. Only Python allows underscores.
    return float(text.replace(',', '.').replace('_', '?'))


def _parse_int(text: str) -> int:
    number = int(text.replace('_', '?'))
    if number not in INT64:
        raise ValueError
    return number


def _parse_floats(text: str) -> Any:
    import numpy

    return numpy.array([_parse_float(word) for word in text.split(' ') if word], numpy.float64)


# By the code on the wire. Bytes stay in Base64, as the programs of 2020 decode them themselves.
_PARSERS = [_parse_float, _parse_int, lambda text: _parse_int(text) == 1, str, str, _parse_floats]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0
        self.field = 0

    def refuse(self, what: str) -> BadState:
        return BadState(f'field {self.field} has {what}')

    def text(self, size: int) -> str:
        piece = self.data[self.place:self.place + size]
        self.place += size
        if len(piece) < size:
            raise BadState(f'it is cut off in field {self.field}, where {len(piece)} of {size} '
                           'bytes are there')
        try:
            return piece.decode().strip()
        except UnicodeDecodeError:
            raise self.refuse('text that is not UTF-8') from None

    def length(self, width: int) -> int:
        text = self.text(width)
        if not (text.isascii() and text.isdigit()):
            raise self.refuse('no number where a length belongs')
        return int(text)

    def value(self) -> Any:
        kind, text = self.length(1), self.text(self.length(8))
        if kind >= len(_PARSERS):
            return None
        try:
            return _PARSERS[kind](text)
        except ValueError:
            raise self.refuse('a value that is not of its type') from None


def parse_state(data: bytes) -> dict[str, Any]:
    """The fields of a datagram, by name; those of types that are newer than this are left out.

    Raises:
        BadState: it is no state, or not all of one.
    """
    reader, state = _Reader(data), {}
    for reader.field in range(1, reader.length(4) + 1):
        name = reader.text(reader.length(4))
        value = reader.value()
        if value is not None:
            state[name] = value
    if reader.place < len(data):
        raise BadState(f'{len(data) - reader.place} bytes follow its last field')
    return state
