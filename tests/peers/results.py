"""The page that the bench writes: machine, versions, what each contestant cost, and the ratios."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.peers.contestants import ALONE, FLOOR, OURS, PHUE_ALONE
from tests.peers.figures import Figures, quantile, targets
from tests.peers.rounds import SENSORS
from tests.peers.starts import BARE

_HEAD = f"""\
# What a user would pick instead

Written by `./run bench peers`. Each polls the same simulated bridge with {SENSORS} sensors, a process of
its own on loopback, and stores every reading durably before its next cycle. They take turns, a cycle each,
in environments of their own. Compare within this page: it is one run.
"""
_ALONE = (ALONE.name, PHUE_ALONE.name)
_CONTESTANTS = """\
- **floor script**: one session of `requests` over the same TLS, `json`, `sqlite3` (WAL, `synchronous=FULL`).
  It checks nothing, knows no sensor's name, says nothing and ends with the first trouble.
- **homeclimate**: this program as `collect` runs it: names, checks, retries, ledger, checksums, measurements,
  log and alerts.
- **aiohue + sqlite3**: one request for the temperatures, its classes, one commit. Its TLS verifies nothing.
- **phue recipe**: a request over plain HTTP and a commit for each sensor, `sqlite3` as it comes.
- **requests alone**: what the others ask, and nothing else: the network and the simulated bridge.
"""


def page(figures: Figures, versions: Mapping[str, Mapping[str, str]], absent: Mapping[str, str]) -> str:
    """All of it, as Markdown."""
    return "\n".join(
        [
            _HEAD,
            "## Where\n",
            *_where(versions),
            *(
                f"- {name} could not be installed here, and is left out: {why}"
                for name, why in absent.items()
            ),
            "\n## Who\n",
            _CONTESTANTS,
            f"## A cycle ({len(figures.costs[OURS.name])} of each, of the slow ones fewer)\n",
            *_waits(figures),
            "",
            *_costs(figures),
            "\n## A start\n",
            *_starts(figures),
            "\n## Targets\n",
            *_targets(figures),
            "",
        ]
    )


def _where(versions: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield f"- {os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}"
    yield f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    for name, installed in versions.items():
        yield f"- {name}: {', '.join(f'{package} {version}' for package, version in installed.items())}"


def _processor() -> str:
    try:
        told = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        told = None
    return told[1] if told else platform.machine()


def _waits(figures: Figures) -> Iterator[str]:
    yield from _header("", "median", "quartiles", "p99", "to the floor", "above its requests alone", "p99")
    floor_s = statistics.median(figures.wall_s(FLOOR.name))
    for name in figures.costs:
        wall_s = figures.wall_s(name)
        yield _row(
            name,
            _ms(statistics.median(wall_s)),
            f"{quantile(wall_s, 0.25) * 1000:.2f} to {quantile(wall_s, 0.75) * 1000:.2f}",
            _ms(quantile(wall_s, 0.99)),
            _times(statistics.median(wall_s) / floor_s),
            *("" if name in _ALONE else _ms(figures.above_network_s(name, share)) for share in (0.5, 0.99)),
        )


def _costs(figures: Figures) -> Iterator[str]:
    yield from _header("", "CPU", "to the floor", "where ours asks once", "to the floor", "syncs", "memory")
    for name in figures.costs:
        syncs = figures.syncs.get(name)
        yield _row(
            name,
            _ms(figures.cpu_s(name)),
            _times(figures.cpu_s(name) / figures.cpu_s(FLOOR.name)),
            _ms(figures.cpu_s(name, asking_once=True)),
            _times(figures.cpu_s(name, asking_once=True) / figures.cpu_s(FLOOR.name, asking_once=True)),
            "" if syncs is None else f"{syncs:.2f}",
            f"{figures.resident(name) / 1e6:.1f} MB",
        )
    several = sum(len(cost["asked"]) > 1 for cost in figures.costs[ALONE.name])
    alone_s, ours_s = (
        statistics.median(figures.wall_s(name, asking_once=True)) for name in (ALONE.name, OURS.name)
    )
    yield (
        f"\nIn {several} of these cycles ours asked for more than the temperatures: names, batteries,\n"
        f"who is in reach. In the others it took {_ms(ours_s)}, and its one request alone {_ms(alone_s)}.\n"
        "CPU is the mean, with all that is done between two cycles."
    )


def _starts(figures: Figures) -> Iterator[str]:
    yield from _header("", "median", "quartiles", "to a bare start")
    bare_s = statistics.median(figures.starts[BARE])
    for name, times in figures.starts.items():
        median_s = statistics.median(times)
        quartiles = f"{quantile(times, 0.25) * 1000:.0f} to {quantile(times, 0.75) * 1000:.0f}"
        yield _row(name, f"{median_s * 1000:.0f} ms", quartiles, _times(median_s / bare_s))


def _targets(figures: Figures) -> Iterator[str]:
    yield from _header("", "found", "at most", "")
    for target in targets(figures):
        found, most = (f"{value:.2f} {target.unit}".strip() for value in (target.found, target.most))
        yield _row(target.what, found, most, "met" if target.is_met else "**missed**")


def _header(*names: str) -> Iterable[str]:
    return [_row(*names), _row(*("---" for _ in names))]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _times(ratio: float) -> str:
    return f"{ratio:.2f} x"
