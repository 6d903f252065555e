"""Exported rows as text: CSV that is safe in a spreadsheet, and JSON lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, TextIO

from domain.export import BEFORE_VALUES, Row, other_values

_NAMES = (*BEFORE_VALUES[1:], "quantity")  # the cells with texts from outside, which follow on the time
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What spreadsheets take for the begin of a formula, some of them behind blanks too; and its wide forms.
_FORMULA = re.compile(r"\s*[=+\-@|%\uff0b\uff0d\uff1d\uff20]")
_CONVERTED: Mapping[str, Callable[[Any], object]] = {
    "is_reachable": bool,
    "is_anomalous": bool,
    "other_values": other_values,
}
_NAMES_CACHED = 4096


def write_csv(
    file: TextIO, headings: Sequence[str], rows: Iterator[Row], cell_of: Callable[[str], str] | None = None
) -> None:
    """Write CSV (RFC 4180) with a line of headings; names are written as `cell_of` returns them."""
    names = _names(headings)
    written = lru_cache(_NAMES_CACHED)(partial(_texts, cell_of or safe_cell))
    writer = csv.writer(file)
    writer.writerow(headings)
    writer.writerows((row[0], *written(row[names]), *row[names.stop :]) for row in rows)


def write_json_lines(file: TextIO, columns: Sequence[str], rows: Iterator[Row]) -> None:
    """Write an object on each line, with the cells that are not empty."""
    names = _names(columns)
    written = lru_cache(_NAMES_CACHED)(partial(_texts, printable))
    convert = {name: _CONVERTED[name] for name in columns if name in _CONVERTED}
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for row in rows:
        cells = (row[0], *written(row[names]), *row[names.stop :])
        one: dict[str, object] = {
            name: cell for name, cell in zip(columns, cells, strict=True) if cell is not None
        }
        for name, conversion in convert.items():
            if name in one:
                one[name] = conversion(one[name])
        file.write(f"{encode(one)}\n")


def _names(columns: Sequence[str]) -> slice:
    return slice(1, 1 + sum(column in _NAMES for column in columns))


def _texts(cell_of: Callable[[str], str], cells: Row) -> Row:
    return tuple(cell_of(str(cell)) for cell in cells)


def printable(text: str) -> str:
    """Return the text with a replacement character for each one that could control a terminal."""
    return _CONTROL.sub("\ufffd", text)


def safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet runs it: with an apostrophe before what could be a formula."""
    return f"'{printable(text)}" if _FORMULA.match(text) else printable(text)
