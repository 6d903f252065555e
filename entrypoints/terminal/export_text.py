"""Exported rows as text: CSV that is safe in a spreadsheet, and JSON lines.

Rows are put together by hand: `csv` and `json` take twice as long, most of an export's time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from json.encoder import encode_basestring
from typing import Any, TextIO

from domain.history.export import IS_SIMULATED, NAMES, TEXTS, Cell, Row, other_values
from domain.printable import printable

# What spreadsheets take for the begin of a formula, some of them behind blanks too; and its wide forms.
_FORMULA = re.compile(r"\s*[=+\-@|%\uff0b\uff0d\uff1d\uff20]")
_NAMES_CACHED = 4096


def write_csv(
    file: TextIO, headings: Sequence[str], rows: Iterator[Row], cell_of: Callable[[str], str] | None = None
) -> None:
    """Write CSV (RFC 4180) with a line of headings; names are written as `cell_of` returns them."""
    names, numbers, texts = _parts(headings)
    joined = lru_cache(_NAMES_CACHED)(partial(_joined_names, cell_of or safe_cell))
    file.write(f"{','.join(map(_quoted, headings))}\r\n")
    file.writelines(
        f"{_quoted(row[0])},{joined(row[names])},"
        f"{','.join(['' if cell is None else repr(cell) for cell in row[numbers]])},"
        f"{','.join(['' if cell is None else _quoted(cell) for cell in row[texts]])}\r\n"
        for row in rows
    )


def _joined_names(cell_of: Callable[[str], str], cells: Row) -> str:
    return ",".join("" if cell is None else _quoted(cell_of(str(cell))) for cell in cells)


def _quoted(cell: Cell) -> str:
    text = str(cell)
    if '"' in text or "," in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def write_json_lines(file: TextIO, columns: Sequence[str], rows: Iterator[Row]) -> None:
    """Write an object on each line, with the cells that are not empty."""
    names, numbers, texts = _parts(columns)
    rest = [(f',"{name}":', _ENCODERS.get(name, repr)) for name in (*columns[numbers], *columns[texts])]
    time = f'{{"{columns[0]}":'
    members = lru_cache(_NAMES_CACHED)(partial(_members, columns[names]))
    file.writelines(
        "".join(
            [
                f"{time}{encode_basestring(str(row[0]))}{members(row[names])}",
                *[
                    key + encode(cell)
                    for (key, encode), cell in zip(rest, row[numbers.start :], strict=True)
                    if cell is not None
                ],
                "}\n",
            ]
        )
        for row in rows
    )


def _members(columns: Sequence[str], cells: Row) -> str:
    return "".join(
        f',"{name}":{encode_basestring(printable(str(cell)))}'
        for name, cell in zip(columns, cells, strict=True)
        if cell is not None
    )


def _flag(cell: object) -> str:
    return "true" if cell else "false"


def _numbers(cell: Any) -> str:
    return json.dumps(other_values(cell), separators=(",", ":"))


_ENCODERS: Mapping[str, Callable[[Any], str]] = {
    "is_reachable": _flag,
    "is_anomalous": _flag,
    IS_SIMULATED: _flag,
    "observed_at": encode_basestring,
    "other_values": _numbers,
}


def _parts(columns: Sequence[str]) -> tuple[slice, slice, slice]:
    """Return where in a row the names, the numbers and the last texts are; the time comes first."""
    begin = 1 + sum(column in NAMES for column in columns)
    end = len(columns) - sum(column in TEXTS for column in columns)
    return slice(1, begin), slice(begin, end), slice(end, None)


def safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet runs it: with an apostrophe before what could be a formula."""
    return f"'{printable(text)}" if _FORMULA.match(text) else printable(text)
