"""The page that the benchmark writes: machine, versions, what each contestant cost, and the targets."""

from __future__ import annotations

import platform
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from adapters.health.machine import machine
from tests.benchmarks.peers.contestants import FLOOR, OURS
from tests.benchmarks.peers.measuring import BARE, HEALTH, IMPORTS, ONCE, SENSORS, VERSION

_HEAD = f"""\
# What a user would pick instead

Written by `./run bench peers`. Each polls the same simulated bridge with {SENSORS} sensors, a process of
its own on loopback, and stores every reading durably before its next cycle. They take turns, a cycle each,
in environments of their own. Compare within this page: it is one run.
"""
_CONTESTANTS = """\
- **floor script**: one session of `requests` over the same TLS, `json`, `sqlite3` (WAL, `synchronous=FULL`).
  It checks nothing, knows no sensor's name, prints nothing and ends with the first error.
- **homeclimate**: this program as `collect` runs it: names, checks, retries, ledger, checksums, measurements,
  log and alerts.
- **aiohue + sqlite3**: one request for the temperatures, its classes, one commit. Its TLS verifies nothing.
- **phue recipe**: a request over plain HTTP and a commit for each sensor, `sqlite3` as it comes.
"""


@attrs.frozen(kw_only=True)
class Figures:
    """All of one run, by contestant or command; seconds and bytes. `syncs` is None if it was not counted."""

    costs: Mapping[str, list[dict[str, Any]]]
    syncs: Mapping[str, float | None]
    starts: Mapping[str, list[float]]

    def wall_s(self, name: str) -> list[float]:
        """Return the time of each cycle."""
        return [cost["wall_s"] for cost in self.costs[name]]

    def cpu_s(self, name: str) -> float:
        """Return the mean CPU time of a cycle, with all that is done between two of them."""
        return statistics.fmean(cost["cpu_s"] for cost in self.costs[name])

    def cpu_ratio(self, name: str) -> float:
        """Return the CPU time of a cycle in times of the floor's."""
        return self.cpu_s(name) / self.cpu_s(FLOOR.name)


def page(figures: Figures, versions: Mapping[str, Mapping[str, str]], absent: Mapping[str, str]) -> str:
    """Return the whole page in Markdown."""
    missing = (
        f"- {name} could not be installed here, and is left out: {why}" for name, why in absent.items()
    )
    return "\n".join(
        [
            _HEAD,
            "## Where\n",
            f"- {machine()}",
            f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
            *(
                f"- {name}: {', '.join(f'{package} {version}' for package, version in installed.items())}"
                for name, installed in versions.items()
            ),
            *missing,
            "\n## Who\n",
            _CONTESTANTS,
            f"## A cycle ({len(figures.costs[OURS.name])} of each, of the slow ones fewer)\n",
            *cycle_table(figures),
            "\nCPU is the mean, with all that is done between two cycles.",
            "\n## A start\n",
            *_start_table(figures),
            "\n## Targets\n",
            *_target_table(figures),
            "",
        ]
    )


def cycle_table(figures: Figures) -> Iterator[str]:
    """Yield what a cycle cost each contestant."""
    yield from _header("", "median", "quartiles", "p99", "CPU", "to the floor", "syncs", "memory")
    for name in figures.costs:
        wall_s, syncs = figures.wall_s(name), figures.syncs.get(name)
        yield _row(
            name,
            f"{statistics.median(wall_s) * 1000:.2f} ms",
            f"{_quantile(wall_s, 0.25) * 1000:.2f} to {_quantile(wall_s, 0.75) * 1000:.2f}",
            f"{_quantile(wall_s, 0.99) * 1000:.2f} ms",
            f"{figures.cpu_s(name) * 1000:.2f} ms",
            f"{figures.cpu_ratio(name):.2f} x",
            "" if syncs is None else f"{syncs:.2f}",
            f"{figures.costs[name][-1]['resident'] / 1e6:.1f} MB",
        )


def _start_table(figures: Figures) -> Iterator[str]:
    yield from _header("", "median", "quartiles", "to a bare start")
    bare_s = statistics.median(figures.starts[BARE])
    for name, times in figures.starts.items():
        median_s = statistics.median(times)
        quartiles = f"{_quantile(times, 0.25) * 1000:.0f} to {_quantile(times, 0.75) * 1000:.0f}"
        yield _row(name, f"{median_s * 1000:.0f} ms", quartiles, f"{median_s / bare_s:.2f} x")


def _target_table(figures: Figures) -> Iterator[str]:
    start_s = {name: statistics.median(times) for name, times in figures.starts.items()}
    syncs = figures.syncs.get(OURS.name)
    targets = [
        ("CPU of a cycle, to the floor's", figures.cpu_ratio(OURS.name), 2.3, "x"),
        *([] if syncs is None else [("syncs a cycle", syncs, 1.3, "")]),
        (f"{ONCE}, to the imports", start_s[ONCE] / start_s[IMPORTS], 2.0, "x"),
        (VERSION, start_s[VERSION] * 1000, start_s[BARE] * 2000 + 30, "ms"),
        (HEALTH, start_s[HEALTH] * 1000, 300.0, "ms"),
    ]
    yield from _header("", "found", "at most", "")
    for what, found, most, unit in targets:
        verdict = "met" if found <= most else "**missed**"
        yield _row(what, f"{found:.2f} {unit}".strip(), f"{most:.2f} {unit}".strip(), verdict)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _header(*names: str) -> Iterable[str]:
    return [_row(*names), _row(*("---" for _ in names))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
