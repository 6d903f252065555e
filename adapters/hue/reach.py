"""Finds the way to a bridge that proves to be the right one: over HTTPS, or plain where it has none."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import attrs

from adapters.hue.address import Address, address_of
from adapters.hue.bridge import Bridge, Identity
from adapters.hue.tls import Leaf, Pinned, Proof, SignedBy, leaf_at
from adapters.json_reply import text
from domain.errors import SourceGarbled, SourceRefused, SourceUnavailable
from ports.state import State

_HANDSHAKE_S = 5.0

OpenBridge = Callable[[str, Proof | None], Bridge]


@attrs.frozen(kw_only=True)
class Reach:
    """Reaches one bridge. Without a `bridge_id` its certificate says it, once, and it is remembered."""

    address: str
    bridge_id: str | None
    certificate_sha256: str | None
    roots: Path
    state: State

    def bridge(self, opened: OpenBridge, deadline_s: float) -> tuple[Bridge, Identity | None]:
        """A bridge that has proved its identity, and what it says of itself, where it says anything.

        `opened` makes one of a base URL and the proof that its certificate must give. Raises SourceRefused
        for a wrong certificate or another bridge, SourceUnavailable where nobody answers.
        """
        address = address_of(self.address)
        if address.is_plain:
            return self._plain(address, opened, deadline_s)
        try:
            return self._encrypted(address, opened, deadline_s)
        except SourceRefused as refused:
            raise self._explained(refused, address) from refused
        except SourceUnavailable as unavailable:
            if not self._may_be_plain(address, unavailable):
                raise
            return self._plain(address, opened, deadline_s)

    @property
    def _memory(self) -> str:
        return f"hue.reach.{self.address}"

    def _encrypted(
        self, address: Address, opened: OpenBridge, deadline_s: float
    ) -> tuple[Bridge, Identity | None]:
        proof = self._proof(address)
        bridge = opened(address.url("https"), proof)
        try:
            identity = bridge.identity(deadline_s)
            self._refuse_another(identity)
        except SourceGarbled:  # the certificate has proved enough; the reads will show what the bridge can do
            identity = None
        except Exception:
            bridge.close()
            raise
        known_id = proof.bridge_id if isinstance(proof, SignedBy) else self.bridge_id
        self.state.put(self._memory, {"bridge_id": known_id, "has_https": True})
        return bridge, identity

    def _proof(self, address: Address) -> Proof:
        if self.certificate_sha256:
            return Pinned(certificate_sha256=self.certificate_sha256)
        known = self.bridge_id or text(self.state.get(self._memory).get("bridge_id"))
        return SignedBy(roots=self.roots, bridge_id=known or self._learned_id(address))

    def _learned_id(self, address: Address) -> str:
        """The id on a leaf that the roots signed; without an id in the files this is the first trust."""
        try:
            leaf = leaf_at(address.host, address.port or 443, roots=self.roots, timeout_s=_HANDSHAKE_S)
        except ssl.SSLCertVerificationError as error:
            raise SourceRefused(f"the certificate is not a bridge's: {error.verify_message}") from error
        except OSError as error:
            raise SourceUnavailable(f"no bridge at {self.address}: {error.strerror or error}") from error
        if leaf.common_name is None:
            raise SourceRefused(f"the certificate at {self.address} names no bridge; set hue: bridge_id")
        return leaf.common_name

    def _plain(self, address: Address, opened: OpenBridge, deadline_s: float) -> tuple[Bridge, Identity]:
        """Without encryption, only to a bridge that cannot do better: its key is there for all to read."""
        bridge = opened(address.url("http"), None)
        try:
            identity = bridge.identity(deadline_s)
            self._refuse_another(identity)
            self._refuse_what_has_https(identity)
        except Exception:
            bridge.close()
            raise
        return bridge, identity

    def _may_be_plain(self, address: Address, unavailable: SourceUnavailable) -> bool:
        """Nobody listens for HTTPS at the usual port, and this bridge never did before."""
        refused = isinstance(_root_of(unavailable), ConnectionRefusedError)
        return refused and address.port is None and not self.state.get(self._memory).get("has_https")

    def _refuse_what_has_https(self, identity: Identity) -> None:
        if identity.has_https:
            raise SourceRefused(f"the bridge at {self.address} has HTTPS: write its address without http://")

    def _refuse_another(self, identity: Identity) -> None:
        if self.bridge_id and identity.bridge_id and identity.bridge_id != self.bridge_id.lower():
            raise self._another(identity.bridge_id)

    def _another(self, found: str) -> SourceRefused:
        return SourceRefused(
            f"another bridge answers at {self.address}: {found} instead of {self.bridge_id}; correct the "
            "address (collectors.hue.bridge_ip) or the id (hue: bridge_id in config/secrets.yaml)"
        )

    def _explained(self, refused: SourceRefused, address: Address) -> SourceRefused:
        """The refusal with what stands at the address instead, and what to do."""
        try:
            leaf = leaf_at(address.host, address.port or 443, roots=None, timeout_s=_HANDSHAKE_S)
        except OSError:
            return refused
        if self.certificate_sha256 == leaf.sha256:  # it was not the certificate that was refused
            return refused
        if self.bridge_id and leaf.common_name and leaf.common_name != self.bridge_id.lower():
            return self._another(leaf.common_name)
        known_id = self.bridge_id or leaf.common_name
        return SourceRefused(f"{refused}. {_how_to_pin(self.address, known_id, leaf)}")


def _how_to_pin(address: str, bridge_id: str | None, leaf: Leaf) -> str:
    return (
        "If you are sure that this is your bridge (older ones sign their certificate themselves), put in "
        "place of bridge_ip under collectors.hue in config/config.yaml: "
        f"bridges: [{{id: '{bridge_id or 'ITS ID'}', address: '{address}', "
        f"certificate_sha256: {leaf.sha256}}}]"
    )


def _root_of(error: BaseException) -> BaseException:
    """The innermost of the errors that led to this one."""
    seen = [error]
    while (inner := seen[-1].__cause__ or seen[-1].__context__) is not None and inner not in seen:
        seen.append(inner)
    return seen[-1]
