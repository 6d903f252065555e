"""Signing in to an account by a code that a person types elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class CodePair:
    """What a person types, where, and how long it is good; `interval_s` is how often to poll at most."""

    public_code: str
    private_code: str = attrs.field(repr=False)
    page: str
    expires_in_s: float
    interval_s: float


@attrs.frozen
class Pending:
    """The code was not typed yet."""


@attrs.frozen(kw_only=True)
class Linked:
    """Signed in. The refresh token lasts until it is revoked."""

    refresh_token: str = attrs.field(repr=False)
    access_token: str = attrs.field(repr=False)


@attrs.frozen
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


# Looking for the Hue bridges of a home.


@attrs.frozen(kw_only=True)
class AnnouncedBridge:
    """A bridge as it was announced: nothing of it is proved. `bridge_id` is in lower case."""

    address: str
    bridge_id: str | None = None
    model: str | None = None


class BridgeFinder(Protocol):
    """Asks whoever may know where bridges are. Blocks."""

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:
        """The bridges that are announced, each once, in the order of their ids; after `timeout_s` at most.

        With a `bridge_id` it returns as soon as that one is found; others may come along. Raises SourceError
        when nobody can be asked.
        """
        ...


# Getting to know a Hue bridge, and getting a key from it.


@attrs.frozen(kw_only=True)
class VerifiedBridge:
    """A bridge that has proved to be the one with this id.

    `certificate_sha256` is the pin that the proof rests on, None where Signify's roots vouch for it.
    `is_encrypted` is False only for a bridge that has no HTTPS; then it could not prove anything.
    """

    address: str
    bridge_id: str
    name: str
    model: str
    certificate_sha256: str | None = None
    is_encrypted: bool = True


@attrs.frozen(kw_only=True)
class UnverifiedBridge:
    """Somebody who signed the certificate for himself; `bridge_id` is what he calls himself, if anything."""

    address: str
    bridge_id: str | None
    certificate_sha256: str


class BridgePairing(Protocol):
    """One bridge at a time, on its own network. Raises `SourceError`; must not block the event loop."""

    async def meet(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> VerifiedBridge | UnverifiedBridge:
        """Who answers at the address.

        `pin` is the fingerprint of a certificate that a person vouches for, whoever signed it. Raises
        SourceRefused for another bridge than the expected one, and for one that has HTTPS where HTTP is asked
        for; SourceUnavailable where nobody answers.
        """
        ...

    async def ask_for_key(self, bridge: VerifiedBridge) -> str | None:
        """A new key; None while nobody has pressed the bridge's button."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...
