"""Code-based linking: a device shows a code, a person types it on a page, and the device gets its tokens."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import attrs

from ports.clock import Clock

EXPIRES_S = 600
POLLING_S = 3
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # nothing that looks like another
_CODE_LENGTH = 6


@attrs.define(kw_only=True)
class CodePair:
    """The code that people see, the one that only the device knows, and what became of them."""

    public_code: str
    private_code: str
    expires: datetime
    answered: str = ""  # "approved", "denied", "used"


class CodePairs:
    """All that were given out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pairs: dict[str, CodePair] = {}

    def create(self) -> CodePair:
        """A new pair."""
        pair = CodePair(
            public_code="".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH)),
            private_code=secrets.token_urlsafe(32),
            expires=self._clock.now() + timedelta(seconds=EXPIRES_S),
        )
        self._pairs[pair.public_code] = pair
        return pair

    def answer(self, public_code: str, *, approve: bool) -> bool:
        """What the person says to the code that they typed. False: there is no such code to be answered."""
        pair = self._pairs.get(public_code.strip().upper())
        if pair is None or pair.answered or self._is_over(pair):
            return False
        pair.answered = "approved" if approve else "denied"
        return True

    def outcome(self, public_code: str, private_code: str) -> str:
        """What a device is told that asks: "approved", or the error that it gets instead."""
        pair = self._pairs.get(public_code)
        if pair is None or pair.private_code != private_code or pair.answered == "used":
            return "invalid_code_pair"
        if pair.answered == "denied":
            return "access_denied"
        if self._is_over(pair):
            return "expired_token"
        if not pair.answered:
            return "authorization_pending"
        pair.answered = "used"
        return "approved"

    def _is_over(self, pair: CodePair) -> bool:
        return self._clock.now() >= pair.expires
