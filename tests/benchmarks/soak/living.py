"""Lets `collect` run at an interval of seconds before a home in another process, and judges what is seen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from domain.services.collection_cycle import SOURCE_BUDGET_S
from tests.benchmarks.soak.process import sample
from tests.benchmarks.soak.troubles import Trouble, troubles
from tests.benchmarks.soak.verdict import INTERVAL_S, Said, Verdict
from tests.support.deployments import Deployment, a_deployment, with_amazon

_CHECKOUT = Path(__file__).parents[3]
_EVERY_S = 0.5
_ASK_EVERY_S = 5.0
_SETTLED_S = 1.0  # the home has noted a request for so long
_REPORT_EVERY_S = 600.0
_PATIENCE_S = 60.0


def live(
    folder: Path,
    *,
    length_s: float,
    calm_s: float,
    seed: int,
    tell: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """Start home and collector, let things go wrong, end the collector by SIGTERM, judge what there was.

    Every so often a line with figures goes to `tell`, and each broken promise at once.
    """
    with (
        simulated_home(seed) as (ask, where),
        _interrupts() as interrupted,
        _started(folder, where) as started,
    ):
        deployment, process, cycles = started
        began_s = time.time()
        verdict = Verdict(devices=where["devices"], began_s=began_s, calm_s=calm_s, tell=tell)
        expected = deque(troubles(seed=seed, length_s=length_s, calm_s=calm_s))
        until_s, asked_s, report_s = began_s + length_s, began_s, began_s + _REPORT_EVERY_S
        while (now_s := time.time()) < until_s and process.poll() is None:
            if len(interrupted) == 1 and expected:
                expected.clear()
                ask("calm\n")
                until_s = now_s + SOURCE_BUDGET_S + calm_s  # a silent request may have begun just now
            elif len(interrupted) > 1:
                break
            while expected and began_s + expected[0].begins_s <= now_s:
                _begin(expected.popleft(), ask, verdict)
            with suppress(FileNotFoundError, KeyError):  # it has ended since
                verdict.take_sample(sample(process.pid, deployment.folder))
            if now_s - asked_s >= _ASK_EVERY_S:
                asked_s = now_s
                verdict.take_requests(ask("seen\n"))
                _judge(cycles, verdict, until_s=now_s - _SETTLED_S)
            if now_s >= report_s:
                report_s += _REPORT_EVERY_S
                tell(verdict.line())
            time.sleep(_EVERY_S)  # what is watched is real time
        verdict.stopped_s = time.time()
        verdict.has_calm_end = verdict.stopped_s >= until_s
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(_PATIENCE_S)
        time.sleep(_SETTLED_S)
        verdict.take_requests(ask("seen\n"))
        _judge(cycles, verdict, until_s=time.time())
        verdict.end(deployment, exit_code)
        return verdict


def _begin(trouble: Trouble, ask: Callable[[str], Any], verdict: Verdict) -> None:
    ask(trouble.order)
    verdict.troubles[trouble.source] += 1


def _judge(cycles: deque[Said], verdict: Verdict, *, until_s: float) -> None:
    """Judge the cycles that were reported by then; the others follow later."""
    while cycles and cycles[0].at_s <= until_s:
        verdict.take_cycle(cycles.popleft())


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Note each Ctrl-C in the list that is yielded, instead of raising KeyboardInterrupt."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def simulated_home(seed: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    command = [sys.executable, "-m", "tests.benchmarks.soak.home", str(seed)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_CHECKOUT,
        process_group=0,  # Ctrl-C is for the benchmark alone
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orders, answers = process.stdin, process.stdout

        def ask(line: str) -> Any:
            orders.write(line)
            orders.flush()
            return json.loads(answers.readline())

        yield ask, json.loads(answers.readline())
        orders.close()


def deployment_of(folder: Path, where: dict[str, Any]) -> Deployment:
    bridge, alexa = where["bridge"], where["alexa"]
    deployment = a_deployment(folder, **{**bridge, "ca_file": Path(bridge["ca_file"])})
    deployment = with_amazon(deployment, **{**alexa, "ca_file": Path(alexa["ca_file"])})
    config = deployment.config_file.read_text()
    assert "interval_seconds: 300" in config
    deployment.config_file.write_text(config.replace(": 300", f": {INTERVAL_S}"))
    return deployment


@contextmanager
def _started(
    folder: Path, where: dict[str, Any]
) -> Iterator[tuple[Deployment, subprocess.Popen[str], deque[Said]]]:
    """Start the collector; its stderr goes to a file in the folder, its cycles come in the queue."""
    deployment = deployment_of(folder, where)
    cycles: deque[Said] = deque()
    with (
        (deployment.folder / "stderr").open("w") as stderr,
        subprocess.Popen(
            deployment.command("collect", "--json"),
            env=deployment.environment(),
            cwd=deployment.folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            process_group=0,
        ) as process,
    ):
        listener = threading.Thread(target=_listen, args=(process.stdout, cycles))
        listener.start()
        try:
            yield deployment, process, cycles
        finally:
            process.kill()
            listener.join()


def _listen(lines: Any, cycles: deque[Said]) -> None:
    for line in lines:
        cycles.append(Said(at_s=time.time(), cycle=json.loads(line)))
