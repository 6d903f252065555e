"""The part of the composition root that knows how each component is asked how it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

import attrs

from config import answers, packaged
from config.loading import Inspection, Loaded, inspect
from domain.health import Answer, Weight, failed, skipped
from domain.redaction import Redactor
from entrypoints.program import program_name
from entrypoints.wiring_data import data_folder, state
from entrypoints.wiring_looks import Looks
from ports.journal import Level
from ports.probe import Probe

if TYPE_CHECKING:
    from entrypoints.health_request import Request
    from entrypoints.world import World
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
    world: World
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
            self._redactor = Redactor(answers.untold(self.files))
        return self._redactor

    def quiet(self) -> AbstractContextManager[None]:
        """Nothing that libraries and threads complain of goes to stderr while it lasts."""
        from adapters.captured_complaints import captured_complaints
        from adapters.memory.journal import MemoryJournal

        return captured_complaints(MemoryJournal(), level=Level.WARNING)

    def _configuration(self) -> Answer:
        self.files = inspect(self.request.home, config_file=self.request.config_file, env=self.request.env)
        return answers.of_configuration(self.files)

    def _environment(self) -> Answer:
        from adapters.environment import environment

        return environment(packaged.lock_path(), program=self.program)

    def _of_the_home(self, files: Inspection) -> Iterator[Probe]:
        from adapters.disk_space import DiskSpace

        assert files.settings is not None  # noqa: S101 - for the type checker
        looks = Looks(
            files=files,
            settings=files.settings,
            clock=self.world.clock,
            disk=self.world.disk or DiskSpace(data_folder(files.settings)),
            is_simulated=self.world.is_simulated,
            program=self.program,
        )
        for name, look in looks.by_component().items():
            yield _probe(name, look, Weight.ESSENTIAL if name == "database" else Weight.ORDINARY)
        yield self._mail(files)

    def _mail(self, files: Inspection) -> Probe:
        if not self.request.sends_test_mail:
            return _skipped("mail", "--send-test-mail sends one")
        from domain.services.mail_probe import MailProbe
        from entrypoints.wiring_alerts import notifier

        sender = notifier(_loaded(files), self.world) if files.secrets is not None else None
        if sender is None:
            step = "Fill in alerts.mail in config.yaml: docs/how-to/be-told-of-trouble.md."
            return _probe("mail", partial(failed, "no mail server is configured that can be used", step))
        return MailProbe(
            notifier=sender,
            clock=self.world.clock,
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
        from domain.services.source_probe import SourceProbe
        from entrypoints.wiring_sources import hue_names

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
                    clock=self.world.clock,
                    limit_s=_SOURCE_SHARE * self.request.answers_s,
                    program=self.program,
                )
            else:
                yield _skipped(source, "has no credentials: see secrets", Weight.SOURCE)

    def _source(self, kind: str, name: str, loaded: Loaded) -> Source:
        from adapters.memory.journal import MemoryJournal
        from adapters.memory.meter import MemoryMeter
        from adapters.state_copy import StateCopy
        from entrypoints.wiring_sources import amazon_plans, hue_plans

        journal, meter = MemoryJournal(), MemoryMeter(self.world.clock)
        kept = StateCopy(state(loaded.settings, journal))
        plans = hue_plans if kind == "hue" else amazon_plans
        made = (plan.source for plan in plans(loaded, self.world, kept, meter, journal))
        return next(source for source in made if source.name == name)


def _is_refused(files: Inspection) -> bool:
    """Whether config.yaml has a fault, so that what else it says may not be meant so."""
    answer = answers.of_configuration(files)
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
    from adapters.blocking_probe import BlockingProbe

    return BlockingProbe(name, look, weight)


def _skipped(name: str, why: str, weight: Weight = Weight.ORDINARY) -> Probe:
    return _probe(name, partial(skipped, why), weight)
