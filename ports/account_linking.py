"""Signing in to an account by a code that a person types elsewhere."""

from __future__ import annotations

from typing import Protocol

import attrs

from domain.values import frozen


@frozen(kw_only=True)
class CodePair:
    """What a person types, where, and how long it is good; `interval_s` is how often to poll at most."""

    public_code: str
    private_code: str = attrs.field(repr=False)
    page: str
    expires_in_s: float
    interval_s: float


@frozen
class Pending:
    """The code was not typed yet."""


@frozen(kw_only=True)
class Linked:
    """Signed in. The refresh token lasts until it is revoked."""

    refresh_token: str = attrs.field(repr=False)
    access_token: str = attrs.field(repr=False)


@frozen
class Refused:
    """It came to nothing; `reason` is for a person."""

    reason: str


class AccountLinking(Protocol):
    """Registers this program with an account, always as the same device. Must not block the event loop."""

    async def begin(self) -> CodePair:
        """A new code. Raises SourceError."""
        ...

    async def poll(self, pair: CodePair) -> Pending | Linked | Refused:
        """Whether the code was typed by now. Raises SourceError, after which polling may go on."""
        ...
