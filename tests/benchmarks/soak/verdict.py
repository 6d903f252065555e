"""Holds what a soak saw against what is promised, each side counted by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from statistics import median_low
from typing import Any

import attrs

from tests.benchmarks.soak.living import INTERVAL_S, Lived, Said
from tests.benchmarks.soak.process import Sample

CYCLE_BUDGET_S = 30.0
LOG_BUDGET_BYTES = 60_000_000
# The requests that bring readings, by source. The home blots keys out.
_READING = {
    "hue": ("/clip/v2/resource/temperature", "/api/***/sensors", "/api/***"),
    "amazon": ("/nexus/v1/graphql",),
}
_SLOWNESS = {"Delay", "Dribble"}


@attrs.frozen(kw_only=True)
class HandedOver:
    """What the home says of one source's part of a cycle: a reply went out whole, perhaps, or not."""

    certainly: bool
    perhaps: bool


def complaints(lived: Lived) -> list[str]:
    """Every promise that was broken; empty when all were kept."""
    return [
        *_of_the_process(lived),
        *_of_the_ledger(lived),
        *(said for told in _cycles(lived) for said in _of_a_cycle(lived, *told)),
    ]


def figures(lived: Lived) -> dict[str, Any]:
    """What there was, for a person who writes it down."""
    outcomes = [outcome for said in lived.said for outcome in said.cycle["outcomes"]]
    first, last = _calm(lived)
    return {
        "minutes": round((lived.stopped_s - lived.began_s) / 60, 1),
        "troubles": dict(Counter(trouble.source for trouble in lived.troubles)),
        "requests": {source: len(requests) for source, requests in lived.requests.items()},
        "cycles": len(lived.said),
        "outcomes": dict(Counter(f"{one['source']} {one['state']}" for one in outcomes)),
        "replies handed over": sum(
            _handed_over(lived, source, since_s, said.at_s).certainly
            for since_s, said in _cycles(lived)
            for source in lived.devices
        ),
        "readings said": sum(len(one.get("readings", ())) for one in outcomes),
        "readings stored": lived.deployment.rows("SELECT count(*) FROM readings")[0][0],
        "slots without a cycle": dict(
            lived.deployment.rows(
                "SELECT cause, count(*) FROM outcomes WHERE state = 'missed' GROUP BY cause"
            )
        ),
        "longest cycle, s": round(max(_lengths_s(lived), default=0.0), 2),
        "threads: calm, highest, calm again": [
            first.threads,
            max(one.threads for one in lived.samples),
            last.threads,
        ],
        "descriptors": [
            first.descriptors,
            max(one.descriptors for one in lived.samples),
            last.descriptors,
        ],
        "resident MB": [
            round(value / 1e6, 1)
            for value in (
                first.resident_bytes,
                max(one.resident_bytes for one in lived.samples),
                last.resident_bytes,
            )
        ],
        "resident MB, minute by minute": _by_minute(lived),
        "CPU, % of a core": round(
            100 * lived.samples[-1].cpu_s / (lived.samples[-1].at_s - lived.samples[0].at_s), 2
        ),
        "log bytes": max(one.log_bytes for one in lived.samples),
        "WAL bytes, highest": max(one.wal_bytes for one in lived.samples),
    }


def _of_the_process(lived: Lived) -> Iterator[str]:
    if lived.exit_code != 0:
        yield f"exit {lived.exit_code} after SIGTERM"
    if said := [line for line in lived.stderr.splitlines() if not line.startswith("warning: ")]:
        yield f"on stderr, as a service, beside the configuration's warnings: {said[:5]}"
    if any((lived.deployment.folder / "data" / "spool").glob("*.jsonl")):
        yield "something is left in the spool"
    if max(one.log_bytes for one in lived.samples) > LOG_BUDGET_BYTES:
        yield "the log folder went over its bound"
    first, last = _calm(lived)
    if last.threads > first.threads:
        yield f"threads are left: {first.threads}, then {last.threads}"
    if last.descriptors > first.descriptors:
        yield f"descriptors are left: {first.descriptors}, then {last.descriptors}"
    if last.resident_bytes > 1.5 * first.resident_bytes:
        yield f"memory grows: {first.resident_bytes:,} bytes, then {last.resident_bytes:,}"
    for length_s in _lengths_s(lived):
        if length_s > CYCLE_BUDGET_S:
            yield f"a cycle took {length_s:.1f} s"


def _of_the_ledger(lived: Lived) -> Iterator[str]:
    """Each slot has a row for each source, and each row of readings was told."""
    rows = lived.deployment.rows("SELECT source, slot FROM outcomes")
    for source in lived.devices:
        slots = sorted(datetime.fromisoformat(slot) for named, slot in rows if named == source)
        if not slots:
            yield f"{source} is not in the ledger"
        for earlier, later in pairwise(slots):
            if (later - earlier).total_seconds() != INTERVAL_S:
                yield f"no word of {source} between {earlier} and {later}"
    told = Counter(
        (outcome["slot"], reading["device_id"])
        for said in lived.said
        for outcome in said.cycle["outcomes"]
        for reading in outcome.get("readings", ())
    )
    stored = Counter(lived.deployment.rows("SELECT timestamp, device_id FROM readings"))
    if told != stored:
        yield f"told and not stored: {told - stored}; stored and not told: {stored - told}"


def _of_a_cycle(lived: Lived, since_s: float, said: Said) -> Iterator[str]:
    """What the home handed over within it was collected, and nothing else was."""
    for outcome in said.cycle["outcomes"]:
        source, slot, state = outcome["source"], outcome["slot"], outcome["state"]
        handed_over = _handed_over(lived, source, since_s, said.at_s)
        if state == "collected":
            if not handed_over.perhaps:
                yield f"{source} {slot}: collected, and the home handed nothing over"
            named = [one["device_id"] for one in (*outcome["readings"], *outcome["unread"])]
            if sorted(named) != sorted(lived.devices[source]):
                yield f"{source} {slot}: not one word on each device: {json.dumps(outcome)}"
        elif handed_over.certainly:
            yield f"{source} {slot}: handed over and {state}: {json.dumps(outcome)}"
        if state == "failed" and outcome["cause"] == "internal":
            yield f"{source} {slot}: {json.dumps(outcome)}"


def _cycles(lived: Lived) -> Iterator[tuple[float, Said]]:
    """Each cycle with the instant after which its requests came: cycles do not overlap."""
    since_s = lived.began_s
    for said in lived.said:
        yield since_s, said
        since_s = said.at_s


def _handed_over(lived: Lived, source: str, since_s: float, until_s: float) -> HandedOver:
    """By the last request for readings that the home saw within a cycle."""
    asked = [
        one
        for one in lived.requests[source]
        if since_s < one["at"] <= until_s and one["path"] in _READING[source]
    ]
    if not asked or asked[-1]["status"] != 200:
        return HandedOver(certainly=False, perhaps=False)
    faults = set(asked[-1]["faults"])
    return HandedOver(certainly=not faults, perhaps=faults <= _SLOWNESS)


def _lengths_s(lived: Lived) -> list[float]:
    """From a cycle's slot, or the end of the one before, until it was told on stdout."""
    return [
        said.at_s
        - max(since_s, *(datetime.fromisoformat(one["slot"]).timestamp() for one in said.cycle["outcomes"]))
        for since_s, said in _cycles(lived)
    ]


def _calm(lived: Lived) -> tuple[Sample, Sample]:
    """The usual figures of the later half of the calm beginning, and of the calm end."""
    half_s = lived.calm_s / 2
    first = [one for one in lived.samples if half_s <= one.at_s - lived.began_s <= lived.calm_s]
    last = [one for one in lived.samples if lived.stopped_s - half_s <= one.at_s]
    return _usual(first), _usual(last)


def _by_minute(lived: Lived) -> list[float]:
    """Whether it grows, or has grown once."""
    minutes: dict[int, list[int]] = {}
    for one in lived.samples:
        minutes.setdefault(int((one.at_s - lived.began_s) // 60), []).append(one.resident_bytes)
    return [round(median_low(found) / 1e6, 1) for found in minutes.values()]


def _usual(samples: list[Sample]) -> Sample:
    """The median of each: a look that falls into a cycle may see a connection or a thread at work."""
    return attrs.evolve(
        samples[-1],
        threads=median_low(one.threads for one in samples),
        descriptors=median_low(one.descriptors for one in samples),
        resident_bytes=median_low(one.resident_bytes for one in samples),
    )
