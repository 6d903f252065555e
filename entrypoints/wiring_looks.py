"""The part of the composition root that says how each part of a home is looked at, without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from config import answers
from config.loading import Inspection
from config.settings import Settings
from domain.errors import StoreError
from domain.health import Answer, failed, passed, skipped
from domain.health_rules import LastSlot, Slots, of_clock, of_disk, of_last_check, of_last_cycle, of_spool
from domain.schedule import CLOCK_FAULT_AHEAD
from domain.services.upkeep import CHECK
from domain.values import frozen
from entrypoints.wiring_data import alert_file, data_folder, spool, state
from entrypoints.wiring_status import collectors, ledger
from ports.clock import Clock
from ports.disk import Disk
from ports.ledger import SourceRecord


@frozen(kw_only=True)
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
            "secrets": partial(answers.of_secrets, self.files),
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
            "disk": lambda: of_disk(self.disk.free_bytes()),
            "logs": self._logs,
            "spool": self._spool,
            "alert_file": self._alert_file,
            "clock": self._clock,
            "last_cycle": self._last_cycle,
            "service": self._service,
        }

    def _last_check(self) -> Answer:
        from adapters.memory.journal import MemoryJournal

        kept = state(self.settings, MemoryJournal()).get(CHECK)
        return of_last_check(kept, self.clock.now(), program=self.program)

    def _logs(self) -> Answer:
        from adapters.log_probe import log_folder

        logging = self.settings.logging
        if not logging.enable_file_logging:
            return skipped("no log file is written: logging.enable_file_logging is no")
        answer = log_folder(
            logging.log_file_path.parent, max_bytes=logging.max_bytes, backups=logging.backup_count
        )
        return answer if answer.next_step else answers.of_log_limits(self.files) or answer

    def _spool(self) -> Answer:
        from adapters.memory.journal import MemoryJournal

        waiting = spool(self.settings, self.clock, MemoryJournal()).look()
        return of_spool(waiting.cycles, waiting.readings, str(data_folder(self.settings) / "spool"))

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
        return of_clock(self.clock.now(), slots)

    def _last_cycle(self) -> Answer:
        slots = tuple(self._last_slots())
        return of_last_cycle(slots, collectors(self.settings), self.clock.now(), program=self.program)

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
        from adapters.service_units import service

        return service(Path(self.files.secrets_path).parent.parent)
