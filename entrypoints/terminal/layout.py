"""Lines and tables that fit the width of a terminal.

Columns of a table are left out in a decided order; names are cut last.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence

import attrs
from rich.cells import cell_len, chop_cells, set_cell_size

from entrypoints.terminal.output import Look, as_shown, as_typed_here, print_message

_WIDE, _LEAST_WIDTH = 120, 20
_GAP = 2
_LEAST_NAME = 6

Line = tuple[str, Look]
Cell = str | Callable[[int], str]  # or what returns the cell for a width


def print_lines(lines: Iterable[Line]) -> None:
    """Print lines on stdout, each in its look; on a terminal long ones are wrapped between words."""
    width = terminal_width() if sys.stdout.isatty() else None
    for line, look in lines:
        print_message(*wrap_line(line, width), look=look)


def wrap_line(line: str, width: int | None) -> Sequence[str]:
    """Return the line as lines of that width; those after the first are indented by two more blanks."""
    text = as_shown(as_typed_here(line))
    if width is None or cell_len(text) <= width:
        return [text]
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    return textwrap.wrap(
        text,
        max(width, _LEAST_WIDTH),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def terminal_width() -> int:
    """Return how many characters a line of stdout has room for; it is wide where stdout is no terminal."""
    return shutil.get_terminal_size((_WIDE, 24)).columns


@attrs.frozen(kw_only=True)
class Column:
    """A column. Those with the lowest `rank` are left out first; one without a rank always stays.

    `heading` is one line or more. A column whose cells fit any width has `widths`, the least and the most.
    """

    heading: str
    rank: int | None = None
    is_name: bool = False
    widths: tuple[int, int] | None = None


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int
) -> tuple[list[str], list[str]]:
    """Return the lines of the heading, and a line for each row; none is wider than `width`."""
    kept = [
        _Kept(column, [as_shown(cell) if isinstance(cell, str) else cell for cell in cells])
        for column, *cells in zip(columns, *rows, strict=True)
    ]
    while _total(kept) > width and (ranks := [one.column.rank for one in kept if one.column.rank]):
        kept = [one for one in kept if one.column.rank != min(ranks)]
    surplus = width - _total(kept)
    for one in kept:
        if surplus < 0 and one.column.is_name:
            one.width = max(_LEAST_NAME, one.width + surplus)
        elif surplus > 0 and one.column.widths is not None:
            one.width = min(one.column.widths[1], one.width + surplus)
    heights = max(len(one.headings) for one in kept)
    headings = [_line([one.heading_at(number, heights) for one in kept]) for number in range(heights)]
    return headings, [_line([one.cell_at(number) for one in kept]) for number in range(len(rows))]


def shorten(text: str, width: int) -> str:
    """Return the text as it is shown, cut with an ellipsis if it is wider than `width`."""
    shown = as_shown(text)
    if cell_len(shown) <= width:
        return shown
    ellipsis = as_shown("…")
    return f"{(chop_cells(shown, width - len(ellipsis)) or [''])[0]}{ellipsis}"


@attrs.define
class _Kept:
    column: Column
    cells: Sequence[Cell]
    width: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        texts = [cell for cell in self.cells if isinstance(cell, str)]
        least = self.column.widths[0] if self.column.widths is not None else 0
        headings = 0 if least else max(map(cell_len, self.headings))
        self.width = max(least, headings, *map(cell_len, texts), 0)

    @property
    def headings(self) -> Sequence[str]:
        return [as_shown(line) for line in self.column.heading.split("\n")]

    def heading_at(self, number: int, heights: int) -> str:
        lines = [*self.headings, *[""] * heights][:heights]
        return self._aligned(lines[number])

    def cell_at(self, number: int) -> str:
        cell = self.cells[number]
        return self._aligned(cell if isinstance(cell, str) else as_shown(cell(self.width)))

    def _aligned(self, text: str) -> str:
        if self.column.is_name or self.column.widths is not None:
            return set_cell_size(shorten(text, self.width), self.width)
        return " " * (self.width - cell_len(text)) + text


def _total(kept: Sequence[_Kept]) -> int:
    return sum(one.width for one in kept) + _GAP * (len(kept) - 1)


def _line(cells: Sequence[str]) -> str:
    return (" " * _GAP).join(cells).rstrip()
