"""Setting up a home: find bridges, pair with them, and sign in to an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class CodePair:
    """A code that a person types on a page, and how long it is valid; poll at most every `interval_s`."""

    public_code: str
    private_code: str = attrs.field(repr=False)
    page: str
    expires_in_s: float
    interval_s: float


@attrs.frozen
class Pending:
    """The code has not been typed yet."""


@attrs.frozen(kw_only=True)
class Linked:
    """Signed in. The refresh token is valid until it is revoked."""

    refresh_token: str = attrs.field(repr=False)
    access_token: str = attrs.field(repr=False)


@attrs.frozen
class Refused:
    """The sign-in failed; `reason` is for a person."""

    reason: str


class AccountLinking(Protocol):
    """Registers this program with an account, always as the same device. Must not block the event loop."""

    async def begin(self) -> CodePair:
        """Return a new code. Raise SourceError."""
        ...

    async def poll(self, pair: CodePair) -> Pending | Linked | Refused:
        """Return whether the code has been typed. After a SourceError polling may go on."""
        ...


@attrs.frozen(kw_only=True)
class AnnouncedBridge:
    """A bridge as it was announced, unverified. `bridge_id` is in lower case."""

    address: str
    bridge_id: str | None = None
    model: str | None = None


class BridgeFinder(Protocol):
    """Finds the bridges of a home. Blocks."""

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:
        """Return each announced bridge once, ordered by id, after `timeout_s` at most.

        With a `bridge_id`, return as soon as that one is found; others may be included. Raise SourceError if
        the search is impossible.
        """
        ...


@attrs.frozen(kw_only=True)
class VerifiedBridge:
    """A bridge that has proved that it is the one with this id.

    `certificate_sha256` is the pin that the proof rests on, None if the vendor's roots vouch for it.
    `is_encrypted` is False only for a bridge without HTTPS, which cannot prove anything.
    """

    address: str
    bridge_id: str
    name: str
    model: str
    certificate_sha256: str | None = None
    is_encrypted: bool = True


@attrs.frozen(kw_only=True)
class UnverifiedBridge:
    """A host with a self-signed certificate that claims to be a bridge with this id, name and model."""

    address: str
    bridge_id: str
    name: str
    model: str
    certificate_sha256: str


class BridgePairing(Protocol):
    """Pairs with one bridge at a time. Raises `SourceError`; must not block the event loop."""

    async def identify(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> VerifiedBridge | UnverifiedBridge:
        """Return the bridge that answers at the address.

        `pin` is the fingerprint of the certificate that a person trusts, signed or not. Raise SourceRefused
        for what is no bridge, for another bridge than the expected one, and for one that has HTTPS if HTTP is
        asked for; SourceUnavailable if nothing answers.
        """
        ...

    async def ask_for_key(self, bridge: VerifiedBridge) -> str | None:
        """Return a new key, or None until the bridge's button is pressed."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
