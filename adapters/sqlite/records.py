"""A record of the database file as values, read without SQLite."""

from __future__ import annotations

import struct

Value = str | int | float | bytes | None
Values = tuple[Value, ...]

_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_REAL = 7
_CONSTANTS = {8: 0, 9: 1}


def varint(content: bytes, offset: int) -> tuple[int, int]:
    """The number that begins there, and where the next thing does. Raises `IndexError` at the end."""
    number = content[offset]
    if number < 0x80:
        return number, offset + 1
    number &= 0x7F
    for place in range(1, 8):
        byte = content[offset + place]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, offset + place + 1
    return number << 8 | content[offset + 8], offset + 9


def values_of(payload: bytes) -> Values:
    """The values of a record. Raises `ValueError` or `IndexError` when it is none.

    What is no UTF-8 in a text comes out as replacement characters.
    """
    header_bytes, offset = varint(payload, 0)
    if header_bytes > len(payload):
        raise ValueError(header_bytes)
    kinds: list[int] = []
    while offset < header_bytes:
        kind, offset = varint(payload, offset)
        kinds.append(kind)
    if offset != header_bytes:
        raise ValueError(offset)
    values: list[Value] = []
    for kind in kinds:
        end = offset + _length(kind)
        if end > len(payload):
            raise ValueError(end)
        values.append(_value(kind, payload[offset:end]))
        offset = end
    if offset != len(payload):
        raise ValueError(offset)
    return tuple(values)


def _length(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    if kind <= 6:
        return _INTEGER_BYTES[kind]
    return 8 if kind == _REAL else 0


def _value(kind: int, content: bytes) -> Value:
    if kind >= 12:
        return content.decode("utf-8", "replace") if kind % 2 else content
    if kind == 0:
        return None
    if kind <= 6:
        return int.from_bytes(content, "big", signed=True)
    if kind == _REAL:
        number: float = struct.unpack(">d", content)[0]
        return None if number != number else number
    if kind in _CONSTANTS:
        return _CONSTANTS[kind]
    raise ValueError(kind)
