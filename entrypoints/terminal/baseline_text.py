"""Baselines and comparisons, as lines for people and as objects for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from domain.measurements import Baseline, Figure, Kind
from domain.services.baseline_comparison import Change, Comparison, Spread, spread_of

FORMAT = 1  # of the JSON objects: counts up when a key is renamed or goes
_WORDS = {
    Kind.CYCLE_S: "whole cycle",
    Kind.CPU_S: "CPU a cycle",
    Kind.COMMIT_S: "commit",
    Kind.READ_S: "read",
    Kind.ATTEMPTS: "attempts",
    Kind.WIRE_BYTES: "bytes on the wire",
    Kind.PAYLOAD_BYTES: "bytes unpacked",
}
Row = Sequence[str]


def listed(baselines: Sequence[Baseline]) -> Iterator[str]:
    """A line a baseline."""
    if not baselines:
        yield "there is no baseline yet; homeclimate baseline capture NAME makes one"
        return
    yield from _table(
        ["name", "captured (UTC)", "cycles", "left out", "measured (UTC)"],
        [
            [
                one.name,
                _minute(one.captured_at),
                f"{one.cycles:,}",
                f"{one.left_out:,}",
                f"{_minute(one.first_at)} to {_minute(one.last_at)}",
            ]
            for one in baselines
        ],
    )


def reported(baseline: Baseline) -> Iterator[str]:
    """All of it, in Markdown: to be kept, and shown to others."""
    yield f"## {baseline.name}"
    yield ""
    yield (
        f"{_cycles(baseline, 'whole cycle')}, begun {_minute(baseline.first_at)} to "
        f"{_minute(baseline.last_at)} UTC; {baseline.left_out:,} more were not whole and are left out. "
        f"Captured {_minute(baseline.captured_at)} UTC."
    )
    yield ""
    for name, value in baseline.circumstances.items():
        yield f"- {name}: {value}"
    yield ""
    head = ["figure", "of", "centre", "quartiles", "samples"]
    rows = [
        [
            _WORDS[figure.kind],
            figure.of,
            _shown(figure.kind, spread.centre),
            f"{_shown(figure.kind, spread.lower)} to {_shown(figure.kind, spread.upper)}",
            f"{spread.number:,}",
        ]
        for figure, spread in _spreads(baseline)
    ]
    yield from _markdown(head, rows)
    yield ""
    yield "The centre of times is the median, of what is counted the mean."


def compared(comparison: Comparison) -> Iterator[str]:
    """What has changed, and by how much; then what was not the same."""
    before, after = comparison.before, comparison.after
    yield f"{before.name} ({_cycles(before, 'cycle')}) -> {after.name} ({_cycles(after, 'cycle')})"
    yield from _table(
        ["figure", "of", before.name, after.name, "change", "between", "verdict"],
        [_change_row(change) for change in comparison.changes],
    )
    for name, figures in ((before.name, comparison.only_before), (after.name, comparison.only_after)):
        if figures:
            yield f"only in {name}: {', '.join(map(_what, figures))}"
    for name, (old, new) in comparison.differing.items():
        yield f"not the same: {name}: {old} -> {new}"
    if comparison.overlap:
        first, last = map(_minute, comparison.overlap)
        yield (
            f"measured in both from {first} to {last} UTC: the same cycles count on both sides, "
            "so that any change looks smaller than it is"
        )


def baseline_as_object(baseline: Baseline) -> dict[str, Any]:
    """Documented in docs/reference/command-line.md."""
    return {
        "format": FORMAT,
        "name": baseline.name,
        "captured_at": baseline.captured_at.isoformat(),
        "first_at": baseline.first_at.isoformat(),
        "last_at": baseline.last_at.isoformat(),
        "cycles": baseline.cycles,
        "left_out": baseline.left_out,
        "circumstances": dict(baseline.circumstances),
        "figures": [{**_named(figure), **_spread(spread)} for figure, spread in _spreads(baseline)],
    }


def comparison_as_object(comparison: Comparison, broken: Sequence[Change]) -> dict[str, Any]:
    """Documented in docs/reference/command-line.md."""
    return {
        "format": FORMAT,
        "before": comparison.before.name,
        "after": comparison.after.name,
        "changes": [
            {
                **_named(change.figure),
                "before": _spread(change.before),
                "after": _spread(change.after),
                "change": change.change,
                "low": change.low,
                "high": change.high,
                "verdict": change.verdict.value,
                "reason": change.reason,
            }
            for change in comparison.changes
        ],
        "only_before": [_named(figure) for figure in comparison.only_before],
        "only_after": [_named(figure) for figure in comparison.only_after],
        "differing": {name: list(both) for name, both in comparison.differing.items()},
        "broken": [_named(change.figure) for change in broken],
        "not_judged": [
            {**_named(figure), "reason": reason} for figure, reason in comparison.not_judged().items()
        ],
        "overlap": comparison.overlap and [instant.isoformat() for instant in comparison.overlap],
    }


def limit_lines(comparison: Comparison, broken: Sequence[Change], max_slower: float) -> Iterator[str]:
    """Why the command ends as it does, and what it ends so in spite of."""
    limit = f"the limit of {max_slower:+.1%} is"
    for change in broken:
        yield f"{limit} broken: {_what(change.figure)} by {_per_cent(change.change)}"
    for figure, reason in comparison.not_judged().items():
        yield f"{limit} not judged: {_what(figure)} ({reason})"


def _spreads(baseline: Baseline) -> Iterator[tuple[Figure, Spread]]:
    for figure, samples in baseline.samples.items():
        yield figure, spread_of(figure.kind, samples)


def _change_row(change: Change) -> Row:
    kind = change.figure.kind
    between = "" if change.low is None else f"{_per_cent(change.low)} to {_per_cent(change.high)}"
    verdict = change.verdict.value + (f" ({change.reason})" if change.reason else "")
    sides = [_shown_spread(kind, change.before), _shown_spread(kind, change.after)]
    return [_WORDS[kind], change.figure.of, *sides, _per_cent(change.change), between, verdict]


def _shown_spread(kind: Kind, spread: Spread) -> str:
    """The centre, and the quartiles where they differ from it."""
    centre, lower, upper = (_shown(kind, value) for value in (spread.centre, spread.lower, spread.upper))
    return centre if centre == lower == upper else f"{centre} [{lower}, {upper}]"


def _per_cent(share: float | None) -> str:
    return "" if share is None else f"{share:+.1%}"


def _shown(kind: Kind, value: float) -> str:
    if not kind.is_time:
        return f"{value:,.2f}" if kind is Kind.ATTEMPTS else f"{value:,.0f}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.2f} ms"


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def _cycles(baseline: Baseline, one: str) -> str:
    return f"{baseline.cycles:,} {one}" if baseline.cycles == 1 else f"{baseline.cycles:,} {one}s"


def _what(figure: Figure) -> str:
    return f"{_WORDS[figure.kind]} of {figure.of}"


def _named(figure: Figure) -> dict[str, str]:
    return {"figure": figure.kind.value, "of": figure.of}


def _spread(spread: Spread) -> dict[str, float]:
    return {
        "samples": spread.number,
        "centre": spread.centre,
        "lower_quartile": spread.lower,
        "upper_quartile": spread.upper,
    }


def _table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _markdown(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
