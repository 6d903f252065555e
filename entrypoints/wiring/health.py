"""The part of the composition root that knows how each component is asked how it is."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from adapters.health.commands import commands, unavailable_step
from config import health as config_health
from config.files import lock_path
from config.loading import Inspection, Loaded, inspect
from config.settings import Settings
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
from domain.upkeep import Step
from entrypoints.process import program_name
from entrypoints.wiring.storage import alert_file, collectors, data_folder, ledger, spool, state
from ports.clock import Clock
from ports.journal import Level
from ports.probe import Probe
from ports.stored_data import SourceRecord
from ports.upkeep import Disk

if TYPE_CHECKING:
    from entrypoints.commands.health_arguments import Request
    from entrypoints.wiring.environment import Environment
    from ports.source import Source


# What is looked at, in the order of a report, and what that means; of several bridges each is named hue:ID.
COMPONENTS: Mapping[str, str] = {
    "configuration": "config.yaml can be read, has no unknown keys, and enables a source",
    "environment": "the Python, its virtual environment, and the packages as locked",
    "secrets": "secrets.yaml has what the sources need, and others cannot read it",
    "database": "a reading can be written, and taken back",
    "database_place": "the folder of the database is not synchronised and on this computer",
    "wal": "the database's mode, and its log",
    "sqlite": "SQLite's version",
    "last_check": "the result of the last daily check of every row",
    "disk": "the room that is left",
    "logs": "the log folder can be written to, and is within 60 MB",
    "spool": "nothing waits to be stored",
    "alert_file": "no file asks a person to act",
    "clock": "the time can be",
    "last_cycle": "a collector runs, and its cycles come",
    "service": "an installed service runs",
    "mail": "mail can be sent (only with --send-test-mail)",
    "hue": "each bridge answers, and proves who it is",
    "amazon": "the account answers with its monitors",
}
_SOURCE_SHARE = 0.85  # of the whole time: a source ends by itself before it is given up
_BROKEN = "the configuration has to be mended first"


@attrs.define
class Components:
    """The probes of a home, in two stages: the configuration, and what it says where to look for."""

    request: Request
    environment: Environment
    files: Inspection | None = attrs.field(default=None, init=False)
    program: str = attrs.field(factory=lambda: program_name(os.environ), init=False)
    _redactor: Redactor | None = attrs.field(default=None, init=False)

    def first(self) -> Sequence[Probe]:
        """Reads the files of the home."""
        return [_probe("configuration", self._configuration, Weight.ESSENTIAL)]

    def second(self) -> Sequence[Probe]:
        """All the others, in the order in which they are told."""
        found = [_probe("environment", self._environment)]
        if self.files is None or self.files.settings is None or _is_refused(self.files):
            return [*found, *(_skipped(name, _BROKEN) for name in list(COMPONENTS)[2:])]
        return [*found, *self._of_the_home(self.files), *self._sources(self.files)]

    def redactor(self) -> Redactor:
        """What keeps the secrets out of whatever is told, as far as they are known yet."""
        if self.files is None:
            return Redactor(())
        if self._redactor is None:
            self._redactor = Redactor(config_health.texts_to_redact(self.files))
        return self._redactor

    def quiet(self) -> AbstractContextManager[None]:
        """Nothing that libraries and threads complain of goes to stderr while it lasts."""
        from adapters.log.library_logging import redirect_to_journal
        from adapters.memory.runtime import MemoryJournal

        return redirect_to_journal(MemoryJournal(), level=Level.WARNING)

    def _configuration(self) -> Answer:
        self.files = inspect(self.request.home, config_file=self.request.config_file, env=self.request.env)
        return config_health.check_configuration(self.files)

    def _environment(self) -> Answer:
        from adapters.health.machine import environment

        return environment(lock_path(), program=self.program)

    def _of_the_home(self, files: Inspection) -> Iterator[Probe]:
        from adapters.health.machine import DiskSpace

        assert files.settings is not None  # noqa: S101 - for the type checker
        looks = Looks(
            files=files,
            settings=files.settings,
            clock=self.environment.clock,
            disk=self.environment.disk or DiskSpace(data_folder(files.settings)),
            is_simulated=self.environment.is_simulated,
            program=self.program,
        )
        for name, look in looks.by_component().items():
            yield _probe(name, look, Weight.ESSENTIAL if name == "database" else Weight.ORDINARY)
        yield self._mail(files)

    def _mail(self, files: Inspection) -> Probe:
        if not self.request.sends_test_mail:
            return _skipped("mail", "--send-test-mail sends one")
        from domain.services.health_aggregation import MailProbe
        from entrypoints.wiring.alerts import notifier

        sender = notifier(_loaded(files), self.environment) if files.secrets is not None else None
        if sender is None:
            step = "Fill in alerts.mail in config.yaml: docs/how-to/get-notified.md."
            return _probe("mail", partial(failed, "no mail server is configured that can be used", step))
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
                yield _skipped(name, "not enabled in the configuration")
            elif self.request.is_offline:
                yield _skipped(name, "--offline leaves the network out")
            elif files.secrets is None:
                yield _skipped(name, "secrets.yaml has to be mended first", Weight.SOURCE)
            else:
                yield from self._asked(name, _loaded(files))

    def _asked(self, name: str, loaded: Loaded) -> Iterator[Probe]:
        """A probe for each bridge, or for the account, that can be asked."""
        from domain.services.health_aggregation import SourceProbe
        from entrypoints.wiring.sources import hue_names

        can_ask = (
            dict(
                zip(hue_names(loaded), (bridge.api_key is not None for bridge in loaded.bridges), strict=True)
            )
            if name == "hue"
            else {"amazon": loaded.secrets.amazon_aqm.are_given}
        )
        for source, has_credentials in can_ask.items():
            if has_credentials:
                yield SourceProbe(
                    component=source,
                    make=partial(self._source, name, source, loaded),
                    clock=self.environment.clock,
                    limit_s=_SOURCE_SHARE * self.request.answers_s,
                    program=self.program,
                    unavailable_step=unavailable_step(source, self.program),
                )
            else:
                yield _skipped(source, "has no credentials: see secrets", Weight.SOURCE)

    def _source(self, kind: str, name: str, loaded: Loaded) -> Source:
        from adapters.files.state_file import StateCopy
        from adapters.memory.runtime import MemoryJournal, MemoryMeter
        from entrypoints.wiring.sources import amazon_plans, hue_plans

        journal, meter = MemoryJournal(), MemoryMeter(self.environment.clock)
        kept = StateCopy(state(loaded.settings, journal))
        plans = hue_plans if kind == "hue" else amazon_plans
        made = (plan.source for plan in plans(loaded, self.environment, kept, meter, journal))
        return next(source for source in made if source.name == name)


def _is_refused(files: Inspection) -> bool:
    """Whether config.yaml has a fault, so that what else it says may not be meant so."""
    answer = config_health.check_configuration(files)
    return answer.weight is Weight.ESSENTIAL


def _loaded(files: Inspection) -> Loaded:
    assert files.settings is not None  # noqa: S101 - for the type checker
    assert files.secrets is not None  # noqa: S101 - for the type checker
    return Loaded(
        settings=files.settings,
        secrets=files.secrets,
        warnings=(),
        config_path=files.config_path,
        secrets_path=files.secrets_path,
    )


def _probe(name: str, look: Callable[[], Answer], weight: Weight = Weight.ORDINARY) -> Probe:
    from adapters.health.probes import BlockingProbe

    return BlockingProbe(name, look, weight)


def _skipped(name: str, why: str, weight: Weight = Weight.ORDINARY) -> Probe:
    return _probe(name, partial(skipped, why), weight)


# The part of the composition root that says how each part of a home is looked at, without changing it.


@attrs.frozen(kw_only=True)
class Looks:
    """The parts of one home. Each look blocks, opens what it needs by itself, and lets go of it."""

    files: Inspection
    settings: Settings
    clock: Clock
    disk: Disk
    is_simulated: bool
    program: str

    def by_component(self) -> Mapping[str, Callable[[], Answer]]:
        """All of them, in the order in which they are told."""
        from adapters.sqlite import probes

        path = self.settings.storage.database_path
        return {
            "secrets": partial(config_health.check_secrets, self.files),
            "database": partial(probes.writing, path, is_simulated=self.is_simulated, program=self.program),
            "database_place": partial(probes.place, path),
            "wal": partial(
                probes.write_ahead_log,
                path,
                checkpoint_pages=self.settings.storage.wal_checkpoint_interval,
                program=self.program,
            ),
            "sqlite": partial(probes.version, sqlite3.sqlite_version_info[:3]),
            "last_check": self._last_check,
            "disk": lambda: judge_disk(self.disk.free_bytes(), commands(self.program)),
            "logs": self._logs,
            "spool": self._spool,
            "alert_file": self._alert_file,
            "clock": self._clock,
            "last_cycle": self._last_cycle,
            "service": self._service,
        }

    def _last_check(self) -> Answer:
        from adapters.files.saved_state import SavedState
        from adapters.memory.runtime import MemoryJournal

        last = SavedState(state(self.settings, MemoryJournal())).last_run(Step.CHECK)
        return judge_last_check(last, self.clock.now(), commands(self.program))

    def _logs(self) -> Answer:
        from adapters.health.probes import log_folder

        logging = self.settings.logging
        if not logging.enable_file_logging:
            return skipped("no log file is written: logging.enable_file_logging is no")
        answer = log_folder(
            logging.log_file_path.parent, max_bytes=logging.max_bytes, backups=logging.backup_count
        )
        return answer if answer.next_step else config_health.check_log_limits(self.files) or answer

    def _spool(self) -> Answer:
        from adapters.memory.runtime import MemoryJournal

        waiting = spool(self.settings, self.clock, MemoryJournal()).waiting()
        return judge_spool(waiting.cycles, waiting.readings, str(data_folder(self.settings) / "spool"))

    def _alert_file(self) -> Answer:
        path = alert_file(self.settings)
        if not path.exists():
            return passed("there is none")
        return failed(
            f"{path} is there: a source refuses its credentials",
            f"Do what it says, `cat {path}`; it goes with the next success.",
        )

    def _clock(self) -> Answer:
        slots = [Slots(record.slot, record.ahead) for record in self._records()]
        return judge_clock(self.clock.now(), slots, commands(self.program))

    def _last_cycle(self) -> Answer:
        slots = tuple(self._last_slots())
        return judge_last_cycle(slots, collectors(self.settings), self.clock.now(), commands(self.program))

    def _last_slots(self) -> Iterator[LastSlot]:
        """Of the sources that are enabled now."""
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
        """None where the database cannot be read: that is said of the database."""
        try:
            until = self.clock.now() + CLOCK_FAULT_AHEAD
            return tuple(ledger(self.settings).records(until, until))
        except StoreError:
            return ()

    def _service(self) -> Answer:
        from adapters.health.probes import service

        return service(Path(self.files.secrets_path).parent.parent)
