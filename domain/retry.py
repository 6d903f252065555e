"""A failed attempt, and the decision that follows it; `domain.services.retry_policy` makes it."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt that failed.

    `number` counts from 1. `elapsed_s` is the time since the first attempt began, `cost_s` the duration of
    this attempt, which the next one is expected to take too, `budget_s` the time for all attempts. `jitter`
    is a random number from 0 to 1.
    """

    number: int
    error: Exception
    elapsed_s: float
    cost_s: float
    budget_s: float
    jitter: float


@attrs.frozen
class Retry:
    """Try again after a wait, in seconds."""

    after_s: float


@attrs.frozen
class GiveUp:
    """Do not try again in this cycle."""

    reason: str


Decision = Retry | GiveUp
