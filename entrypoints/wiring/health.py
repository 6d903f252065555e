"""Build the probes of a health check."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial

import attrs

from adapters.files.saved_state import SavedState
from adapters.files.spool_folder import FileSpool
from adapters.files.state_file import FileState, StateCopy
from adapters.health.commands import commands, unavailable_step
from adapters.health.machine import DiskSpace, check_environment, process_age_s
from adapters.health.probes import BlockingProbe, check_log_folder, check_service
from adapters.log.library_logging import redirect_to_journal
from adapters.memory.null import NullJournal, NullMeter
from adapters.sqlite import probes
from config import health as config_health
from config.files import lock_path
from config.loading import Inspection, Loaded, inspect
from config.settings import Settings
from config.source_names import hue_names
from domain.errors import StoreError
from domain.health import Answer, Weight, failed, passed, skipped
from domain.health_rules import (
    LastSlot,
    Slots,
    judge_clock,
    judge_disk,
    judge_last_check,
    judge_last_cycle,
    judge_spool,
)
from domain.redaction import Redactor
from domain.schedule import CLOCK_FAULT_AHEAD
from domain.services.health_aggregation import MailProbe, SourceProbe
from domain.upkeep import Step
from entrypoints.commands.health import COMPONENTS, HealthRequest
from entrypoints.process import program_name
from entrypoints.wiring.alerts import notifier
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, HomeFiles
from entrypoints.wiring.sources import source_plans
from entrypoints.wiring.storage import collectors, ledger
from ports.journal import Level
from ports.probe import Probe
from ports.source import Source
from ports.stored_data import SourceRecord

__all__ = ["Components", "HomeChecks", "process_age_s"]

_SOURCE_SHARE = 0.85  # of the whole time: a source ends by itself before it is given up


@attrs.define
class Components:
    """Builds the probes in two stages: the configuration first, then what it describes."""

    request: HealthRequest
    environment: Environment
    files: Inspection | None = attrs.field(default=None, init=False)
    program: str = attrs.field(factory=lambda: program_name(os.environ), init=False)
    _redactor: Redactor | None = attrs.field(default=None, init=False)

    def first(self) -> Sequence[Probe]:
        """Return the probe that reads the configuration; the second stage needs its result."""
        return [BlockingProbe("configuration", self._configuration, Weight.ESSENTIAL)]

    def second(self) -> Sequence[Probe]:
        """Return all other probes, in the order of a report."""
        environment = BlockingProbe(
            "environment", partial(check_environment, lock_path(), program=self.program)
        )
        if (
            self.files is None
            or self.files.settings is None
            or config_health.check_configuration(self.files).weight
            is Weight.ESSENTIAL  # nothing in it can be trusted
        ):
            reason = "the configuration must be corrected first"
            return [environment, *(_skip(name, reason) for name in list(COMPONENTS)[2:])]
        home = HomeChecks(
            files=self.files,
            settings=self.files.settings,
            environment=self.environment,
            program=self.program,
        )
        return [environment, *home.probes(), self._mail(self.files), *self._sources(self.files)]

    def redactor(self) -> Redactor:
        """Return what redacts the secrets that are known so far."""
        if self.files is None:
            return Redactor(())
        if self._redactor is None:
            self._redactor = Redactor(config_health.texts_to_redact(self.files))
        return self._redactor

    def library_logs_dropped(self) -> AbstractContextManager[None]:
        """Keep what libraries and threads log off stderr."""
        return redirect_to_journal(NullJournal(), level=Level.WARNING)

    def _configuration(self) -> Answer:
        self.files = inspect(self.request.home, config_file=self.request.config_file, env=self.request.env)
        return config_health.check_configuration(self.files)

    def _mail(self, files: Inspection) -> Probe:
        if not self.request.sends_test_mail:
            return _skip("mail", "--send-test-mail sends one")
        sender = notifier(_loaded(files), self.environment.clock) if files.secrets is not None else None
        if sender is None:
            step = "Fill in alerts.mail in config.yaml: docs/how-to/get-notified.md."
            return BlockingProbe("mail", partial(failed, "no usable mail server is configured", step))
        return MailProbe(
            notifier=sender,
            clock=self.environment.clock,
            limit_s=_SOURCE_SHARE * self.request.answers_s,
            home=str(self.request.home),
        )

    def _sources(self, files: Inspection) -> Iterator[Probe]:
        assert files.settings is not None  # noqa: S101 - for the type checker
        enabled = files.settings.collectors
        for name, is_enabled in (("hue", enabled.hue.enabled), ("amazon", enabled.amazon_aqm.enabled)):
            if not is_enabled:
                yield _skip(name, "not enabled in the configuration")
            elif self.request.is_offline:
                yield _skip(name, "--offline leaves out the network")
            elif files.secrets is None:
                yield _skip(name, "secrets.yaml must be corrected first", Weight.SOURCE)
            elif name == "hue":
                loaded = _loaded(files)
                for bridge, source in zip(loaded.bridges, hue_names(loaded), strict=True):
                    yield self._source(source, loaded, has_credentials=bridge.api_key is not None)
            else:
                loaded = _loaded(files)
                is_given = loaded.secrets.amazon_aqm.are_given
                yield self._source(name, loaded, has_credentials=is_given)

    def _source(self, source: str, loaded: Loaded, *, has_credentials: bool) -> Probe:
        if not has_credentials:
            return _skip(source, "has no credentials: see secrets", Weight.SOURCE)
        return SourceProbe(
            component=source,
            make=partial(self._connect, source, loaded),
            clock=self.environment.clock,
            limit_s=_SOURCE_SHARE * self.request.answers_s,
            program=self.program,
            unavailable_step=unavailable_step(source, self.program),
        )

    def _connect(self, name: str, loaded: Loaded) -> Source:
        """Build the source as a collector would; what it learns is not saved."""
        journal, meter = NullJournal(), NullMeter()
        file = HomeFiles(loaded.settings.storage.database_path).state
        home = Home(
            loaded=loaded,
            environment=self.environment,
            redact=str,
            journal=journal,
            state=StateCopy(FileState(file, journal)),
        )
        sources = (plan.source for plan in source_plans(home, meter))
        return next(source for source in sources if source.name == name)


@attrs.frozen(kw_only=True)
class HomeChecks:
    """The checks of a home's files. Each one blocks, opens what it needs, and closes it again."""

    files: Inspection
    settings: Settings
    environment: Environment
    program: str

    @property
    def home_files(self) -> HomeFiles:
        return HomeFiles(self.settings.storage.database_path)

    def probes(self) -> Iterator[Probe]:
        """Yield them in the order of a report."""
        for name, check in self._checks().items():
            weight = Weight.ESSENTIAL if name == "database" else Weight.ORDINARY
            yield BlockingProbe(name, check, weight)

    def _checks(self) -> Mapping[str, Callable[[], Answer]]:
        storage = self.settings.storage
        return {
            "secrets": partial(config_health.check_secrets, self.files),
            "database": partial(
                probes.writing,
                storage.database_path,
                is_simulated=self.environment.is_simulated,
                program=self.program,
            ),
            "database_place": partial(probes.place, storage.database_path),
            "wal": partial(
                probes.write_ahead_log,
                storage.database_path,
                checkpoint_pages=storage.wal_checkpoint_interval,
                program=self.program,
            ),
            "sqlite": partial(probes.version, sqlite3.sqlite_version_info[:3]),
            "last_check": self._last_check,
            "disk": self._disk,
            "logs": self._logs,
            "spool": self._spool,
            "alert_file": self._alert_file,
            "clock": self._clock,
            "last_cycle": self._last_cycle,
            "service": lambda: check_service(self.files.secrets_path.parent.parent),
        }

    def _last_check(self) -> Answer:
        last = SavedState(FileState(self.home_files.state, NullJournal())).last_run(Step.CHECK)
        return judge_last_check(last, self.environment.clock.now(), commands(self.program))

    def _disk(self) -> Answer:
        disk = self.environment.disk or DiskSpace(self.home_files.folder)
        return judge_disk(disk.free_bytes(), commands(self.program))

    def _logs(self) -> Answer:
        logging = self.settings.logging
        if not logging.enable_file_logging:
            return skipped("no log file is written: logging.enable_file_logging is no")
        answer = check_log_folder(
            logging.log_file_path.parent, max_bytes=logging.max_bytes, backups=logging.backup_count
        )
        return answer if answer.next_step else config_health.check_log_limits(self.files) or answer

    def _spool(self) -> Answer:
        folder = self.home_files.spool
        waiting = FileSpool(folder, clock=self.environment.clock, journal=NullJournal()).waiting()
        return judge_spool(waiting.cycles, waiting.readings, str(folder))

    def _alert_file(self) -> Answer:
        path = self.home_files.alert
        if not path.exists():
            return passed("no alert file")
        return failed(
            f"{path} exists: a source rejects its credentials",
            f"Follow its instructions: `cat {path}`. The next success removes it.",
        )

    def _clock(self) -> Answer:
        slots = [Slots(record.slot, record.ahead) for record in self._records()]
        return judge_clock(self.environment.clock.now(), slots, commands(self.program))

    def _last_cycle(self) -> Answer:
        slots = tuple(self._last_slots())
        now = self.environment.clock.now()
        return judge_last_cycle(slots, collectors(self.home_files), now, commands(self.program))

    def _last_slots(self) -> Iterator[LastSlot]:
        """Yield the newest slot of each source that is enabled now."""
        enabled = self.settings.collectors
        for record in self._records():
            is_hue = record.source.partition(":")[0] == "hue"
            if enabled.hue.enabled if is_hue else enabled.amazon_aqm.enabled:
                interval_s = self.settings.hue_interval_s if is_hue else self.settings.amazon_aqm_interval_s
                yield LastSlot(
                    source=record.source,
                    slot=record.slot,
                    state=record.state,
                    interval=timedelta(seconds=interval_s),
                )

    def _records(self) -> tuple[SourceRecord, ...]:
        """Return nothing if the database cannot be read: the database's own check reports that."""
        try:
            until = self.environment.clock.now() + CLOCK_FAULT_AHEAD
            return tuple(ledger(self.home_files).records(until, until))
        except StoreError:
            return ()


def _skip(name: str, reason: str, weight: Weight = Weight.ORDINARY) -> Probe:
    return BlockingProbe(name, partial(skipped, reason), weight)


def _loaded(files: Inspection) -> Loaded:
    assert files.readable is not None  # noqa: S101 - for the type checker
    return files.readable
