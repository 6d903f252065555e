"""Records on the pages of a database file, read without SQLite: also those that no b-tree leads to.

The format: https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap

import attrs

_MAGIC = b"SQLite format 3\x00"
_LEAF_OF_TABLE, _LEAF_OF_INDEX, _INNER_OF_INDEX = 0x0D, 0x0A, 0x02
_HEADER_BYTES = {_LEAF_OF_TABLE: 8, _LEAF_OF_INDEX: 8, _INNER_OF_INDEX: 12}
_SIZES = tuple(2**power for power in range(9, 17))
_USUAL_SIZE = 4096
_LONGEST_CHAIN = 4096  # of overflow pages: more than any reply that was ever stored


@attrs.frozen(kw_only=True)
class Record:
    """A row of a table or an entry of an index; `rowid` is None unless it is of a rowid table."""

    page: int
    rowid: int | None
    values: Values


class Pages:
    """The pages of a file that may be damaged anywhere. What cannot be read is left out without an error."""

    def __init__(self, content: mmap) -> None:
        self._content = content
        self.size = _page_size(content)
        reserved = content[20] if _has_header(content) else 0
        self._usable = self.size - reserved if reserved <= 32 else self.size

    def __len__(self) -> int:
        return len(self._content) // self.size

    def records(self) -> Iterator[Record]:
        """Yield every record of every page that is not free, in the order of the pages."""
        free = self._free()
        for number in range(1, len(self) + 1):
            if number not in free:
                yield from self._records_of(number)

    def _page(self, number: int) -> bytes:
        if not 1 <= number <= len(self):
            raise ValueError(number)
        return self._content[(number - 1) * self.size : number * self.size]

    def _records_of(self, number: int) -> Iterator[Record]:
        page = self._page(number)
        start = 100 if number == 1 else 0
        kind = page[start]
        if kind not in _HEADER_BYTES:
            return
        first = start + _HEADER_BYTES[kind]
        cells = int.from_bytes(page[start + 3 : start + 5], "big")
        for place in range(first, min(first + 2 * cells, self._usable - 1), 2):
            offset = int.from_bytes(page[place : place + 2], "big")
            try:
                yield self._record(number, page, kind, offset)
            except (ValueError, IndexError):  # a damaged cell; its neighbours may be sound
                continue

    def _record(self, number: int, page: bytes, kind: int, offset: int) -> Record:
        if kind == _INNER_OF_INDEX:
            offset += 4
        length, offset = varint(page, offset)
        rowid: int | None = None
        if kind == _LEAF_OF_TABLE:
            rowid, offset = varint(page, offset)
            rowid -= (rowid >= 1 << 63) << 64
        local = self._local(length, is_table=kind == _LEAF_OF_TABLE)
        if offset + local > self._usable:
            raise ValueError(offset)
        payload = page[offset : offset + local]
        if local < length:
            payload += self._overflow(page[offset + local : offset + local + 4], length - local)
        return Record(page=number, rowid=rowid, values=values_of(payload))

    def _local(self, length: int, *, is_table: bool) -> int:
        """Return how many bytes of a payload are on the page itself."""
        usable = self._usable
        most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return length
        least = (usable - 12) * 32 // 255 - 23
        wanted = least + (length - least) % (usable - 4)
        return wanted if wanted <= most else least

    def _overflow(self, pointer: bytes, missing: int) -> bytes:
        parts: list[bytes] = []
        while missing > 0:
            page = self._page(int.from_bytes(pointer, "big"))
            if len(parts) == _LONGEST_CHAIN:
                raise ValueError(missing)
            pointer, part = page[:4], page[4 : min(4 + missing, self._usable)]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _free(self) -> set[int]:
        """Return the free pages: rows that were deleted must not come back."""
        free: set[int] = set()
        if not _has_header(self._content):
            return free
        trunk = int.from_bytes(self._content[32:36], "big")
        while 2 <= trunk <= len(self) and trunk not in free:
            page = self._page(trunk)
            count = int.from_bytes(page[4:8], "big")
            if count > self._usable // 4 - 2 or page[0] in _HEADER_BYTES:
                break  # not a trunk page
            leaves = (int.from_bytes(page[8 + 4 * leaf : 12 + 4 * leaf], "big") for leaf in range(count))
            free.add(trunk)
            free.update(leaves)
            trunk = int.from_bytes(page[:4], "big")
        return free


def _has_header(content: mmap) -> bool:
    return content[: len(_MAGIC)] == _MAGIC


def _page_size(content: mmap) -> int:
    """Return the size in the header; if that is damaged, the one with which most pages look like pages."""
    size = int.from_bytes(content[16:18], "big")
    size = 65536 if size == 1 else size
    if _has_header(content) and size in _SIZES and len(content) % size == 0:
        return size

    def likely(size: int) -> float:
        starts = range(size, len(content), size)
        return sum(content[start] in _HEADER_BYTES for start in starts) / max(len(starts), 1)

    best = max(_SIZES, key=likely)
    return best if likely(best) > likely(_USUAL_SIZE) * 1.5 else _USUAL_SIZE


Value = str | int | float | bytes | None
Values = tuple[Value, ...]

_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_REAL = 7
_CONSTANTS = {8: 0, 9: 1}


def varint(content: bytes, offset: int) -> tuple[int, int]:
    """Return the number at the offset, and the offset after it. Raises `IndexError` at the end."""
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
    """Return the values of a record. Raises `ValueError` or `IndexError` if it is not a record.

    Invalid UTF-8 in a text becomes replacement characters.
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
