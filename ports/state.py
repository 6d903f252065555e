"""State that lasts from one run to the next. Losing it costs requests and repeated alerts.

Nothing here raises, not even on a full disk: what cannot be read counts as never saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from domain.alerts.incidents import ClockStep, Incidents
from domain.alerts.messages import Outbox
from domain.backoff import SourceFailures
from domain.upkeep import FileTrouble, MissingDatabase, Quarantine, Step, StepRecord

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class State(Protocol):
    """Small JSON objects by key, such as found addresses. Processes may share it."""

    def get(self, key: str) -> Mapping[str, Json]:
        """Return what was last saved under the key, or nothing."""
        ...

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        """Save the value under the key, in place of what was there."""
        ...


class BackoffState(Protocol):
    """The failures of each source since its last success."""

    def failures(self, source: str) -> SourceFailures: ...

    def save_failures(self, source: str, failures: SourceFailures) -> None: ...


class AlertState(Protocol):
    """The incidents, and the notifications that have not been sent."""

    def incidents(self) -> Incidents: ...

    def save_incidents(self, incidents: Incidents) -> None: ...

    def outbox(self) -> Outbox: ...

    def save_outbox(self, outbox: Outbox) -> None: ...

    def clock_faults(self) -> Mapping[str, datetime]:
        """Return the future slot of each source that an incident has reported."""
        ...

    def save_clock_faults(self, slots: Mapping[str, datetime]) -> None: ...

    def clock_step(self) -> ClockStep | None:
        """Return when a process noticed last that the clock was set back."""
        ...

    def save_clock_step(self, step: ClockStep) -> None: ...

    def has_ping_failure(self) -> bool: ...

    def save_ping_failure(self, since: datetime, error: str) -> None: ...

    def clear_ping_failure(self) -> None: ...

    def last_run(self, step: Step) -> StepRecord | None: ...

    def quarantine(self) -> Quarantine | None: ...

    def missing_database(self) -> MissingDatabase | None: ...

    def file_trouble(self) -> FileTrouble | None: ...

    def forget_file_trouble(self) -> None: ...


class UpkeepState(Protocol):
    """The last run of each step of the upkeep, and whether the last process ended cleanly."""

    def last_run(self, step: Step) -> StepRecord | None: ...

    def save_run(self, step: Step, record: StepRecord) -> None: ...

    def quarantine(self) -> Quarantine | None:
        """Return the damaged database that was set aside last."""
        ...

    def missing_database(self) -> MissingDatabase | None:
        """Return the database that is missing now, or whose loss has not been accepted."""
        ...

    def is_running(self) -> bool:
        """Return whether a process has started and not stopped cleanly."""
        ...

    def save_start(self, at: datetime) -> None: ...

    def save_clean_stop(self) -> None: ...
