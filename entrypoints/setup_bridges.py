"""The part of the talk in which a bridge is found, and shows who it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from config.bridges import Bridge
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from domain.values import frozen
from entrypoints.person import Person
from ports.bridge_finder import Announced, BridgeFinder
from ports.bridge_pairing import BridgePairing, Met, Unproved

_LOOK_S = 5.0
_NOT_FOUND = """\
No bridge was found. Is it on, and in the same network as this computer? Then say where it is:
  homeclimate setup --address ADDRESS    (the Hue app: Settings, My Hue system, the bridge, the i)
  homeclimate setup --cloud              (asks its maker, to whom it reports where it is)"""


@frozen(kw_only=True)
class BridgeSearch:
    """Finds the one bridge that is meant. `known` are those that the home has already."""

    person: Person
    finder: BridgeFinder
    bridges: BridgePairing
    runner: asyncio.Runner
    known: Sequence[Bridge]

    def at(self, address: str, expected_id: str | None = None) -> Met | None:
        """The bridge there; None when the person would not vouch for its certificate. Raises SourceError."""
        met = self.runner.run(self.bridges.meet(address, expected_id=expected_id))
        if isinstance(met, Unproved):
            if not self._is_vouched_for(met):
                return None
            pin = met.certificate_sha256
            met = self.runner.run(self.bridges.meet(address, expected_id=expected_id, pin=pin))
            if isinstance(met, Unproved):
                raise SourceRefused("the certificate changed while it was being looked at; run this again")
        self.person.tell(_introduction(met))
        return met

    def known_one(self, bridge: Bridge) -> Met | None:
        """A bridge that the home has: where it was, else wherever it is announced now."""
        if bridge.address:
            try:
                return self.at(bridge.address, bridge.id)
            except (SourceUnavailable, SourceRefused) as error:
                self.person.warn(str(error))
        return self.any_one(bridge.id)

    def any_one(self, bridge_id: str | None = None) -> Met | None:
        """The bridge that is announced, or that the person chooses; None when there is none."""
        self.person.tell(f"Looking for Hue bridges, {_LOOK_S:g} s at most ...")
        announced = self._announced(bridge_id)
        if not announced:
            self.person.warn(_NOT_FOUND)
            return None
        chosen = announced[0] if len(announced) == 1 else self._chosen(announced)
        return self.at(chosen.address, chosen.bridge_id) if chosen else None

    def _announced(self, bridge_id: str | None) -> Sequence[Announced]:
        try:
            announced = self.finder.find(_LOOK_S, bridge_id)
        except SourceError as error:
            self.person.warn(str(error))
            return ()
        return [one for one in announced if bridge_id in (None, one.bridge_id)]

    def _chosen(self, announced: Sequence[Announced]) -> Announced | None:
        self.person.tell(f"{len(announced)} bridges are here:")
        ours = {bridge.id for bridge in self.known}
        for number, one in enumerate(announced, start=1):
            note = "   (this home has it already)" if one.bridge_id in ours else ""
            model = f"  {one.model}" if one.model else ""
            self.person.tell(f"  {number}  {one.bridge_id or 'without an id'}  at {one.address}{model}{note}")
        if not self.person.can_answer:
            self.person.warn("Say which one: homeclimate setup --address ADDRESS")
            return None
        return announced[self.person.chooses("Which one", len(announced)) - 1]

    def _is_vouched_for(self, unproved: Unproved) -> bool:
        """Whether its certificate is pinned already, or the person says that this is the bridge."""
        fingerprint = unproved.certificate_sha256
        pins = {bridge.certificate_sha256: bridge.id for bridge in self.known if bridge.certificate_sha256}
        if fingerprint in pins:
            return True
        self.person.tell(
            f"What answers at {unproved.address} signed its certificate itself, as older bridges do, so "
            f"nobody vouches for it. The fingerprint (SHA-256):\n  {_in_pairs(fingerprint)}"
        )
        if unproved.bridge_id in pins.values():
            self.person.warn("It is NOT the certificate that config.yaml pins for this bridge.")
        if not self.person.can_answer:
            self.person.warn("Nobody is here to say whether it is the right one: run this at a terminal.")
            return False
        return self.person.agrees(
            "Is it your bridge, and shall only this certificate be accepted from now on?", default=False
        )


def _introduction(met: Met) -> str:
    proof = "its certificate proves it"
    if met.certificate_sha256 is not None:
        proof = "by its pinned certificate"
    if not met.is_encrypted:
        proof = "it has no HTTPS: whoever is in your network can read its key"
    return f"{met.name} ({met.model}), {met.bridge_id}, at {met.address}: {proof}."


def _in_pairs(fingerprint: str) -> str:
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()
