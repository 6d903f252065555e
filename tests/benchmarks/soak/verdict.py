"""Holds what a soak sees against what is promised, each side counted by itself.

What is seen is judged as it comes, and only counts are kept: a day costs no more an hour than an hour does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Any

import attrs

from tests.benchmarks.soak.process import Sample
from tests.support.deployments import Deployment

INTERVAL_S = 5
CYCLE_BUDGET_S = 30.0
LOG_BUDGET_BYTES = 60_000_000
# The requests that bring readings, by source. The home blots keys out.
_READING = {
    "hue": ("/clip/v2/resource/temperature", "/api/***/sensors", "/api/***"),
    "amazon": ("/nexus/v1/graphql", "/api/phoenix/state"),
}
_SLOWNESS = {"Delay", "Dribble"}
_OK = 200
_WINDOW_S = 600.0  # of the medians of the memory


@attrs.frozen(kw_only=True)
class Said:
    """A cycle as the collector reported it on stdout, and the Unix time at which that was read."""

    at_s: float
    cycle: dict[str, Any]


@attrs.frozen(kw_only=True)
class HandedOver:
    """What the home says of one source's part of a cycle: a reply went out whole, perhaps, or not."""

    certainly: bool
    perhaps: bool


@attrs.define(kw_only=True)
class Verdict:
    """The counts of a soak, and how many promises were broken, each of which is told at once.

    Times are Unix time. `devices` are the home's own, by source. Without a calm end, threads, descriptors and
    memory of the end are not compared with those of the beginning.
    """

    devices: dict[str, list[str]]
    began_s: float
    calm_s: float
    tell: Callable[[str], None]
    stopped_s: float = 0.0
    has_calm_end: bool = False
    broken: int = 0
    cycles: int = 0
    handed_over: int = 0
    refused: int = 0
    longest_s: float = 0.0
    troubles: Counter[str] = attrs.field(factory=Counter)
    requests: Counter[str] = attrs.field(factory=Counter)
    outcomes: Counter[str] = attrs.field(factory=Counter)
    told: set[tuple[str, str]] = attrs.field(factory=set)
    coverage: dict[str, Any] = attrs.field(factory=dict)
    _slots: list[str] = attrs.field(factory=list)  # the first and the newest one
    _first_slots: dict[str, str] = attrs.field(factory=dict)
    _since_s: float = attrs.field(init=False)
    _asked: dict[str, list[dict[str, Any]]] = attrs.field(init=False)
    _calm: list[Sample] = attrs.field(factory=list)
    _recent: deque[Sample] = attrs.field(init=False)
    _window: list[Sample] = attrs.field(factory=list)
    _medians: list[int] = attrs.field(factory=list)
    _most: Sample | None = None
    _first: Sample | None = None

    def __attrs_post_init__(self) -> None:
        self._since_s = self.began_s
        self._asked = {source: [] for source in self.devices}
        self._recent = deque()

    def take_requests(self, requests: dict[str, list[dict[str, Any]]]) -> None:
        """Take the requests that the home has seen since it was asked last."""
        for source, some in requests.items():
            self.requests[source] += len(some)
            self.refused += sum(one["status"] != _OK for one in some)
            self._asked[source] += some

    def take_cycle(self, said: Said) -> None:
        """Judge a cycle. Its requests came after the cycle before it was reported: cycles do not overlap."""
        self.cycles += 1
        slots = [outcome["slot"] for outcome in said.cycle["outcomes"]]
        planned_s = max(datetime.fromisoformat(slot).timestamp() for slot in slots)
        length_s = said.at_s - max(self._since_s, planned_s)
        self.longest_s = max(self.longest_s, length_s)
        if length_s > CYCLE_BUDGET_S:
            self._complain(f"a cycle took {length_s:.1f} s")
        for outcome in said.cycle["outcomes"]:
            self._judge(outcome, self._handed_over(outcome["source"], said.at_s))
        self._slots = [*self._slots[:1], max(slots)] if self._slots else [min(slots), max(slots)]
        self._since_s = said.at_s
        for source, some in self._asked.items():
            self._asked[source] = [one for one in some if one["at"] > said.at_s]

    def take_sample(self, one: Sample) -> None:
        """Take what the kernel says of the collector."""
        self._first = self._first or one
        most = self._most or one
        self._most = attrs.evolve(
            one,
            **{
                name: max(getattr(most, name), getattr(one, name))
                for name in ("threads", "descriptors", "resident_bytes", "log_bytes", "wal_bytes")
            },
        )
        half_s = self.calm_s / 2
        if half_s <= one.at_s - self.began_s <= self.calm_s:
            self._calm.append(one)
        self._recent.append(one)
        while self._recent[0].at_s < one.at_s - half_s:
            self._recent.popleft()
        if self._window and one.at_s - self._window[0].at_s >= _WINDOW_S:
            self._close_window()
        self._window.append(one)

    def end(self, deployment: Deployment, exit_code: int) -> None:
        """Judge the process that has ended, the ledger and the database."""
        stderr = (deployment.folder / "stderr").read_text()
        for text in (*self._of_the_process(deployment, exit_code, stderr), *self._of_the_ledger(deployment)):
            self._complain(text)
        if self._slots:
            for text in self._of_coverage(deployment):
                self._complain(text)

    def line(self) -> str:
        """Return the figures so far, in a line."""
        one, most = self._recent[-1], self._most or self._recent[-1]
        return (
            f"after {(one.at_s - self.began_s) / 60:.0f} min: {self.cycles:,} cycles, "
            f"{self.handed_over:,} replies handed over, {len(self.told):,} readings reported as stored; "
            f"longest cycle {self.longest_s:.1f} s; {one.threads} threads, {one.descriptors} descriptors, "
            f"{one.resident_bytes / 1e6:.1f} MB; log {one.log_bytes / 1e6:.2f} MB, WAL at most "
            f"{most.wal_bytes / 1e6:.2f} MB; {self.broken} broken promises"
        )

    def figures(self) -> dict[str, Any]:
        """Return what there was, for a person who writes it down."""
        first, last, most = _usual(self._calm or self._recent), _usual(self._recent), self._most
        assert most is not None
        assert self._first is not None
        if self._window:
            self._close_window()
        home = self.coverage.get("home", {})
        return {
            "minutes": round((self.stopped_s - self.began_s) / 60, 1),
            "troubles": dict(self.troubles),
            "requests": dict(self.requests),
            "cycles": self.cycles,
            "outcomes": dict(self.outcomes),
            "replies handed over": self.handed_over,
            "readings reported as stored": len(self.told),
            "coverage: expected, stored, lost": [home.get(name) for name in ("expected", "stored", "lost")],
            "coverage: missing by cause": home.get("missing"),
            "longest cycle, s": round(self.longest_s, 2),
            "threads: calm, highest, calm again": [first.threads, most.threads, last.threads],
            "descriptors": [first.descriptors, most.descriptors, last.descriptors],
            "resident MB": [
                round(one / 1e6, 1)
                for one in (first.resident_bytes, most.resident_bytes, last.resident_bytes)
            ],
            "resident MB, each ten minutes": [round(one / 1e6, 1) for one in self._medians],
            "CPU, % of a core": round(
                100 * (last.cpu_s - self._first.cpu_s) / (last.at_s - self._first.at_s or 1.0), 2
            ),
            "log bytes": most.log_bytes,
            "WAL bytes, highest": most.wal_bytes,
        }

    def _complain(self, text: str) -> None:
        self.broken += 1
        self.tell(f"BROKEN: {text}")

    def _judge(self, outcome: dict[str, Any], handed_over: HandedOver) -> None:
        """What the home handed over was collected, and nothing else was."""
        source, slot, state = outcome["source"], outcome["slot"], outcome["state"]
        self.outcomes[f"{source} {state}"] += 1
        self.handed_over += handed_over.certainly
        for reading in outcome.get("readings", ()):
            device_id = sys.intern(reading["device_id"])
            self._first_slots.setdefault(device_id, slot)
            if (slot, device_id) in self.told:
                self._complain(f"{source} {slot}: {device_id} is reported twice")
            self.told.add((slot, device_id))
        if state == "collected":
            if not handed_over.perhaps:
                self._complain(f"{source} {slot}: collected, and the home handed nothing over")
            named = [one["device_id"] for one in (*outcome["readings"], *outcome["unread"])]
            if sorted(named) != sorted(self.devices[source]):
                self._complain(f"{source} {slot}: not each device is named once: {json.dumps(outcome)}")
        elif handed_over.certainly:
            self._complain(f"{source} {slot}: handed over and {state}: {json.dumps(outcome)}")
        if state == "failed" and outcome["cause"] == "internal":
            self._complain(f"{source} {slot}: {json.dumps(outcome)}")

    def _handed_over(self, source: str, until_s: float) -> HandedOver:
        """Certainly if the last request for readings in the cycle was answered whole, perhaps if any was."""
        faults = [
            set(one["faults"]) if one["status"] == _OK else None
            for one in self._asked[source]
            if self._since_s < one["at"] <= until_s and one["path"] in _READING[source]
        ]
        return HandedOver(
            certainly=bool(faults) and faults[-1] == set(),
            perhaps=any(one is not None and one <= _SLOWNESS for one in faults),
        )

    def _of_the_process(self, deployment: Deployment, exit_code: int, stderr: str) -> Iterator[str]:
        if exit_code != 0:
            yield f"exit {exit_code} after SIGTERM"
        if said := [line for line in stderr.splitlines() if not line.startswith("warning: ")]:
            yield f"on stderr, as a service, beside the configuration's warnings: {said[:5]}"
        if any((deployment.folder / "data" / "spool").glob("*.jsonl")):
            yield "something is left in the spool"
        if self._most is not None and self._most.log_bytes > LOG_BUDGET_BYTES:
            yield "the log folder went over its bound"
        if not (self.has_calm_end and self._calm):
            return
        first, last = _usual(self._calm), _usual(self._recent)
        # An idle thread stays for the next call. While a call to a source hangs, another one is needed.
        if last.threads > first.threads + len(self.devices):
            yield f"threads are left: {first.threads}, then {last.threads}"
        if last.descriptors > first.descriptors:
            yield f"descriptors are left: {first.descriptors}, then {last.descriptors}"
        if last.resident_bytes > 1.5 * first.resident_bytes:
            yield f"memory grows: {first.resident_bytes:,} bytes, then {last.resident_bytes:,}"

    def _of_the_ledger(self, deployment: Deployment) -> Iterator[str]:
        """Each slot has a row for each source, and each row of readings was reported."""
        rows = deployment.rows("SELECT source, slot FROM outcomes")
        for source in self.devices:
            slots = sorted(datetime.fromisoformat(slot) for named, slot in rows if named == source)
            if not slots:
                yield f"{source} is not in the ledger"
            for earlier, later in pairwise(slots):
                if (later - earlier).total_seconds() != INTERVAL_S:
                    yield f"no row of {source} between {earlier} and {later}"
        stored = deployment.rows("SELECT timestamp, device_id FROM readings")
        if len(stored) != len(set(stored)) or set(stored) != self.told:
            yield (
                f"reported and not stored: {sorted(self.told - set(stored))[:9]}; stored and not reported: "
                f"{sorted(set(stored) - self.told)[:9]}"
            )

    def _of_coverage(self, deployment: Deployment) -> Iterator[str]:
        """`homeclimate coverage` counts the same, and nothing is lost but slots shorter than a cycle."""
        first, last = (datetime.fromisoformat(slot) for slot in self._slots)
        end = last + timedelta(seconds=INTERVAL_S)
        done = subprocess.run(
            deployment.command(
                "coverage", "--json", "--since", first.isoformat(), "--until", end.isoformat()
            ),
            env=deployment.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            yield f"coverage ended with {done.returncode}: {done.stderr}"
            return
        self.coverage = json.loads(done.stdout)
        home = self.coverage["home"]
        expected = sum(
            round((end - datetime.fromisoformat(slot)).total_seconds()) // INTERVAL_S
            for slot in self._first_slots.values()
        )
        if (home["expected"], home["stored"]) != (expected, len(self.told)):
            yield f"expected {expected}, stored {len(self.told)}, and coverage counts {home}"
        if home["lost"] != home["missing"].get("overrun", 0):  # a cycle may take longer than these slots
            yield f"readings are lost: {home['missing']}"

    def _close_window(self) -> None:
        self._medians.append(median_low(one.resident_bytes for one in self._window))
        self._window.clear()


def _usual(samples: Sequence[Sample]) -> Sample:
    """The median of each: a look that falls into a cycle may see a connection or a thread at work."""
    return attrs.evolve(
        samples[-1],
        threads=median_low(one.threads for one in samples),
        descriptors=median_low(one.descriptors for one in samples),
        resident_bytes=median_low(one.resident_bytes for one in samples),
    )
