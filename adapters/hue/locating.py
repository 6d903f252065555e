"""Finds the way to a bridge that proves to be the right one: over HTTPS, or plain where it has none."""

from __future__ import annotations

import ssl
from pathlib import Path

import attrs

from adapters.http.lenient_json import Json, flag, text
from adapters.hue.address import Address, address_of
from adapters.hue.bridge import Call, Identity, Reached
from adapters.hue.errors import (
    CertificateRefused,
    another_bridge,
    certificate_refusal,
    has_https,
    how_to_pin,
    root_of,
)
from adapters.hue.tls import Pinned, Proof, SignedBy
from domain.errors import SourceGarbled, SourceRefused, SourceUnavailable
from ports.state import State


@attrs.frozen(kw_only=True)
class Reach:
    """Reaches one bridge. Without a `bridge_id` its certificate says it, once, and it is remembered."""

    address: str
    bridge_id: str | None
    certificate_sha256: str | None
    roots: Path
    state: State

    def bridge(self, call: Call) -> Reached:
        """A bridge that has proved its identity.

        Raises SourceRefused for a wrong certificate or another bridge, SourceUnavailable where nobody
        answers.
        """
        address = address_of(self.address)
        if address.is_plain:
            return self._plain(address, call)
        try:
            return self._encrypted(address, call)
        except CertificateRefused as refused:
            raise self._explained(refused, address, call) from refused
        except SourceUnavailable as unavailable:
            if not self._may_be_plain(address, unavailable):
                raise
            return self._plain(address, call)

    def learned_id(self) -> str | None:
        """The id that the certificate at the address has told before."""
        return text(self._remembered(address_of(self.address)), "bridge_id") if self.address else None

    def _encrypted(self, address: Address, call: Call) -> Reached:
        proof = self._proof(address, call)
        bridge = call.bridge(address.url("https"), proof)
        try:
            identity: Identity | None = bridge.identity(call.deadline_s)
        except SourceGarbled:  # the certificate has proved enough; the reads will show what the bridge can do
            identity = None
        self._refuse_another(identity)
        known_id = proof.bridge_id if isinstance(proof, SignedBy) else self.bridge_id
        self._remember(_memory_of(address), {"bridge_id": known_id, "has_https": True})
        if known_id:
            self._remember(_memory_of_id(known_id), {"has_https": True})
        return Reached(bridge=bridge, offers_v2=identity is None or identity.has_v2)

    def _proof(self, address: Address, call: Call) -> Proof:
        if self.certificate_sha256:
            return Pinned(certificate_sha256=self.certificate_sha256)
        bridge_id = self._known_id(address) or self._learned_id(address, call)
        return SignedBy(roots=self.roots, bridge_id=bridge_id)

    def _learned_id(self, address: Address, call: Call) -> str:
        """The id on a leaf that the roots signed; without an id in the files this is the first trust."""
        try:
            leaf = call.leaf(address, self.roots)
        except ssl.SSLCertVerificationError as error:
            raise CertificateRefused(certificate_refusal(error)) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceUnavailable(
                f"no bridge answers at {self.address} ({reason})", endpoint=f"TLS {self.address}"
            ) from error
        if leaf.common_name is None:
            raise SourceRefused(
                f"the certificate at {self.address} does not name its bridge: set hue: bridge_id in "
                "config/secrets.yaml"
            )
        return leaf.common_name

    def _plain(self, address: Address, call: Call) -> Reached:
        """Without encryption, only to a bridge that cannot do better: its key is there for all to read."""
        if self.certificate_sha256 or self._was_encrypted(address):
            raise has_https(self.address)
        bridge = call.bridge(address.url("http"), None)
        identity = bridge.identity(call.deadline_s)
        self._refuse_another(identity)
        if identity.has_https:
            raise has_https(self.address)
        return Reached(bridge=bridge, offers_v2=False)

    def _may_be_plain(self, address: Address, unavailable: SourceUnavailable) -> bool:
        """Nobody listens for HTTPS at the usual port, and this bridge never did before."""
        if address.port is not None or self.certificate_sha256 or self._was_encrypted(address):
            return False
        return isinstance(root_of(unavailable), ConnectionRefusedError)

    def _refuse_another(self, identity: Identity | None) -> None:
        found = identity.bridge_id if identity else None
        if self.bridge_id and found and found != self.bridge_id.lower():
            raise another_bridge(self.address, found, self.bridge_id)

    def _explained(self, refused: SourceRefused, address: Address, call: Call) -> SourceRefused:
        """The refusal with what stands at the address instead, and what to do."""
        try:
            leaf = call.leaf(address, None)
        except (OSError, ValueError):
            return refused
        known_id = self._known_id(address)
        if known_id and leaf.common_name and leaf.common_name != known_id:
            return another_bridge(self.address, leaf.common_name, known_id)
        return how_to_pin(
            refused,
            self.address,
            known_id or leaf.common_name,
            leaf,
            is_pinned=self.certificate_sha256 is not None,
        )

    def _known_id(self, address: Address) -> str | None:
        return (self.bridge_id or text(self._remembered(address), "bridge_id") or "").lower() or None

    def _was_encrypted(self, address: Address) -> bool:
        """Whether this bridge, or whichever stood there when no id was known, answered over HTTPS before."""
        memory = self._remembered(address)
        known_id = self._known_id(address)
        if known_id and flag(dict(self.state.get(_memory_of_id(known_id))), "has_https"):
            return True  # wherever that was
        return text(memory, "bridge_id") in (None, known_id) and flag(memory, "has_https") is True

    def _remembered(self, address: Address) -> dict[str, Json]:
        return dict(self.state.get(_memory_of(address)))

    def _remember(self, key: str, memory: dict[str, Json]) -> None:
        if self.state.get(key) != memory:
            self.state.put(key, memory)


def _memory_of(address: Address) -> str:
    return f"hue.reach.{address.place}"


def _memory_of_id(bridge_id: str) -> str:
    return f"hue.bridge.{bridge_id.lower()}"
