"""Baselines and comparisons, as lines for people and as objects for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from domain.measurements import Baseline, Figure, Kind
from domain.services.baseline_comparison import Change, Comparison, Spread, spread_of
from domain.times import local_span, local_time

FORMAT = 1  # of the JSON objects: raise it when a key is renamed or removed
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


def table(baselines: Sequence[Baseline]) -> Iterator[str]:
    """List baselines, a line each."""
    if not baselines:
        yield "there is no baseline yet. Make one with homeclimate baseline capture NAME"
        return
    yield from _table(
        ["name", "captured", "cycles", "left out", "measured"],
        [
            [
                one.name,
                local_time(one.captured_at),
                f"{one.cycles:,}",
                f"{one.left_out:,}",
                local_span(one.first_at, one.last_at),
            ]
            for one in baselines
        ],
    )


def report(baseline: Baseline) -> Iterator[str]:
    """Describe a baseline in Markdown."""
    yield f"## {baseline.name}"
    yield ""
    yield (
        f"{_cycles(baseline, 'complete cycle')}, begun "
        f"{local_span(baseline.first_at, baseline.last_at)}; {baseline.left_out:,} more were incomplete and "
        f"are left out. Captured {local_time(baseline.captured_at)}."
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
            _show(figure.kind, spread.centre),
            f"{_show(figure.kind, spread.lower)} to {_show(figure.kind, spread.upper)}",
            f"{spread.number:,}",
        ]
        for figure, spread in _spreads(baseline)
    ]
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""
    yield "The centre of times is the median, that of counts the mean."


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """Show what has changed and by how much, then what else was not the same."""
    before, after = comparison.before, comparison.after
    yield f"{before.name} ({_cycles(before, 'cycle')}) -> {after.name} ({_cycles(after, 'cycle')})"
    yield from _table(
        ["figure", "of", before.name, after.name, "change", "between", "verdict"],
        [_change_row(change) for change in comparison.changes],
    )
    for name, figures in ((before.name, comparison.only_before), (after.name, comparison.only_after)):
        if figures:
            yield f"only in {name}: {', '.join(map(_name, figures))}"
    for name, (old, new) in comparison.differing.items():
        yield f"not the same: {name}: {old} -> {new}"
    if comparison.overlap:
        yield (
            f"measured in both, {local_span(*comparison.overlap)}: the same cycles count on both sides, "
            "so that any change looks smaller than it is"
        )


def limit_lines(comparison: Comparison, broken: Sequence[Change], max_slower: float) -> Iterator[str]:
    """Explain which times broke the limit, and which could not be judged."""
    limit = f"the limit of {max_slower:+.1%} is"
    for change in broken:
        yield f"{limit} broken: {_name(change.figure)} by {_per_cent(change.change)}"
    for figure, reason in comparison.not_judged().items():
        yield f"{limit} not judged: {_name(figure)} ({reason})"


def baseline_object(baseline: Baseline) -> dict[str, Any]:
    """Return the object that docs/reference/command-line.md documents."""
    return {
        "format": FORMAT,
        "name": baseline.name,
        "captured_at": baseline.captured_at.isoformat(),
        "first_at": baseline.first_at.isoformat(),
        "last_at": baseline.last_at.isoformat(),
        "cycles": baseline.cycles,
        "left_out": baseline.left_out,
        "circumstances": dict(baseline.circumstances),
        "figures": [
            {**_figure_object(figure), **_spread_object(spread)} for figure, spread in _spreads(baseline)
        ],
    }


def comparison_object(comparison: Comparison, broken: Sequence[Change]) -> dict[str, Any]:
    """Return the object that docs/reference/command-line.md documents."""
    return {
        "format": FORMAT,
        "before": comparison.before.name,
        "after": comparison.after.name,
        "changes": [
            {
                **_figure_object(change.figure),
                "before": _spread_object(change.before),
                "after": _spread_object(change.after),
                "change": change.change,
                "low": change.low,
                "high": change.high,
                "verdict": change.verdict.value,
                "reason": change.reason,
            }
            for change in comparison.changes
        ],
        "only_before": [_figure_object(figure) for figure in comparison.only_before],
        "only_after": [_figure_object(figure) for figure in comparison.only_after],
        "differing": {name: list(pair) for name, pair in comparison.differing.items()},
        "broken": [_figure_object(change.figure) for change in broken],
        "not_judged": [
            {**_figure_object(figure), "reason": reason} for figure, reason in comparison.not_judged().items()
        ],
        "overlap": comparison.overlap and [instant.isoformat() for instant in comparison.overlap],
    }


def _spreads(baseline: Baseline) -> Iterator[tuple[Figure, Spread]]:
    for figure, samples in baseline.samples.items():
        yield figure, spread_of(figure.kind, samples)


def _change_row(change: Change) -> Row:
    kind = change.figure.kind
    between = "" if change.low is None else f"{_per_cent(change.low)} to {_per_cent(change.high)}"
    verdict = change.verdict.value + (f" ({change.reason})" if change.reason else "")
    sides = [_show_spread(kind, change.before), _show_spread(kind, change.after)]
    return [_WORDS[kind], change.figure.of, *sides, _per_cent(change.change), between, verdict]


def _show_spread(kind: Kind, spread: Spread) -> str:
    """Show the centre, and the quartiles unless they are the same."""
    centre, lower, upper = (_show(kind, value) for value in (spread.centre, spread.lower, spread.upper))
    return centre if centre == lower == upper else f"{centre} [{lower}, {upper}]"


def _show(kind: Kind, value: float) -> str:
    if not kind.is_time:
        return f"{value:,.2f}" if kind is Kind.ATTEMPTS else f"{value:,.0f}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.2f} ms"


def _per_cent(share: float | None) -> str:
    return "" if share is None else f"{share:+.1%}"


def _cycles(baseline: Baseline, noun: str) -> str:
    return f"{baseline.cycles:,} {noun}{'' if baseline.cycles == 1 else 's'}"


def _name(figure: Figure) -> str:
    return f"{_WORDS[figure.kind]} of {figure.of}"


def _figure_object(figure: Figure) -> dict[str, str]:
    return {"figure": figure.kind.value, "of": figure.of}


def _spread_object(spread: Spread) -> dict[str, float]:
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
