"""Exported rows as text: CSV that is safe in a spreadsheet, and JSON lines."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TextIO

from domain.export import BEFORE_VALUES, Row, other_values

_NAMES = (*BEFORE_VALUES[1:], "quantity")  # the cells with texts from outside, which follow on the time
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What spreadsheets take for the begin of a formula, some of them behind blanks too; and its wide forms.
_FORMULA = re.compile(r"\s*[=+\-@|%\uff0b\uff0d\uff1d\uff20]")
_FLAGS = ("is_reachable", "is_anomalous")


def write_csv(file: TextIO, headings: Sequence[str], rows: Iterator[Row]) -> None:
    """Write CSV (RFC 4180) with a line of headings."""
    names = _names(headings)
    writer = csv.writer(file)
    writer.writerow(headings)
    writer.writerows((row[0], *_safe_cells(row[names]), *row[names.stop :]) for row in rows)


def write_json_lines(file: TextIO, columns: Sequence[str], rows: Iterator[Row]) -> None:
    """Write an object with all columns on each line."""
    names = _names(columns)
    flags = [number for number, name in enumerate(columns) if name in _FLAGS]
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for time, *row in rows:
        cells: list[object] = [time, *_printable_cells(tuple(row[: names.stop - 1])), *row[names.stop - 1 :]]
        for number in flags:
            if cells[number] is not None:
                cells[number] = bool(cells[number])
        if columns[-1] == "other_values":
            cells[-1] = {} if cells[-1] is None else other_values(row[-1])
        file.write(f"{encode(dict(zip(columns, cells, strict=True)))}\n")


def _names(columns: Sequence[str]) -> slice:
    return slice(1, 1 + sum(column in _NAMES for column in columns))


@lru_cache(maxsize=4096)
def _safe_cells(cells: Row) -> Row:
    return tuple(safe_cell(str(cell)) for cell in cells)


@lru_cache(maxsize=4096)
def _printable_cells(cells: Row) -> Row:
    return tuple(printable(str(cell)) for cell in cells)


def printable(text: str) -> str:
    """Return the text with a replacement character for each one that could control a terminal."""
    return _CONTROL.sub("\ufffd", text)


def safe_cell(text: str) -> str:
    """Return the text so that no spreadsheet runs it: with an apostrophe before what could be a formula."""
    return f"'{printable(text)}" if _FORMULA.match(text) else printable(text)
