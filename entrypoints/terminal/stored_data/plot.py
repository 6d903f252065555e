"""A plot of a quantity's course, in lines of text: dots of braille, or of ASCII where these are lacking."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo

import attrs

from domain.history.series import Span, Summary

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character, by row and column
_BLANK = 0x2800
_LABEL_GAP, _TICKS, _LEAST_RANGE = 3, 5, 0.5
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_TIME_STEPS = (
    *(number * _MINUTE for number in (5, 15, 30)),
    *(number * _HOUR for number in (1, 2, 3, 6, 12)),
    *(number * _DAY for number in (1, 2, 7, 14, 28, 91, 182, 364, 728, 1820)),
)


@attrs.frozen(kw_only=True)
class Plot:
    """Draws points of a span; the lines after `breaks` are interrupted. `marks` are texts below the axis."""

    points: Sequence[Summary]
    breaks: frozenset[datetime]
    span: Span
    zone: tzinfo
    marks: Sequence[tuple[datetime, str]] = ()

    def lines(self, width: int, height: int) -> Iterator[str]:
        """Yield the plot, its axes and the marks; `height` is that of the plot alone."""
        step, low, high = _scale(
            min(point.low for point in self.points), max(point.high for point in self.points)
        )
        decimals = max(0, -math.floor(math.log10(step)))
        ticks = [low + number * step for number in range(round((high - low) / step) + 1)]
        labels = {
            round((high - tick) / (high - low) * (height - 1)): f"{tick:.{decimals}f}" for tick in ticks
        }
        margin = max(map(len, labels.values()))
        columns = max(1, width - margin - 2)
        for number, row in enumerate(self._canvas(columns, height, low, high)):
            label = labels.get(number, "")
            yield f"{label:>{margin}} {'┤' if label else '│'}{row}".rstrip()
        names = list(self._time_labels(columns))
        places = {place for place, _ in names}
        axis = "".join("┴" if place in places else "─" for place in range(columns))
        yield f"{'':{margin}} └{axis}"
        yield f"{'':{margin}}  {_placed(names, columns)}".rstrip()
        if self.marks:
            placed = [(self._column(at, columns), text) for at, text in self.marks]
            yield f"{'':{margin}}  {_placed(placed, columns)}".rstrip()

    def _canvas(self, columns: int, rows: int, low: float, high: float) -> Iterator[str]:
        cells = [[_BLANK] * columns for _ in range(rows)]
        right, bottom = 2 * columns - 1, 4 * rows - 1

        def place_of(at: datetime, value: float) -> tuple[int, int]:
            x = (at - self.span.since) / self.span.length * right
            y = (high - value) / (high - low) * bottom
            return min(right, max(0, round(x))), min(bottom, max(0, round(y)))

        def draw(x: int, first: int, last: int) -> None:
            for y in range(min(first, last), max(first, last) + 1):
                cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]

        before: tuple[int, int] | None = None
        for point in self.points:
            x, y = place_of(point.at, point.mean)
            draw(x, place_of(point.at, point.low)[1], place_of(point.at, point.high)[1])
            if before is not None:
                for step in range(x - before[0]):
                    first, last = (
                        round(before[1] + (y - before[1]) * part / (x - before[0]))
                        for part in (step, step + 1)
                    )
                    draw(before[0] + step, first, last)
            before = None if point.at in self.breaks else (x, y)
        for row in cells:
            yield "".join(map(chr, row)).replace(chr(_BLANK), " ")

    def _time_labels(self, columns: int) -> Iterator[tuple[int, str]]:
        """Yield columns and times, as many as fit."""
        for step in _TIME_STEPS:
            form = "%H:%M" if step < _DAY else "%d %b" if step < 300 * _DAY else "%b %Y"
            if columns * (step / self.span.length) >= len(f"{self.span.since:{form}}") + _LABEL_GAP:
                break
        local = self.span.since.astimezone(self.zone).replace(tzinfo=None)
        at = local.replace(hour=0, minute=0, second=0, microsecond=0)
        while (instant := at.replace(tzinfo=self.zone)) < self.span.until:
            if instant >= self.span.since:
                is_day = step < _DAY and not (at.hour or at.minute)
                yield self._column(instant, columns), f"{at:{'%d %b' if is_day else form}}"
            at += step

    def _column(self, at: datetime, columns: int) -> int:
        return min(columns - 1, int((at - self.span.since) / self.span.length * columns))


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Return a round step, and multiples of it around both values, about four steps apart."""
    rough = max(high - low, _LEAST_RANGE) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return step, first * step, max(last, first + 1) * step


def _placed(texts: Sequence[tuple[int, str]], columns: int) -> str:
    """Return the texts at their columns on one line; leave out what would overlap or not fit."""
    line = ""
    for column, text in sorted(texts):
        if column >= len(line) + bool(line) and column + len(text) <= columns:
            line = f"{line:{column}}{text}"
    return line
