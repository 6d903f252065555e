"""Meets a bridge that is not known yet, and asks it for a key."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs

from adapters.hue.address import Address, address_of
from adapters.hue.bridge import Call, Identity, OpenBridge, Reached
from adapters.hue.errors import CertificateRefused, another_bridge, certificate_refusal, has_https
from adapters.hue.tls import Pinned, Proof, SignedBy
from adapters.runtime.threads import in_daemon_thread
from domain.errors import SourceGarbled, SourceRefused, SourceUnavailable
from ports.clock import Clock
from ports.setup import UnverifiedBridge, VerifiedBridge

_ANSWER_S = 8.0  # a bridge on the own network that takes longer is in trouble
_APPLICATION = "homeclimate"
_LONGEST_HOST = 19  # characters that a bridge takes after the #
# OpenSSL's words for a chain that ends in no root that is known here (X509_V_ERR_..., x509_vfy.h): the leaf
# signed itself, a root of its own came along, or none did.
_SIGNED_BY_NOBODY_KNOWN = (18, 19, 20, 21)

T = TypeVar("T")


class HuePairing:
    """Speaks to one bridge at a time, in a daemon thread whose sockets are shut when nobody waits any more.

    `host` is this machine's name, under which the bridge lists the key.
    """

    def __init__(self, *, roots: Path, host: str, open_bridge: OpenBridge, clock: Clock) -> None:
        self._roots = roots
        self._application = f"{_APPLICATION}#{host[:_LONGEST_HOST]}"
        self._open_bridge = open_bridge
        self._clock = clock
        self._asked: VerifiedBridge | None = None
        self._kept: Reached | None = None

    async def meet(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> VerifiedBridge | UnverifiedBridge:
        """Who answers there; see `ports.setup.BridgePairing`."""
        await self.close()
        return await self._in_time(lambda call: self._met(call, address_of(address), expected_id, pin))

    async def ask_for_key(self, bridge: VerifiedBridge) -> str | None:
        """A new key, once the button is pressed. The connection stays open for the next question."""
        if bridge != self._asked:
            await self.close()
            self._asked = bridge
        return await self._in_time(lambda call: self._key(call, bridge))

    async def close(self) -> None:
        """Let go of the connection."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.bridge.close()

    async def _in_time(self, work: Callable[[Call], T]) -> T:
        deadline_s = self._clock.elapsed_s() + _ANSWER_S
        call = Call(open_bridge=self._open_bridge, kept=self._kept, deadline_s=deadline_s, clock=self._clock)
        self._kept = None

        def run() -> T:
            try:
                return work(call)
            finally:
                call.end()

        try:
            return await in_daemon_thread(run, "pair with a bridge")
        except asyncio.CancelledError:
            call.abandon()
            raise
        finally:
            self._kept = call.kept

    def _key(self, call: Call, met: VerifiedBridge) -> str | None:
        reached = call.kept
        if reached is None:
            address = address_of(met.address)
            scheme = "https" if met.is_encrypted else "http"
            reached = Reached(bridge=call.bridge(address.url(scheme), self._proof_of(met)), offers_v2=False)
        call.keep(reached)
        return reached.bridge.new_key(self._application, call.deadline_s)

    def _proof_of(self, met: VerifiedBridge) -> Proof | None:
        if not met.is_encrypted:
            return None
        if met.certificate_sha256 is not None:
            return Pinned(certificate_sha256=met.certificate_sha256)
        return SignedBy(roots=self._roots, bridge_id=met.bridge_id)

    def _met(
        self, call: Call, address: Address, expected_id: str | None, pin: str | None
    ) -> VerifiedBridge | UnverifiedBridge:
        if address.is_plain:
            return self._met_plain(call, address, expected_id)
        try:
            proof = self._proof(call, address, pin)
        except ConnectionRefusedError as error:
            if address.port is not None:
                raise _nobody(address, error) from error
            return self._met_plain(call, address, expected_id)
        except (OSError, ValueError) as error:
            raise _nobody(address, error) from error
        if isinstance(proof, UnverifiedBridge):
            return proof
        identity = call.bridge(address.url("https"), proof).identity(call.deadline_s)
        if isinstance(proof, SignedBy):
            identity = attrs.evolve(identity, bridge_id=proof.bridge_id)
        return _met_as(address.place, identity, expected_id, pin if isinstance(proof, Pinned) else None)

    def _proof(self, call: Call, address: Address, pin: str | None) -> Proof | UnverifiedBridge:
        """What the certificate there proves. Raises OSError where none can be had."""
        if pin is not None and call.leaf(address, None).sha256 == pin:
            return Pinned(certificate_sha256=pin)
        try:
            leaf = call.leaf(address, self._roots)
        except ssl.SSLCertVerificationError as error:
            if error.verify_code not in _SIGNED_BY_NOBODY_KNOWN:
                raise CertificateRefused(certificate_refusal(error)) from error
            own = call.leaf(address, None)
            return UnverifiedBridge(
                address=address.place, bridge_id=own.common_name, certificate_sha256=own.sha256
            )
        if leaf.common_name is None:
            raise SourceRefused(f"the certificate at {address.place} does not name a bridge")
        return SignedBy(roots=self._roots, bridge_id=leaf.common_name)

    def _met_plain(self, call: Call, address: Address, expected_id: str | None) -> VerifiedBridge:
        """Without encryption, only a bridge that cannot do better."""
        identity = call.bridge(address.url("http"), None).identity(call.deadline_s)
        if identity.has_https:
            raise has_https(address.place)
        return attrs.evolve(_met_as(address.url("http"), identity, expected_id), is_encrypted=False)


def _met_as(
    address: str, identity: Identity, expected_id: str | None, pin: str | None = None
) -> VerifiedBridge:
    if identity.bridge_id is None:
        raise SourceGarbled(f"what answers at {address} does not say which bridge it is")
    if expected_id not in (None, identity.bridge_id):
        raise another_bridge(address, identity.bridge_id, expected_id or "")
    return VerifiedBridge(
        address=address,
        bridge_id=identity.bridge_id,
        name=identity.name or "Hue bridge",
        model=identity.model or "unknown model",
        certificate_sha256=pin,
    )


def _nobody(address: Address, error: Exception) -> SourceUnavailable:
    return SourceUnavailable(
        f"no bridge answers at {address.place} ({getattr(error, 'strerror', None) or error}): is it on, and "
        "on this network?"
    )
