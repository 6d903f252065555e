"""Getting to know a Hue bridge, and getting a key from it."""

from __future__ import annotations

from typing import Protocol

from domain.values import frozen


@frozen(kw_only=True)
class Met:
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


@frozen(kw_only=True)
class Unproved:
    """Somebody who signed the certificate for himself; `bridge_id` is what he calls himself, if anything."""

    address: str
    bridge_id: str | None
    certificate_sha256: str


class BridgePairing(Protocol):
    """One bridge at a time, on its own network. Raises `SourceError`; must not block the event loop."""

    async def meet(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> Met | Unproved:
        """Who answers at the address.

        `pin` is the fingerprint of a certificate that a person vouches for, whoever signed it. Raises
        SourceRefused for another bridge than the expected one, and for one that has HTTPS where HTTP is asked
        for; SourceUnavailable where nobody answers.
        """
        ...

    async def ask_for_key(self, bridge: Met) -> str | None:
        """A new key; None while nobody has pressed the bridge's button."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...
