"""Refusals of a refresh token, and what a collector may conclude from them."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

# A refused refresh token counts as refused for good at the second time, so much later.
_BETWEEN_REFUSALS = timedelta(seconds=60)
_LONGEST_CYCLE = timedelta(seconds=30)


@attrs.frozen(kw_only=True)
class Refusal:
    """Since when a refresh token has been refused, and whether for good: again, a minute later.

    `is_unsure` if the collector was killed after one of the refusals.
    """

    since: datetime | None = None
    is_final: bool = False
    is_unsure: bool = False

    def after(self, now: datetime) -> Refusal:
        """Return it after one more refusal; a clock that was set back starts again."""
        since = now if self.since is None or self.since > now else self.since
        return attrs.evolve(self, since=since, is_final=now - since >= _BETWEEN_REFUSALS)

    def is_too_new(self, now: datetime) -> bool:
        """Return whether a cycle that ends now began before the token was to be tried once more."""
        if self.since is None or self.is_final:
            return False
        return timedelta() <= now - self.since < _BETWEEN_REFUSALS + _LONGEST_CYCLE
