"""What was measured, as a line each: medians, 95th percentiles, ratios."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import attrs


@attrs.frozen
class Cost:
    """What one go took: on the wall, and of this process's CPU."""

    wall_s: float
    cpu_s: float


def cost_of(work: Callable[[], object]) -> Cost:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def median_ms(seconds: Sequence[float]) -> float:
    return statistics.median(seconds) * 1000


def p95_ms(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)] * 1000


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
