"""The health of a deployment: the answer of each component, and the overall result."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

import attrs


class Status(StrEnum):
    """The status of a component; `skipped` was not checked, on purpose or because it needs another one."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
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


def skipped(reason: str) -> Answer:
    return Answer(Status.SKIPPED, reason)


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
    usable.
    """
    results = tuple(results)
    failures = [result for result in results if result.status is Status.FAIL]
    if not failures:
        return Health.HEALTHY
    sources = [result.status for result in results if result.weight is Weight.SOURCE]
    usable = [status for status in sources if status in (Status.PASS, Status.WARN)]
    if any(result.weight is Weight.ESSENTIAL for result in failures) or (
        Status.FAIL in sources and not usable
    ):
        return Health.CANNOT_COLLECT
    return Health.SOME_FAILED
