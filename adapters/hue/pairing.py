"""Pair with a new bridge: check its identity and ask it for a key."""

from __future__ import annotations

import ssl
from pathlib import Path

import attrs

from adapters.hue.bridge import BridgeOpener, Identity
from adapters.hue.calls import BridgeCalls, Call
from adapters.hue.connecting import Address, parse_address
from adapters.hue.errors import another_bridge, has_https, transport_error
from adapters.hue.tls import Pinned, Proof, SignedBy
from domain.errors import SourceGarbled, SourceRefused, SourceUnavailable
from ports.clock import Clock
from ports.setup import UnverifiedBridge, VerifiedBridge

_TIMEOUT_S = 8.0
_APPLICATION = "homeclimate"
_MAX_HOST_LENGTH = 19  # what a bridge accepts after the #
# OpenSSL's codes for a chain that ends in no known root (X509_V_ERR_..., x509_vfy.h): self-signed leaf, own
# root in the chain, issuer missing
_NO_KNOWN_ROOT = (18, 19, 20, 21)


class HuePairing:
    """Talks to one bridge at a time. `host` is this machine's name, under which the bridge lists the key."""

    def __init__(self, *, roots: Path, host: str, opener: BridgeOpener, clock: Clock) -> None:
        self._roots = roots
        self._application = f"{_APPLICATION}#{host[:_MAX_HOST_LENGTH]}"
        self._clock = clock
        self._calls = BridgeCalls(opener=opener, clock=clock, name="pair with a bridge")
        self._asked: VerifiedBridge | None = None

    async def identify(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> VerifiedBridge | UnverifiedBridge:
        """Return the bridge at an address; see `ports.setup.BridgePairing`."""
        self._calls.close()
        parsed = parse_address(address)
        return await self._calls.run(
            lambda call: self._meet(call, parsed, expected_id, pin), self._clock.elapsed_s() + _TIMEOUT_S
        )

    async def ask_for_key(self, bridge: VerifiedBridge) -> str | None:
        """Return a new key, once the button is pressed. The connection stays open for the next question."""
        if bridge != self._asked:
            self._calls.close()
            self._asked = bridge
        return await self._calls.run(
            lambda call: self._ask_for_key(call, bridge), self._clock.elapsed_s() + _TIMEOUT_S
        )

    async def close(self) -> None:
        """Close the connection."""
        self._calls.close()

    def _ask_for_key(self, call: Call, met: VerifiedBridge) -> str | None:
        bridge = call.kept
        if bridge is None:
            proof: Proof | None = None
            if met.is_encrypted:
                pin = met.certificate_sha256
                proof = SignedBy(self._roots, met.bridge_id) if pin is None else Pinned(pin)
            scheme = "https" if met.is_encrypted else "http"
            bridge = call.open(parse_address(met.address).url(scheme), proof)
        call.kept = bridge
        return bridge.create_key(self._application, call.deadline_s)

    def _meet(
        self, call: Call, address: Address, expected_id: str | None, pin: str | None
    ) -> VerifiedBridge | UnverifiedBridge:
        if address.is_plain:
            return self._meet_plain(call, address, expected_id)
        try:
            proof = self._proof(call, address, pin)
        except ConnectionRefusedError as error:
            if address.port is not None:
                raise _no_answer(address, error) from error
            return self._meet_plain(call, address, expected_id)
        except (OSError, ValueError) as error:
            raise _no_answer(address, error) from error
        if isinstance(proof, UnverifiedBridge):
            return proof
        identity = call.open(address.url("https"), proof).identity(call.deadline_s)
        if isinstance(proof, SignedBy):
            identity = attrs.evolve(identity, bridge_id=proof.bridge_id)
        return _met(address.place, identity, expected_id, pin if isinstance(proof, Pinned) else None)

    def _proof(self, call: Call, address: Address, pin: str | None) -> Proof | UnverifiedBridge:
        """Return what the certificate proves. Raise OSError if there is none."""
        if pin is not None and call.fetch_leaf(address.host, address.port, None).sha256 == pin:
            return Pinned(pin)
        try:
            leaf = call.fetch_leaf(address.host, address.port, self._roots)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code not in _NO_KNOWN_ROOT:
                raise transport_error(error, address.place) from error
            own = call.fetch_leaf(address.host, address.port, None)
            return UnverifiedBridge(
                address=address.place, bridge_id=own.common_name, certificate_sha256=own.sha256
            )
        if leaf.common_name is None:
            raise SourceRefused(f"the certificate at {address.place} does not name a bridge")
        return SignedBy(self._roots, leaf.common_name)

    def _meet_plain(self, call: Call, address: Address, expected_id: str | None) -> VerifiedBridge:
        """Meet without encryption only a bridge that has no HTTPS."""
        identity = call.open(address.url("http"), None).identity(call.deadline_s)
        if identity.has_https:
            raise has_https(address.place)
        return attrs.evolve(_met(address.url("http"), identity, expected_id), is_encrypted=False)


def _met(address: str, identity: Identity, expected_id: str | None, pin: str | None = None) -> VerifiedBridge:
    if identity.bridge_id is None:
        raise SourceGarbled(f"the device at {address} does not say which bridge it is")
    if expected_id not in (None, identity.bridge_id):
        raise another_bridge(address, identity.bridge_id, expected_id or "")
    return VerifiedBridge(
        address=address,
        bridge_id=identity.bridge_id,
        name=identity.name or "Hue bridge",
        model=identity.model or "unknown model",
        certificate_sha256=pin,
    )


def _no_answer(address: Address, error: Exception) -> SourceUnavailable:
    reason = getattr(error, "strerror", None) or error
    return SourceUnavailable(
        f"no bridge answers at {address.place} ({reason}). Switch it on, look up its address in the Hue app "
        "(Settings, My Hue system, the bridge, the i), or run homeclimate setup without --address to search"
    )
