"""`homeclimate health`, and `homeclimate-health`: check whether this deployment is ready.

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
from pathlib import Path
from typing import NoReturn

import attrs
import click

from domain.errors import HomeclimateError
from domain.health.report import (
    COMPONENTS,
    DEFAULT_TIMEOUT_S,
    LONGEST_TIMEOUT_S,
    SHORTEST_TIMEOUT_S,
    ComponentResult,
    Health,
    HealthReport,
    HealthRequest,
    Status,
    Weight,
)
from domain.health.rules import IS_SIMULATED, NEEDS_CONFIGURATION
from domain.services.health_aggregation import HealthCheck, no_answer, not_asked
from entrypoints.commands.options import NumberRange, home_option
from entrypoints.exit_codes import FAILED, USAGE
from entrypoints.process import prepare_streams, prepare_time_zone, process_age_s, program_name
from entrypoints.system_limits import check_limits, explain
from entrypoints.terminal import health_text
from entrypoints.terminal.output import (
    LineWriter,
    Look,
    non_blocking_stdout,
    print_message,
    show_usage_error,
    with_first_word,
)
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.health import Components
from ports.probe import Probe

# Shares of the timeout: when the watchdog reports what is missing, and how long that may take.
_WATCHDOG_SHARE, _LAST_REPORT_SHARE = 0.96, 0.03
_BUNDLE_S = 45.0  # more time, if a bundle is to be written
_CANCEL_S = 0.2
_SHARED_REASONS = (NEEDS_CONFIGURATION, IS_SIMULATED)


@attrs.frozen(kw_only=True)
class HealthCommand:
    """What the command line asks for: the checks of a home, and how to report them."""

    request: HealthRequest
    home: Path | None
    config_file: Path | None = None
    env: str | None = None
    as_json: bool = False
    is_brief: bool = False
    bundle: Path | None = None
    lists: bool = False


def main(arguments: Sequence[str] | None = None, *, environment: Environment | None = None) -> NoReturn:
    """Run the check and exit; never returns."""
    prepare_streams()
    prepare_time_zone()
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
    try:
        name = f"{program_name()} health"
        parsed = command.main(args=list(arguments), prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        show_usage_error(error)
        return USAGE
    except OSError as error:  # the help could not be printed, or the bundle's folder not be looked at
        print_message(f"homeclimate: {explain(error)}", err=True)
        return FAILED
    if not isinstance(parsed, HealthCommand):  # the exit code after --help
        return int(parsed)
    if parsed.lists:
        for name, meaning in COMPONENTS.items():
            print_message(f"{name:<16}{meaning}")
        return 0
    try:
        check_limits()
    except HomeclimateError as error:
        print_message(f"homeclimate: {error}", err=True)
        return int(Health.CANNOT_COLLECT)
    if leave is not None:  # starting the process has taken some of the time
        parsed = attrs.evolve(parsed, request=parsed.request.after(process_age_s()))
    with non_blocking_stdout() as write_line:
        check = HealthRun(command=parsed, environment=environment or Environment(), write_line=write_line)
        if leave is not None:
            check.start_pulse()
            threading.Thread(target=check.watch, args=(leave,), name="deadline", daemon=True).start()
        report = check.run()
    return int(report.health)


def _check_components(context: click.Context, option: click.Parameter, names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name.partition(":")[0] not in COMPONENTS:
            raise click.BadParameter(
                f"there is no component {name}; --list names them", ctx=context, param=option
            )
    return names


def _check_is_new(context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    if file is not None and file.exists():
        raise click.BadParameter(f"{file} already exists; name another file", ctx=context, param=option)
    return file


@click.command(
    "health",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit code: 0 all passed (warnings do not count), 1 some failed, 2 nothing can be collected; "
    "64 wrong usage.",
)
@home_option
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="Instead of config/config.yaml."
)
@click.option("--env", metavar="NAME", help="Read config.NAME.yaml over the configuration.")
@click.option("--offline", "is_offline", is_flag=True, help="Leave out what needs the network.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    callback=_check_components,
    help="Check only this component; may be repeated.",
)
@click.option("--list", "lists", is_flag=True, help="List the components, and end.")
@click.option(
    "--timeout",
    "timeout_s",
    type=NumberRange(SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S),
    default=DEFAULT_TIMEOUT_S,
    metavar="SECONDS",
    help=f"The process ends by then, even if something hangs (default: {DEFAULT_TIMEOUT_S:g}).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (docs/reference/health.md).")
@click.option("--brief", "is_brief", is_flag=True, help="Print one line, in the format of Nagios plugins.")
@click.option(
    "--send-test-mail", "sends_test_mail", is_flag=True, help="Send a mail to the alert recipients."
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="FILE.zip",
    callback=_check_is_new,
    help="Write what a bug report needs to a new file, without secrets.",
)
def command(
    *,
    home: Path | None,
    config_file: Path | None,
    env: str | None,
    is_offline: bool,
    only: Sequence[str],
    lists: bool,
    timeout_s: float,
    as_json: bool,
    is_brief: bool,
    sends_test_mail: bool,
    bundle: Path | None,
) -> HealthCommand:
    """Check each component of this deployment."""
    if as_json and is_brief:
        raise click.UsageError("--json and --brief exclude each other")
    request = HealthRequest(
        only=tuple(only), is_offline=is_offline, sends_test_mail=sends_test_mail, timeout_s=timeout_s
    )
    return HealthCommand(
        request=request,
        home=home,
        config_file=config_file,
        env=env,
        as_json=as_json,
        is_brief=is_brief,
        bundle=bundle,
        lists=lists,
    )


@attrs.define(kw_only=True)
class HealthRun:
    """One check: writes each result as it comes, then the summary."""

    command: HealthCommand
    environment: Environment
    write_line: LineWriter
    _components: Components = attrs.field(init=False)
    _probes: list[Probe] = attrs.field(init=False, factory=list)
    _planned: list[str] = attrs.field(init=False, factory=list)
    _unshown: list[ComponentResult] = attrs.field(init=False, factory=list)
    _results: dict[str, ComponentResult] = attrs.field(init=False, factory=dict)
    _report: HealthReport | None = attrs.field(init=False, default=None)
    _began_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._components = Components(
            request=self.command.request,
            environment=self.environment,
            given_home=self.command.home,
            config_file=self.command.config_file,
            env=self.command.env,
        )
        self._began_s = self.environment.clock.elapsed_s()

    def run(self) -> HealthReport:
        """Run all probes, and report. Cancel what can be cancelled of those that hang."""
        loop = asyncio.new_event_loop()
        try:
            with self._components.library_logs_dropped():
                check = HealthCheck(
                    clock=self.environment.clock,
                    limit_s=self.command.request.answers_s,
                    is_starved=self._components.pulse.is_starved,
                    explain=explain,
                )
                stages = (self._first_stage, self._second_stage)
                report = loop.run_until_complete(check.run(stages, self._add_result))
                self._finish(report)
                self._write_bundle(report)
                loop.run_until_complete(_cancel_tasks())
        finally:
            loop.close()
        return self._requested(report)

    def start_pulse(self) -> None:
        """Measure from now on how much this process runs."""
        self._components.pulse.start()

    def watch(self, leave: Callable[[int], object]) -> None:
        """End the process at the deadline, with the results so far. Runs in a thread of its own."""
        time.sleep(
            self.command.request.timeout_s * _WATCHDOG_SHARE
        )  # real time, even if the check uses another clock
        report = self._report
        if report is None:
            missing = list(self._missing())
            report = HealthReport((*self._results.values(), *missing))
            self.write_line = _write_directly  # the writing thread may be what hangs
            # So may stdout itself: do not wait for it.
            last_report = threading.Thread(target=self._finish, args=(report, missing), daemon=True)
            last_report.start()
            last_report.join(self.command.request.timeout_s * _LAST_REPORT_SHARE)
        elif self.command.bundle is not None:
            time.sleep(_BUNDLE_S)
        leave(int(self._requested(report).health))

    def _first_stage(self) -> Sequence[Probe]:
        self._probes = list(self._components.first())
        return self._probes

    def _second_stage(self) -> Sequence[Probe]:
        probes = [probe for probe in self._components.second() if self.command.request.wants(probe.component)]
        self._planned = [probe.component for probe in probes]
        self._probes += probes
        return probes

    def _missing(self) -> Iterator[ComponentResult]:
        """Yield a result for each component that has none: it has not answered, or was not asked."""
        asked = {probe.component: probe.weight for probe in self._probes}
        is_starved = self._components.pulse.is_starved()
        for component in ("configuration", *(self._planned or list(COMPONENTS)[1:])):
            is_wanted = component == "configuration" or self.command.request.wants(component)
            if component in self._results or not is_wanted:
                continue
            if component in asked and not is_starved:
                yield no_answer(component, asked[component])
            else:
                yield not_asked(component, asked.get(component, Weight.ORDINARY))

    def _add_result(self, result: ComponentResult) -> None:
        self._results[result.component] = result
        if not self._is_requested(result):
            return
        is_named = result.component in self.command.request.only
        if result.summary in _SHARED_REASONS or (result.status is Status.SKIPPED and not is_named):
            self._unshown.append(result)
        elif not (self.command.as_json or self.command.is_brief):
            self._write_result(self._shown(result))

    def _finish(self, report: HealthReport, missing: Sequence[ComponentResult] = ()) -> None:
        """Write the summary, or the whole report in the form that was requested."""
        for result in missing:
            self._add_result(result)
        requested = self._requested(report)
        duration_s = self.environment.clock.elapsed_s() - self._began_s
        if self.command.as_json:
            self.write_line(self._as_json(requested))
        elif self.command.is_brief:
            self.write_line(health_text.brief(requested, duration_s))
        else:
            for result in health_text.shared_reasons(self._unshown):
                self._write_result(result)
            self.write_line(health_text.ending(requested, duration_s))
        self._report = report

    def _write_bundle(self, report: HealthReport) -> None:
        if self.command.bundle is None:
            return
        bundle = self._components.bug_report(self._as_json(self._requested(report)))
        if bundle is None:
            return
        try:
            bundle.write(self.command.bundle)
        except OSError as error:
            print_message(f"homeclimate health: no bundle was written: {error}", err=True)
        else:
            print_message(f"Wrote {self.command.bundle}. Look through it before you share it.", err=True)

    def _as_json(self, requested: HealthReport) -> str:
        duration_s = self.environment.clock.elapsed_s() - self._began_s
        return health_text.as_json(requested, at=self.environment.clock.now(), duration_s=duration_s)

    def _requested(self, report: HealthReport) -> HealthReport:
        return HealthReport(
            tuple(self._shown(result) for result in report.results if self._is_requested(result))
        )

    def _is_requested(self, result: ComponentResult) -> bool:
        """Leave out the configuration if only others were requested, unless it failed."""
        return self.command.request.wants(result.component) or result.status is Status.FAIL

    def _shown(self, result: ComponentResult) -> ComponentResult:
        """Redact the texts, and name commands as they are typed here."""
        redact, as_typed = self._components.redactor().redact, self._components.as_typed
        summary, next_step = (as_typed(redact(text)) for text in (result.summary, result.next_step))
        return attrs.evolve(result, summary=summary, next_step=next_step)

    def _write_result(self, result: ComponentResult) -> None:
        first, *others = health_text.lines(result)
        self.write_line(first, health_text.LOOKS[result.status])
        for line in others:
            self.write_line(line)


async def _cancel_tasks() -> None:
    """Cancel the probes that were given up, and wait a moment for their ends."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CANCEL_S)


def _write_directly(line: str, look: Look = Look.PLAIN) -> None:
    sys.stdout.write(f"{with_first_word(line, look)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
