"""Whether a collector's cycles are later while twenty clients ask for years, over and over."""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import attrs

from config.loading import load
from domain.upkeep import Step, StepRecord, StepResult
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import home_of
from tests.benchmarks.dashboard.requests import ask
from tests.benchmarks.soak.living import deployment_of, simulated_home
from tests.benchmarks.soak.process import sample
from tests.benchmarks.soak.verdict import INTERVAL_S
from tests.support.deployments import Deployment

CLIENTS = 20
CALM, PHASES = "no client", ("no client", "range=1y", "no client", "range=all", "no client")
MOST_LATER_S = 0.1  # at the median: a fiftieth of the interval
_SEED = 1
_FIRST_CYCLE_S = 1_200.0  # until the file is checked


@attrs.frozen(kw_only=True)
class _Cycle:
    """How long after its slot a cycle was reported, and what it missed before."""

    after_s: float
    missed: int
    failed: int


def measure(home: Path, cycles: int) -> bool:
    """Print a line a phase; return whether no slot was missed and cycles were not later."""
    shutil.rmtree(home / "config")  # it has another interval
    with simulated_home(_SEED) as (_, where):
        deployment = deployment_of(home, where)
        _skip_upkeep(deployment)
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            port = chosen.getsockname()[1]
        return _collect(deployment, port, cycles)


def _collect(deployment: Deployment, port: int, cycles: int) -> bool:
    log = deployment.folder / "collector.err"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            deployment.command("collect", "--json", "--dashboard", str(port)),
            env=deployment.environment(),
            cwd=deployment.folder,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        seen: list[_Cycle] = []
        listener = threading.Thread(target=_listen, args=(process.stdout, seen))
        listener.start()
        wal: dict[str, int] = {}
        found: dict[str, list[_Cycle]] = {}
        counts: dict[str, int] = {}
        try:
            _wait(lambda: len(seen) > 5 or process.poll() is not None, _FIRST_CYCLE_S)
            assert process.poll() is None, log.read_text()
            for phase in PHASES:
                with _clients(port, phase, counts):
                    begin = len(seen)
                    until_s = time.time() + cycles * INTERVAL_S
                    while time.time() < until_s:
                        size = sample(process.pid, deployment.folder).wal_bytes
                        wal[phase] = max(size, wal.get(phase, 0))
                        time.sleep(0.2)
                    found.setdefault(phase, []).extend(seen[begin:])
        finally:
            process.terminate()
            process.wait(60)
            listener.join()
    return _report(found, wal, counts)


def _report(found: Mapping[str, Sequence[_Cycle]], wal: Mapping[str, int], counts: Mapping[str, int]) -> bool:
    calm_s = statistics.median([one.after_s for one in found[CALM]])
    is_good = True
    for phase, cycles in found.items():
        after = sorted(one.after_s for one in cycles)
        median_s, missed = statistics.median(after), sum(one.missed for one in cycles)
        is_good &= missed == 0 and median_s < calm_s + MOST_LATER_S
        print(
            f"{phase:<10} {counts.get(phase, 0):>6} answers, {len(cycles):>3} cycles: reported "
            f"{median_s:.3f} s after the slot (ratio {median_s / calm_s:.2f}), the latest {after[-1]:.3f} s; "
            f"slots missed {missed}, sources failed {sum(one.failed for one in cycles)}, "
            f"log at most {wal[phase] / 1e6:.1f} MB"
        )
    return is_good


def _listen(lines: Iterable[str], seen: list[_Cycle]) -> None:
    last_s = 0.0
    for line in lines:
        at_s, outcomes = time.time(), json.loads(line)["outcomes"]
        slot_s = max(datetime.fromisoformat(one["slot"]).timestamp() for one in outcomes)
        missed = round((slot_s - last_s) / INTERVAL_S) - 1 if last_s else 0
        failed = sum(one["state"] != "collected" for one in outcomes)
        seen.append(_Cycle(after_s=at_s - slot_s, missed=missed, failed=failed))
        last_s = slot_s


@contextmanager
def _clients(port: int, query: str, counts: dict[str, int]) -> Iterator[None]:
    """Clients in a process of its own, at the lowest priority: they would be other machines."""
    if query == CALM:
        yield
        return
    context = get_context("spawn")
    over, number = context.Event(), context.Value("i", 0)
    process = context.Process(target=_ask_on, args=(port, query, over, number))
    process.start()
    yield
    over.set()
    process.join()
    counts[query] = number.value


def _ask_on(port: int, query: str, over: Event, number: object) -> None:
    os.nice(19)

    def go_on() -> None:
        while not over.is_set():
            with suppress(OSError):
                ask(port, query)
                with number.get_lock():  # type: ignore[attr-defined]
                    number.value += 1  # type: ignore[attr-defined]

    threads = [threading.Thread(target=go_on) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _skip_upkeep(deployment: Deployment) -> None:
    """Note that check and backup were made today: they take as long with clients as without."""
    os.environ.update(XDG_STATE_HOME=str(deployment.user_state))
    home = home_of(load(deployment.folder), Environment())
    for step in (Step.CHECK, Step.TIDY, Step.BACKUP):
        home.saved_state.save_run(step, StepRecord(at=home.clock.now(), result=StepResult.OK))


def _wait(is_over: Callable[[], bool], limit_s: float) -> None:
    end_s = time.monotonic() + limit_s
    while not is_over() and time.monotonic() < end_s:
        time.sleep(0.2)
