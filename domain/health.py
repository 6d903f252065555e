"""How a deployment is: what each component answered, and what all answers come to."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

import attrs


class Status(StrEnum):
    """How a component is. One that is `skipped` was not asked, on purpose or for want of another."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class Weight(StrEnum):
    """What it means when a component fails."""

    ORDINARY = "ordinary"  # something is not as it should be
    SOURCE = "source"  # nothing comes from there; of all sources one is enough to collect
    ESSENTIAL = "essential"  # nothing can be collected


class Health(IntEnum):
    """What all answers come to, as exit codes."""

    HEALTHY = 0
    SOME_FAILED = 1
    CANNOT_COLLECT = 2


@attrs.frozen
class Answer:
    """What was seen of a component, and the exact next step for a person where it is not as it should be.

    `weight` only where this failure means more or less than the component's failures usually do.
    """

    status: Status
    summary: str
    next_step: str = ""
    weight: Weight | None = None


def passed(summary: str) -> Answer:
    """It is as it should be."""
    return Answer(Status.PASS, summary)


def warned(summary: str, next_step: str) -> Answer:
    """It will do, and could be better."""
    return Answer(Status.WARN, summary, next_step)


def failed(summary: str, next_step: str, weight: Weight | None = None) -> Answer:
    """Somebody has to act."""
    return Answer(Status.FAIL, summary, next_step, weight)


def skipped(summary: str) -> Answer:
    """It was not looked at, for that reason."""
    return Answer(Status.SKIPPED, summary)


@attrs.frozen(kw_only=True)
class ComponentResult:
    """One component's answer, and how long that took in seconds."""

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
        """See `aggregate`."""
        return aggregate(self.results)

    def count(self, status: Status) -> int:
        """How many components are so."""
        return sum(result.status is status for result in self.results)


def aggregate(results: Iterable[ComponentResult]) -> Health:
    """The worst that the answers say; warnings and what was skipped do not count against it.

    Sources that were skipped are neither usable nor in the way: only when some failed, and no other can be
    used, nothing can be collected.
    """
    results = tuple(results)
    failed = [result for result in results if result.status is Status.FAIL]
    if not failed:
        return Health.HEALTHY
    sources = [result.status for result in results if result.weight is Weight.SOURCE]
    usable = [status for status in sources if status in (Status.PASS, Status.WARN)]
    if any(result.weight is Weight.ESSENTIAL for result in failed) or (Status.FAIL in sources and not usable):
        return Health.CANNOT_COLLECT
    return Health.SOME_FAILED
