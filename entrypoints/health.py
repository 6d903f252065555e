"""Run `homeclimate health`: check whether this deployment is ready.

The process ends by its deadline, even if a probe or the disk hangs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NoReturn

import attrs

from domain.health import ComponentResult, HealthReport, Status, Weight
from domain.services.health_aggregation import HealthCheck, no_answer
from entrypoints.commands.health import COMPONENTS, HealthRequest, parse_arguments
from entrypoints.terminal import health_text
from entrypoints.terminal.stdout_writer import non_blocking_stdout
from entrypoints.wiring.bug_report import Bundle
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.health import Components, process_age_s
from ports.probe import Probe

# Shares of the timeout: when the watchdog reports what is missing, and how long that may take.
_WATCHDOG_SHARE, _LAST_REPORT_SHARE = 0.96, 0.03
_BUNDLE_S = 45.0  # more time, if a bundle is to be written
_CANCEL_S = 0.2


def main(arguments: Sequence[str] | None = None, *, environment: Environment | None = None) -> NoReturn:
    """Run the check and exit; never returns."""
    code = run(sys.argv[1:] if arguments is None else arguments, environment=environment, leave=os._exit)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # a normal exit would wait for threads that hang


def run(
    arguments: Sequence[str],
    *,
    environment: Environment | None = None,
    leave: Callable[[int], object] | None = None,
) -> int:
    """Run the check and return the exit code. `leave` ends the process at the deadline, from a watchdog."""
    request = parse_arguments(arguments)
    if isinstance(request, int):
        return request
    if request.lists:
        for name, meaning in COMPONENTS.items():
            sys.stdout.write(f"{name:<16}{meaning}\n")
        return 0
    if leave is not None:  # starting the process has taken some of the time
        request = request.after(process_age_s())
    with non_blocking_stdout() as write_line:
        check = HealthRun(request=request, environment=environment or Environment(), write_line=write_line)
        if leave is not None:
            threading.Thread(target=check.watch, args=(leave,), name="deadline", daemon=True).start()
        report = check.run()
    return int(report.health)


@attrs.define(kw_only=True)
class HealthRun:
    """One check: writes each result as it comes, then the summary."""

    request: HealthRequest
    environment: Environment
    write_line: Callable[[str], object]
    _components: Components = attrs.field(init=False)
    _probes: list[Probe] = attrs.field(init=False, factory=list)
    _results: dict[str, ComponentResult] = attrs.field(init=False, factory=dict)
    _report: HealthReport | None = attrs.field(init=False, default=None)
    _began_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._components = Components(self.request, self.environment)
        self._began_s = self.environment.clock.elapsed_s()

    def run(self) -> HealthReport:
        """Run all probes, and report. Cancel what can be cancelled of those that hang."""
        loop = asyncio.new_event_loop()
        try:
            with self._components.library_logs_dropped():
                check = HealthCheck(clock=self.environment.clock, limit_s=self.request.answers_s)
                stages = (self._components.first, self._second_stage)
                report = loop.run_until_complete(check.run(stages, self._add_result))
                self._finish(report)
                self._write_bundle(report)
                loop.run_until_complete(_cancel_tasks())
        finally:
            loop.close()
        return self._requested(report)

    def watch(self, leave: Callable[[int], object]) -> None:
        """End the process at the deadline, with the results so far. Runs in a thread of its own."""
        time.sleep(
            self.request.timeout_s * _WATCHDOG_SHARE
        )  # real time, even if the check uses another clock
        report = self._report
        if report is None:
            missing = [no_answer(*component) for component in self._missing()]
            report = HealthReport((*self._results.values(), *missing))
            self.write_line = _write_directly  # the writing thread may be what hangs
            # So may stdout itself: do not wait for it.
            last_report = threading.Thread(target=self._finish, args=(report, missing), daemon=True)
            last_report.start()
            last_report.join(self.request.timeout_s * _LAST_REPORT_SHARE)
        elif self.request.bundle is not None:
            time.sleep(_BUNDLE_S)
        leave(int(self._requested(report).health))

    def _second_stage(self) -> Sequence[Probe]:
        self._probes = [probe for probe in self._components.second() if self.request.wants(probe.component)]
        return self._probes

    def _missing(self) -> Iterator[tuple[str, Weight]]:
        """Yield the components without a result; before there are probes, all that were requested."""
        weights = {probe.component: probe.weight for probe in self._probes}
        for component in weights or COMPONENTS:
            if component not in self._results and self.request.wants(component):
                yield component, weights.get(component, Weight.ESSENTIAL)

    def _add_result(self, result: ComponentResult) -> None:
        self._results[result.component] = result
        is_by_line = not (self.request.as_json or self.request.is_brief)
        if is_by_line and self._is_requested(result):
            is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            self.write_line(health_text.line(self._redacted(result), coloured=is_coloured))

    def _finish(self, report: HealthReport, missing: Sequence[ComponentResult] = ()) -> None:
        """Write the summary, or the whole report in the form that was requested."""
        for result in missing:
            self._add_result(result)
        requested = self._requested(report)
        duration_s = self.environment.clock.elapsed_s() - self._began_s
        if self.request.as_json:
            self.write_line(self._as_json(requested))
        elif self.request.is_brief:
            self.write_line(health_text.brief(requested, duration_s))
        else:
            self.write_line(health_text.ending(requested, duration_s))
        self._report = report

    def _write_bundle(self, report: HealthReport) -> None:
        if self.request.bundle is None or self._components.files is None:
            return
        bundle = Bundle(
            files=self._components.files,
            health=self._as_json(self._requested(report)),
            now=self.environment.clock.now(),
            redactor=self._components.redactor(),
        )
        try:
            bundle.write(self.request.bundle)
        except OSError as error:
            sys.stderr.write(f"homeclimate health: no bundle was written: {error}\n")
        else:
            sys.stderr.write(f"Wrote {self.request.bundle}. Look through it before you share it.\n")

    def _as_json(self, requested: HealthReport) -> str:
        duration_s = self.environment.clock.elapsed_s() - self._began_s
        return health_text.as_json(requested, at=self.environment.clock.now(), duration_s=duration_s)

    def _requested(self, report: HealthReport) -> HealthReport:
        return HealthReport(
            tuple(self._redacted(result) for result in report.results if self._is_requested(result))
        )

    def _is_requested(self, result: ComponentResult) -> bool:
        """Leave out the configuration if only others were requested, unless it failed."""
        return self.request.wants(result.component) or result.status is Status.FAIL

    def _redacted(self, result: ComponentResult) -> ComponentResult:
        redact = self._components.redactor().redact
        return attrs.evolve(result, summary=redact(result.summary), next_step=redact(result.next_step))


async def _cancel_tasks() -> None:
    """Cancel the probes that were given up, and wait a moment for their ends."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CANCEL_S)


def _write_directly(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
