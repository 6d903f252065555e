"""Build the probes of a health check, and the archive for a bug report."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

import attrs

from adapters.files.locks import lock_problem
from adapters.files.regular_file import problem_of_file, problem_of_folder, read_regular
from adapters.files.state_file import FileState
from adapters.health.bug_report import BugReport, versions_text
from adapters.health.machine import LINUX, UNAVAILABLE_STEPS, DiskSpace, check_environment
from adapters.health.probes import (
    BlockingProbe,
    OwnLoopProbe,
    Pulse,
    check_alert_file,
    check_log_folder,
    check_service,
    check_usable,
)
from adapters.log.library_logging import redirect_to_journal
from adapters.log.newest_records import newest_records
from adapters.memory.null import NullJournal, NullMeter
from adapters.sqlite import probes
from config import health as config_health
from config.files import is_demo_home, lock_path
from config.loading import Inspection, Loaded, inspect
from config.setting_types import LARGEST_LOG_FOLDER_BYTES
from config.source_names import ConfiguredSource, configured_sources, intervals, source_names
from domain.health.report import COMPONENTS, Answer, HealthRequest, Weight, skipped
from domain.health.rules import (
    IS_SIMULATED,
    NEEDS_CONFIGURATION,
    judge_backups,
    judge_clock,
    judge_disk,
    judge_last_check,
    judge_last_cycle,
    judge_spool,
    judge_unasked_source,
)
from domain.redaction import Redactor
from domain.services.health_aggregation import MailProbe, SourceProbe
from domain.upkeep import Step
from entrypoints.process import TypedCommands, find_home, is_person_at_stdin, program_name, typed_here
from entrypoints.version import __version__
from entrypoints.wiring.alerts import notifier
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, checked_home, log_of
from entrypoints.wiring.sources import ask_again, source_plans
from entrypoints.wiring.storage import collectors
from ports.journal import Level
from ports.probe import Probe
from ports.source import Source

_COLLECTORS = ("last_cycle", "service", "backups")  # what comes of a collector that runs for long
_SEE_DATABASE = "no file can be made in the data folder: see database"
_SOURCE_SHARE = 0.85  # of the whole time: a source ends by itself before it is given up
_BUG_REPORT_PERIOD = timedelta(days=1)
_LARGEST_PART = 1_000_000  # bytes of the configuration, which is never larger unless it is none


@attrs.define(kw_only=True)
class Components:
    """Builds the probes in two stages: the configuration first, then what it describes."""

    request: HealthRequest
    environment: Environment
    given_home: Path | None
    config_file: Path | None
    env: str | None
    pulse: Pulse = attrs.field(factory=Pulse)
    as_typed: TypedCommands = attrs.field(init=False)
    files: Inspection | None = attrs.field(default=None, init=False)
    _is_demo: bool = attrs.field(default=False, init=False)
    _redactor: Redactor = attrs.field(default=Redactor(()), init=False)

    def __attrs_post_init__(self) -> None:
        # which folder is the home is a matter of files: it is not known before the configuration is read
        self.as_typed = TypedCommands(program=program_name(), home=self.given_home)

    def first(self) -> Sequence[Probe]:
        """Return the probe that reads the configuration; the second stage needs its result."""
        return [BlockingProbe("configuration", self._configuration, Weight.ESSENTIAL)]

    def second(self) -> Sequence[Probe]:
        """Return all other probes, in the order of a report."""
        is_checkout = "HOMECLIMATE_CHECKOUT" in os.environ
        environment = BlockingProbe(
            "environment", partial(check_environment, lock_path(), is_checkout=is_checkout)
        )
        settings = None if self.files is None else config_health.usable_settings(self.files)
        if self.files is None or settings is None:
            return [environment, *(_skip(name, NEEDS_CONFIGURATION) for name in list(COMPONENTS)[2:])]
        home = checked_home(self.files.for_checks(settings), self.environment)
        sources = configured_sources(settings, self.files.secrets)
        return [
            environment,
            *HomeChecks(home=home, files=self.files, is_demo=self._is_demo).probes(),
            self._mail(self.files),
            *(self._source(source, self.files) for source in sources),
        ]

    def redactor(self) -> Redactor:
        """Return what redacts the secrets that are known so far. No file is touched."""
        return self._redactor

    def library_logs_dropped(self) -> AbstractContextManager[None]:
        """Keep what libraries and threads log off stderr."""
        return redirect_to_journal(NullJournal(), level=Level.WARNING)

    def bug_report(self, health: str) -> BugReport | None:
        """Return the archive with the JSON report `health`; None if the configuration gave no answer."""
        if self.files is None:
            return None
        files, settings = self.files, self.files.settings
        since = self.environment.clock.now() - _BUG_REPORT_PERIOD
        parts: dict[str, Callable[[], str] | None] = {
            "health.json": lambda: health,
            "config.yaml": lambda: read_regular(files.config_path, _LARGEST_PART).decode(errors="replace"),
            "secrets.txt": lambda: "".join(f"{line}\n" for line in config_health.names_of_secrets(files)),
            "versions.txt": partial(versions_text, __version__),
            **dict.fromkeys(("schema.sql", "ledger.jsonl", "log.txt")),
        }
        if settings is not None:
            database = settings.storage.database_path
            parts |= {
                "schema.sql": lambda: "\n".join(probes.schema(database)),
                "ledger.jsonl": lambda: "\n".join(probes.outcomes(database, since)),
                "log.txt": partial(newest_records, settings.logging.log_file_path, since),
            }
        return BugReport(parts, self.redactor().redact)

    def _configuration(self) -> Answer:
        home = find_home(self.given_home)
        self.as_typed = typed_here(home)
        files = inspect(home, config_file=self.config_file, env=self.env)
        self._redactor = Redactor(config_health.texts_to_redact(files))
        self.files = files
        if is_demo_home(files.config_path):
            self._is_demo = True
            self.environment = attrs.evolve(self.environment, is_simulated=True)
        return config_health.check_configuration(self.files)

    def _mail(self, files: Inspection) -> Probe:
        if not self.request.sends_test_mail:
            return _skip("mail", "--send-test-mail sends one")
        return MailProbe(
            notifier=notifier(files.readable, self.environment.clock) if files.readable else None,
            clock=self.environment.clock,
            limit_s=_SOURCE_SHARE * self.request.answers_s,
            home=str(files.home),
        )

    def _source(self, source: ConfiguredSource, files: Inspection) -> Probe:
        answer = judge_unasked_source(
            is_enabled=source.is_enabled,
            is_offline=self.request.is_offline,
            are_secrets_readable=files.secrets is not None,
            has_credentials=source.has_credentials,
        )
        if self._is_demo:
            answer = skipped(IS_SIMULATED, Weight.ORDINARY)
        if answer is not None:
            return BlockingProbe(source.name, lambda: answer, Weight.SOURCE)
        loaded = files.readable
        assert loaded is not None  # noqa: S101 - for the type checker: its secrets are readable
        return OwnLoopProbe(
            SourceProbe(
                component=source.name,
                make=partial(self._connect, source.name, loaded),
                clock=self.environment.clock,
                limit_s=_SOURCE_SHARE * self.request.answers_s,
                unavailable_step=UNAVAILABLE_STEPS[source.kind],
                is_starved=self.pulse.is_starved,
            )
        )

    def _connect(self, name: str, loaded: Loaded) -> Source:
        """Build the source as a collector would; what it learns is not saved. For a person it asks anyway."""
        home = checked_home(loaded, self.environment)
        if is_person_at_stdin():
            ask_again(home)
        plans = source_plans(home, NullMeter())
        return next(plan.source for plan in plans if plan.source.name == name)


@attrs.frozen(kw_only=True)
class HomeChecks:
    """The checks of a home's files. Each one blocks, opens what it needs, and closes it again."""

    home: Home
    files: Inspection
    is_demo: bool

    def probes(self) -> Iterator[Probe]:
        """Yield them in the order of a report."""
        for name, check in self._checks().items():
            if self.is_demo and name in _COLLECTORS:
                yield _skip(name, IS_SIMULATED)
                continue
            weight = Weight.ESSENTIAL if name == "database" else Weight.ORDINARY
            yield BlockingProbe(name, check, weight)

    def _checks(self) -> Mapping[str, Callable[[], Answer]]:
        path, pages = self.home.files.database, self.home.settings.storage.wal_checkpoint_interval
        return {
            "secrets": partial(config_health.check_secrets, self.files),
            "database": partial(
                probes.writing,
                path,
                is_simulated=self.home.environment.is_simulated,
                identity=self.home.identity,
            ),
            "locks": partial(self._in_data_folder, self._locks),
            "database_place": partial(probes.place, path),
            "wal": partial(probes.write_ahead_log, path, checkpoint_pages=pages),
            "sqlite": partial(probes.version, sqlite3.sqlite_version_info[:3]),
            "last_check": self._last_check,
            "backups": self._backups,
            "disk": self._disk,
            "logs": self._logs,
            "spool": self._spool,
            "files": partial(self._in_data_folder, self._files),
            "alert_file": partial(check_alert_file, self.home.files.alert),
            "clock": self._clock,
            "last_cycle": self._last_cycle,
            "service": partial(check_service, self.home.loaded.home),
        }

    def _last_check(self) -> Answer:
        return judge_last_check(self.home.saved_state.last_run(Step.CHECK), self.home.clock.now())

    def _backups(self) -> Answer:
        state, copy_to = self.home.saved_state, self.home.settings.backups.copy_to
        backup = state.last_run(Step.BACKUP)
        is_there = backup is None or backup.file is None or self._is_backup(Path(backup.file).name)
        return judge_backups(
            backup,
            is_there=is_there,
            copy=state.last_run(Step.COPY),
            copy_to=None if copy_to is None else str(copy_to),
            now=self.home.clock.now(),
        )

    def _is_backup(self, name: str) -> bool:
        return (self.home.files.backups / name).is_file()

    def _disk(self) -> Answer:
        disk = self.home.environment.disk or DiskSpace(self.home.files.folder)
        return judge_disk(disk.free_bytes(), LINUX)

    def _logs(self) -> Answer:
        logging = self.home.settings.logging
        log = log_of(self.home.settings, self.home.environment, self.home.redactor)
        folder = check_log_folder(
            logging.log_file_path.parent,
            log.problem(),
            max_bytes=logging.max_bytes,
            backups=logging.backup_count,
            limit_bytes=LARGEST_LOG_FOLDER_BYTES,
        )
        return config_health.check_log(self.files, logging, folder)

    def _spool(self) -> Answer:
        spool = self.home.spool
        return judge_spool(spool.waiting(), spool.problems() if self._is_data_folder_usable() else ())

    def _locks(self) -> Answer:
        folders, sources = self.home.files.source_locks, source_names(self.home.loaded)
        problems = {
            source: [lock_problem(folder, source) for folder in folders] for source in sorted(sources)
        }
        answer = check_usable(
            [found for found, *_ in problems.values() if found is not None],
            f"the locks in {folders[0]} can be opened",
            folders[0],
        )
        is_collectable = any(None in found for found in problems.values())
        return answer if is_collectable else attrs.evolve(answer, weight=Weight.ESSENTIAL)

    def _files(self) -> Answer:
        files = self.home.files
        problems = (
            FileState(files.state, NullJournal()).problem(),
            problem_of_file(files.upkeep_lock),
            problem_of_folder(files.backups),
        )
        found = [problem for problem in problems if problem is not None]
        return check_usable(
            found, f"the state and the backups in {files.folder} can be written", files.folder
        )

    def _in_data_folder(self, check: Callable[[], Answer]) -> Answer:
        """Check, unless no file can be made in the data folder at all, which `database` reports."""
        return check() if self._is_data_folder_usable() else skipped(_SEE_DATABASE)

    def _is_data_folder_usable(self) -> bool:
        return self.home.files.folder.is_dir() and problem_of_folder(self.home.files.folder) is None

    def _clock(self) -> Answer:
        now = self.home.clock.now()
        slots = probes.newest_slots(self.home.files.database, now)
        return judge_clock(now, slots, LINUX, self.home.saved_state.clock_step())

    def _last_cycle(self) -> Answer:
        files, now = self.home.files, self.home.clock.now()
        slots = probes.newest_slots(files.database, now)
        return judge_last_cycle(slots, intervals(self.home.settings), collectors(files), now, LINUX)


def _skip(name: str, reason: str) -> Probe:
    return BlockingProbe(name, partial(skipped, reason))
