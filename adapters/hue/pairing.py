"""Pair with a new bridge: check its identity and ask it for a key."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import attrs

from adapters.hue.bridge import BridgeOpener, Identity
from adapters.hue.calls import BridgeCalls, Call
from adapters.hue.connecting import Address, parse_address
from adapters.hue.errors import (
    ReadFailed,
    RedirectedToHttps,
    another_bridge,
    has_https,
    no_bridge,
    root_cause,
    transport_error,
)
from adapters.hue.tls import Leaf, Pinned, Proof, SignedBy
from domain.errors import CredentialsRefused, SourceError, SourceRefused, SourceThrottled, SourceUnavailable
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
        try:
            return await self._calls.run(
                lambda call: self._meet(call, parsed, expected_id, pin), self._clock.elapsed_s() + _TIMEOUT_S
            )
        except SourceUnavailable as error:
            if not isinstance(error.__cause__, TimeoutError):
                raise
            raise _no_answer(parsed, f"nothing complete within {_TIMEOUT_S:g} s") from error

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
        """Meet the bridge over HTTPS; where nothing speaks TLS, a bridge without HTTPS."""
        if address.is_plain:
            return self._meet_plain(call, address, expected_id)
        try:
            leaf, error = self._fetch_leaf(call, address)
        except ConnectionRefusedError as refused:
            if address.port is not None:
                raise _no_answer(address, refused) from refused
            return self._meet_plain(call, address, expected_id)
        except (OSError, ValueError) as failed:
            raise _no_answer(address, failed) from failed
        if leaf.sha256 != pin and error is None:
            if leaf.common_name is None:
                raise SourceRefused(f"the certificate at {address.place} does not name a bridge")
            proof = SignedBy(self._roots, leaf.common_name)
            identity = call.open(address.url("https"), proof).identity(call.deadline_s)
            return _verified(address.place, attrs.evolve(identity, bridge_id=leaf.common_name), expected_id)
        identity = self._identity(call, address, Pinned(leaf.sha256))
        _check_id(address.place, identity, leaf.common_name)
        if leaf.sha256 == pin:
            return attrs.evolve(_verified(address.place, identity, expected_id), certificate_sha256=pin)
        if error is not None and error.verify_code not in _NO_KNOWN_ROOT:
            raise transport_error(error, address.place) from error
        met = _verified(address.place, identity, expected_id)
        return UnverifiedBridge(
            address=met.address,
            bridge_id=met.bridge_id,
            name=met.name,
            model=met.model,
            certificate_sha256=leaf.sha256,
        )

    def _fetch_leaf(self, call: Call, address: Address) -> tuple[Leaf, ssl.SSLCertVerificationError | None]:
        """Return the certificate, and why the roots do not vouch for it. Raise OSError without one."""
        try:
            return call.fetch_leaf(address.host, address.port, self._roots), None
        except ssl.SSLCertVerificationError as error:
            return call.fetch_leaf(address.host, address.port, None), error

    def _meet_plain(self, call: Call, address: Address, expected_id: str | None) -> VerifiedBridge:
        """Meet without encryption only a bridge that has no HTTPS."""
        identity = self._identity(call, address, None)
        if identity.has_https:
            raise has_https(address.place)
        return attrs.evolve(_verified(address.url("http"), identity, expected_id), is_encrypted=False)

    def _identity(self, call: Call, address: Address, proof: Proof | None) -> Identity:
        """Return the identity of an unproved device. Raise SourceRefused if that is no bridge."""
        try:
            identity = call.open(address.url("http" if proof is None else "https"), proof).identity(
                call.deadline_s
            )
        except SourceThrottled:
            raise
        except SourceError as error:
            if isinstance(error, RedirectedToHttps) and address.is_plain:
                raise
            if isinstance(error, SourceUnavailable) and not isinstance(error, ReadFailed):
                raise _no_answer(address, root_cause(error)) from error
            raise no_bridge(address.place, _answer(error)) from error
        if not identity.is_bridge:
            raise no_bridge(address.place, identity.description)
        return identity


def _verified(address: str, identity: Identity, expected_id: str | None) -> VerifiedBridge:
    _check_id(address, identity, expected_id)
    return VerifiedBridge(
        address=address,
        bridge_id=identity.bridge_id or "",
        name=identity.name or "Hue bridge",
        model=identity.model or "unknown model",
    )


def _check_id(address: str, identity: Identity, wanted_id: str | None) -> None:
    if wanted_id not in (None, identity.bridge_id):
        raise another_bridge(address, identity.bridge_id or "one without an id", wanted_id or "")


def _answer(error: SourceError) -> str:
    """Describe the answer of a device that is no bridge; the errors' own words are about a bridge."""
    if status := re.search("HTTP [0-9]+", str(error)):
        return f"it answers with {status[0]}"
    return "it answers with an error" if isinstance(error, CredentialsRefused) else str(error)


def _no_answer(address: Address, error: object) -> SourceUnavailable:
    reason = getattr(error, "strerror", None) or error
    return SourceUnavailable(
        f"no Hue bridge answers at {address.place} ({reason}). Switch it on, look up its address in the Hue "
        "app (Settings, My Hue system, the bridge, the i), or run `homeclimate setup` without --address"
    )
