"""The health of a deployment: what is checked, the answer of each component, and the overall result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum

import attrs

# In the order of a report. With several bridges there is a component hue:ID for each.
COMPONENTS: Mapping[str, str] = {
    "configuration": "config.yaml is valid, has no unknown keys, and enables a source",
    "environment": "Python, its virtual environment, and the locked packages",
    "secrets": "secrets.yaml has what the sources need, and is private",
    "database": "a reading can be written, and rolled back",
    "locks": "the locks of the sources can be opened",
    "database_place": "the folder of the database is local and not synchronised",
    "wal": "journal mode and write-ahead log of the database",
    "sqlite": "version of SQLite",
    "last_check": "result of the last daily check of every row",
    "backups": "a backup was made lately, and one is on the second disk if there is one",
    "disk": "free space",
    "logs": "the log can be written, and its folder is within its limit",
    "spool": "no cycle waits to be stored, and one could",
    "files": "the state, the alert file and the backups can be written",
    "alert_file": "no file asks a person to act",
    "clock": "the time is plausible",
    "last_cycle": "a collector runs, and its cycles are recent",
    "service": "an installed service is active",
    "mail": "mail can be sent (only with --send-test-mail)",
    "hue": "each bridge proves its identity and answers",
    "amazon": "the account answers with its monitors",
}
DEFAULT_TIMEOUT_S = 15.0
SHORTEST_TIMEOUT_S = 1.0
LONGEST_TIMEOUT_S = 600.0
_LEAST_SHARE = 1 / 3  # for probes, however long a busy machine takes to start the program
_ANSWERS_SHARE = 14 / 15  # the rest is for reporting what has not answered, and for the exit


@attrs.frozen(kw_only=True)
class HealthRequest:
    """What to check, and in what time. An empty `only` means all components."""

    only: tuple[str, ...] = ()
    is_offline: bool = False
    sends_test_mail: bool = False
    timeout_s: float = DEFAULT_TIMEOUT_S

    @property
    def answers_s(self) -> float:
        """How long probes have to answer."""
        return self.timeout_s * _ANSWERS_SHARE

    def after(self, passed_s: float) -> HealthRequest:
        """Return the request with the time that is left of its timeout, or the least that probes need."""
        least_s = max(self.timeout_s * _LEAST_SHARE, SHORTEST_TIMEOUT_S)
        return attrs.evolve(self, timeout_s=max(self.timeout_s - passed_s, least_s))

    def wants(self, component: str) -> bool:
        """Return whether the component was requested; `hue` means every bridge."""
        return not self.only or component in self.only or component.partition(":")[0] in self.only


class Status(StrEnum):
    """The status of a component.

    `skipped` was not checked, on purpose or because it needs another one; `unknown` should have been, and the
    time did not suffice.
    """

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Weight(StrEnum):
    """What the failure of a component means."""

    ORDINARY = "ordinary"  # something is wrong
    SOURCE = "source"  # this source gives no readings; one usable source is enough to collect
    ESSENTIAL = "essential"  # nothing can be collected


class Health(IntEnum):
    """The overall result; the numbers are exit codes."""

    HEALTHY = 0
    SOME_FAILED = 1
    CANNOT_COLLECT = 2


@attrs.frozen
class Answer:
    """The state of a component, and the exact next step for a person where something is wrong.

    `weight` is set where this failure means more or less than usual for the component.
    """

    status: Status
    summary: str
    next_step: str = ""
    weight: Weight | None = None


def passed(summary: str) -> Answer:
    return Answer(Status.PASS, summary)


def warned(summary: str, next_step: str) -> Answer:
    return Answer(Status.WARN, summary, next_step)


def failed(summary: str, next_step: str, weight: Weight | None = None) -> Answer:
    return Answer(Status.FAIL, summary, next_step, weight)


def skipped(reason: str, weight: Weight | None = None) -> Answer:
    return Answer(Status.SKIPPED, reason, weight=weight)


@attrs.frozen(kw_only=True)
class ComponentResult:
    """The answer of one component, and how long it took."""

    component: str
    status: Status
    summary: str
    next_step: str = ""
    weight: Weight = Weight.ORDINARY
    duration_s: float = 0.0


@attrs.frozen
class HealthReport:
    """All answers, in the order of the components."""

    results: tuple[ComponentResult, ...]

    @property
    def health(self) -> Health:
        return aggregate(self.results)

    def count(self, status: Status) -> int:
        """Return how many components have this status."""
        return sum(result.status is status for result in self.results)


def aggregate(results: Iterable[ComponentResult]) -> Health:
    """Return the overall result; warnings and skipped components do not count.

    Nothing can be collected if an essential component failed, or if sources failed and no other one is
    usable. What is unknown is not healthy, but has not failed.
    """
    results = tuple(results)
    failures = [result for result in results if result.status is Status.FAIL]
    if not failures:
        is_complete = all(result.status is not Status.UNKNOWN for result in results)
        return Health.HEALTHY if is_complete else Health.SOME_FAILED
    sources = [result.status for result in results if result.weight is Weight.SOURCE]
    usable = [status for status in sources if status in (Status.PASS, Status.WARN, Status.UNKNOWN)]
    if any(result.weight is Weight.ESSENTIAL for result in failures) or (
        Status.FAIL in sources and not usable
    ):
        return Health.CANNOT_COLLECT
    return Health.SOME_FAILED
