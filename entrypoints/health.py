"""`homeclimate health`, and `homeclimate-health`: is this deployment ready? Without click and rich."""

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

from adapters.health.machine import process_age_s
from domain.health import ComponentResult, HealthReport, Status, Weight
from domain.services.health_aggregation import HealthCheck, no_answer
from entrypoints.commands.health_arguments import Request, parsed
from entrypoints.exit_codes import USAGE
from entrypoints.process import find_home, unswept
from entrypoints.terminal import health_text
from entrypoints.terminal.stdout_writer import non_blocking_stdout
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.health import COMPONENTS, Components
from ports.probe import Probe

# Of the time: then whoever is stuck where even the limit for answers does not reach is left behind.
_WATCHED_SHARE, _LAST_WORDS_SHARE = 0.96, 0.03
_BUNDLE_S = 45.0  # beyond the deadline, for who asked for a bundle
_FAREWELL_S = 0.2


def main(arguments: Sequence[str] | None = None, *, environment: Environment | None = None) -> NoReturn:
    """Run the check and leave the process by the deadline, whatever hangs in it; never returns."""
    with unswept():  # the process is over before it would be worth it
        code = run(sys.argv[1:] if arguments is None else arguments, environment=environment, leave=os._exit)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # threads that are stuck would be waited for, or complained of


def run(
    arguments: Sequence[str],
    *,
    environment: Environment | None = None,
    leave: Callable[[int], object] | None = None,
) -> int:
    """Run the check; the exit code. With `leave`, that ends the process where the check itself is stuck."""
    try:
        request = parsed(arguments, find_home, COMPONENTS)
    except SystemExit as end:
        return int(end.code or 0)
    if request.bundle is not None and request.bundle.exists():
        sys.stderr.write(f"homeclimate health: {request.bundle} is there already; name another file\n")
        return USAGE
    if request.lists:
        for name, meaning in COMPONENTS.items():
            sys.stdout.write(f"{name:<16}{meaning}\n")
        return 0
    if leave is not None:  # a process of its own, whose start and imports have taken some of the time
        request = request.with_less_time(process_age_s())
    with non_blocking_stdout() as tell:
        checking = Checking(request=request, environment=environment or Environment(), say=tell)
        if leave is not None:
            checking.watch(leave)
        report = checking.run()
    return int(report.health)


@attrs.define(kw_only=True)
class Checking:
    """One check: its answers are told as they come, and what has not answered in the end."""

    request: Request
    environment: Environment
    say: Callable[[str], object]
    _components: Components = attrs.field(init=False)
    _asked: list[Probe] = attrs.field(init=False, factory=list)
    _heard: dict[str, ComponentResult] = attrs.field(init=False, factory=dict)
    _report: HealthReport | None = attrs.field(init=False, default=None)
    _began_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._components = Components(self.request, self.environment)
        self._began_s = self.environment.clock.elapsed_s()

    def run(self) -> HealthReport:
        """Ask all, and tell. Leaves nothing running that can be ended."""
        loop = asyncio.new_event_loop()
        try:
            with self._components.quiet():
                check = HealthCheck(clock=self.environment.clock, limit_s=self.request.answers_s)
                stages = (self._components.first, self._second)
                report = loop.run_until_complete(check.run(stages, self._hear))
                self._finish(report)
                self._bundle(report)
                loop.run_until_complete(_farewell())
        finally:
            loop.close()
        return self._wanted(report)

    def _bundle(self, report: HealthReport) -> None:
        """Write what a report of a fault needs, where it was asked for; the place is told on stderr."""
        if self.request.bundle is None or self._components.files is None:
            return
        from entrypoints.wiring.bug_report import Bundle

        bundle = Bundle(
            files=self._components.files,
            health=self._document(self._wanted(report)),
            now=self.environment.clock.now(),
            redactor=self._components.redactor(),
        )
        try:
            bundle.write(self.request.bundle)
        except OSError as error:
            sys.stderr.write(f"homeclimate health: no bundle is written: {error}\n")
        else:
            sys.stderr.write(f"{self.request.bundle} is written; look through it before you give it away\n")

    def watch(self, leave: Callable[[int], object]) -> None:
        """From a thread of its own, end the process at the deadline, with what is known by then."""
        threading.Thread(target=self._leave_in_time, args=(leave,), name="deadline", daemon=True).start()

    def _leave_in_time(self, leave: Callable[[int], object]) -> None:
        time.sleep(self.request.timeout_s * _WATCHED_SHARE)  # the process's end is real time
        report = self._report
        if report is None:
            unheard = [no_answer(*component) for component in self._unheard()]
            report = HealthReport((*self._heard.values(), *unheard))
            self.say = _say_at_once  # nobody waits for a queue any more
            # stdout may be what is stuck
            last_words = threading.Thread(target=self._finish, args=(report, unheard), daemon=True)
            last_words.start()
            last_words.join(self.request.timeout_s * _LAST_WORDS_SHARE)
        elif self.request.bundle is not None:
            time.sleep(_BUNDLE_S)
        leave(int(self._wanted(report).health))

    def _unheard(self) -> Iterator[tuple[str, Weight]]:
        """What was asked and has not answered; before anything could be, all that there is."""
        asked = {probe.component: probe.weight for probe in self._asked}
        for component in asked or COMPONENTS:
            if component not in self._heard and self.request.wants(component):
                yield component, asked.get(component, Weight.ESSENTIAL)

    def _second(self) -> Sequence[Probe]:
        wanted = [probe for probe in self._components.second() if self.request.wants(probe.component)]
        self._asked += wanted
        return wanted

    def _hear(self, result: ComponentResult) -> None:
        """Tell of an answer as it comes."""
        self._heard[result.component] = result
        if self._is_told_line_by_line and self._is_wanted(result):
            self.say(health_text.line(self._without_secrets(result), coloured=_is_coloured()))

    def _finish(self, report: HealthReport, unheard: Sequence[ComponentResult] = ()) -> None:
        """Tell what all comes to."""
        for result in unheard:
            self._hear(result)
        wanted = self._wanted(report)
        duration_s = self.environment.clock.elapsed_s() - self._began_s
        if self.request.as_json:
            self.say(self._document(wanted))
        elif self.request.is_brief:
            self.say(health_text.brief(wanted, duration_s))
        else:
            self.say(health_text.ending(wanted, duration_s))
        self._report = report

    def _document(self, wanted: HealthReport) -> str:
        duration_s = self.environment.clock.elapsed_s() - self._began_s
        return health_text.as_json(wanted, at=self.environment.clock.now(), duration_s=duration_s)

    @property
    def _is_told_line_by_line(self) -> bool:
        return not (self.request.as_json or self.request.is_brief)

    def _wanted(self, report: HealthReport) -> HealthReport:
        """Without the configuration, where only others were asked for and it is in order."""
        return HealthReport(
            tuple(self._without_secrets(one) for one in report.results if self._is_wanted(one))
        )

    def _is_wanted(self, result: ComponentResult) -> bool:
        return self.request.wants(result.component) or result.status is Status.FAIL

    def _without_secrets(self, result: ComponentResult) -> ComponentResult:
        redact = self._components.redactor().redact
        return attrs.evolve(result, summary=redact(result.summary), next_step=redact(result.next_step))


async def _farewell() -> None:
    """End what was given up, as far as it lets itself be ended."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_FAREWELL_S)


def _say_at_once(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _is_coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


if __name__ == "__main__":
    main()
