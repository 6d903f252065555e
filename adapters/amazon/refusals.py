"""Remembers refusals of a refresh token: for good only when it was refused twice, a minute apart."""

from __future__ import annotations

from datetime import datetime, timedelta

from adapters.amazon.token_endpoint import RefreshTokenRefused
from adapters.amazon.trouble import NoTokenYet
from adapters.json_reply import instant, text
from domain.errors import CredentialsRefused
from ports.state import State

SIGN_IN_AGAIN = (
    "sign in again with `homeclimate setup amazon`, or put a new token into config/secrets.yaml under "
    "amazon_aqm: refresh_token (docs/how-to/connect-an-air-quality-monitor.md)"
)
APART = timedelta(seconds=60)
# A token that was refused for good is tried this rarely: a little less than the hour for which its source is
# left in peace then, or else the question after that hour would come moments too early, and be for nothing.
PROBE_AFTER = timedelta(minutes=55)
_KEY = "amazon.refusal"


class Refusals:
    """The memory of one refresh token's refusals; `token_mark` tells it from others, and nothing of it."""

    def __init__(self, *, state: State, token_mark: str) -> None:
        self._state = state
        self._token_mark = token_mark

    def forbid(self, now: datetime) -> None:
        """Raise what is already known, where asking again is too early to tell more."""
        kept = self._state.get(_KEY)
        first, last = instant(kept.get("first_at")), instant(kept.get("last_at"))
        if kept.get("of") != self._token_mark or first is None or last is None:
            return
        code = text(kept.get("code")) or ""
        if kept.get("for_good") is True:
            if timedelta() <= now - last < PROBE_AFTER:
                raise _for_good(code)
        elif timedelta() <= now - last < APART:
            raise _not_yet(code)

    def note(self, refused: RefreshTokenRefused, now: datetime) -> NoTokenYet | CredentialsRefused:
        """Remember a refusal; the error that it amounts to."""
        kept = self._state.get(_KEY)
        first = instant(kept.get("first_at")) if kept.get("of") == self._token_mark else None
        if first is None or first > now:  # of another token, or by a clock that was stepped back
            first = now
        is_for_good = now - first >= APART
        self._state.put(
            _KEY,
            {
                "of": self._token_mark,
                "code": refused.code[:40],
                "first_at": first.isoformat(),
                "last_at": now.isoformat(),
                "for_good": is_for_good,
            },
        )
        return _for_good(refused.code) if is_for_good else _not_yet(refused.code)

    def forget(self) -> None:
        """The token is good after all."""
        if self._state.get(_KEY):
            self._state.put(_KEY, {})


def _for_good(code: str) -> CredentialsRefused:
    return CredentialsRefused(f"{RefreshTokenRefused(code)}, and not for the first time: {SIGN_IN_AGAIN}")


def _not_yet(code: str) -> NoTokenYet:
    # the wait is longer than any cycle's budget, so that nobody counts an attempt that asks nothing
    return NoTokenYet(
        f"{RefreshTokenRefused(code)}; it is tried once more before that is believed",
        retry_after_s=APART.total_seconds(),
    )
