"""What each range takes: after a start of the machine, in a new process, and asked for again."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.dashboard.requests import Answer, ask, cpu_s, forget, most_points, peak_bytes, serving

MOST_POINTS, FIRST_BYTE_S = 2_000, 0.1
_DAY = 86_400


def queries(until_s: float) -> Mapping[str, str]:
    """Ranges by name, dragged ones among them."""
    past = int(until_s) - 4 * 365 * _DAY
    dragged = {days: f"range=custom&since={past - days * _DAY}&until={past}" for days in (2, 60, 1500)}
    return {
        **{name: f"range={name}" for name in ("6h", "24h", "7d", "30d", "1y", "all")},
        **{f"{days} d in the past": query for days, query in dragged.items()},
    }


def measure(home: Path, environment: Mapping[str, str], rounds: int) -> bool:
    """Print a line a range; return whether the limits are kept."""
    database = home / "data" / "readings.db"
    asked = queries(time.time())
    names = list(asked)
    cold: dict[str, Answer] = {}
    for name, query in asked.items():
        forget(database)
        with serving(home, environment) as server:
            cold[name] = ask(server.port, query)
    made: dict[str, list[Answer]] = {name: [] for name in asked}
    again: dict[str, list[Answer]] = {name: [] for name in asked}
    cpus_s: dict[str, list[float]] = {name: [] for name in asked}
    peaks = []
    for number in range(rounds):
        with serving(home, environment) as server:
            for name in names[number % len(names) :] + names[: number % len(names)]:
                before_s = cpu_s(server.pid)
                made[name].append(ask(server.port, asked[name]))
                cpus_s[name].append(cpu_s(server.pid) - before_s)
                again[name].append(ask(server.port, asked[name]))
            peaks.append(peak_bytes(server.pid))
    is_good = True
    print(f"{'':<20} first/last byte, ms: {'cold':>12} {'made':>12} {'again':>12}      CPU   points     gzip")
    for name in names:
        answer = made[name][0]
        points, first_s = most_points(answer.body), _median([one.first_s for one in made[name]])
        is_good &= points <= MOST_POINTS and first_s < FIRST_BYTE_S and answer.is_packed
        print(
            f"{name:<41} {_both([cold[name]])} {_both(made[name])} {_both(again[name])} "
            f"{1000 * _median(cpus_s[name]):8.0f} {points:8} {answer.wire_bytes / 1000:6.0f} kB"
        )
    print(f"memory of the server, at most: {max(peaks) / 2**20:.0f} MiB")
    return is_good


def _both(answers: Sequence[Answer]) -> str:
    first, last = _median([one.first_s for one in answers]), _median([one.last_s for one in answers])
    return f"{1000 * first:5.0f}/{1000 * last:6.0f}"


def _median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)
