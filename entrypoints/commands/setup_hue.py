"""The part of the talk in which a bridge is found, and shows who it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from config.bridge_changes import changes_for, is_stranger, key_changes_for
from config.bridges import Bridge
from config.draft import Draft
from config.secrets import Secret
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SettingsError, SourceError, SourceRefused, SourceUnavailable
from domain.services.source_setup import Pairing
from entrypoints.commands.setup_steps import set_up
from entrypoints.terminal.prompts import Person
from entrypoints.terminal.reply_text import rooms
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.setup import bridge_on_trial, finder, pairing, trial
from ports.setup import AnnouncedBridge, BridgeFinder, BridgePairing, UnverifiedBridge, VerifiedBridge

_LOOK_S = 5.0
_NOT_FOUND = """\
No bridge was found. Is it on, and in the same network as this computer? Then say where it is:
  homeclimate setup --address ADDRESS    (the Hue app: Settings, My Hue system, the bridge, the i)
  homeclimate setup --cloud              (asks its maker, to whom it reports where it is)"""


@attrs.frozen(kw_only=True)
class BridgeSearch:
    """Finds the one bridge that is meant. `known` are those that the home has already."""

    person: Person
    finder: BridgeFinder
    bridges: BridgePairing
    runner: asyncio.Runner
    known: Sequence[Bridge]

    def at(self, address: str, expected_id: str | None = None) -> VerifiedBridge | None:
        """The bridge there; None when the person would not vouch for its certificate. Raises SourceError."""
        met = self.runner.run(self.bridges.meet(address, expected_id=expected_id))
        if isinstance(met, UnverifiedBridge):
            if not self._is_vouched_for(met):
                return None
            pin = met.certificate_sha256
            met = self.runner.run(self.bridges.meet(address, expected_id=expected_id, pin=pin))
            if isinstance(met, UnverifiedBridge):
                raise SourceRefused("the certificate changed while it was being looked at; run this again")
        self.person.tell(_introduction(met))
        return met

    def known_one(self, bridge: Bridge) -> VerifiedBridge | None:
        """A bridge that the home has: where it was, else wherever it is announced now."""
        if bridge.address:
            try:
                return self.at(bridge.address, bridge.id)
            except (SourceUnavailable, SourceRefused) as error:
                self.person.warn(str(error))
        return self.any_one(bridge.id)

    def any_one(self, bridge_id: str | None = None) -> VerifiedBridge | None:
        """The bridge that is announced, or that the person chooses; None when there is none."""
        self.person.tell(f"Looking for Hue bridges, {_LOOK_S:g} s at most ...")
        announced = self._announced(bridge_id)
        if not announced:
            self.person.warn(_NOT_FOUND)
            return None
        chosen = announced[0] if len(announced) == 1 else self._chosen(announced)
        return self.at(chosen.address, chosen.bridge_id) if chosen else None

    def _announced(self, bridge_id: str | None) -> Sequence[AnnouncedBridge]:
        try:
            announced = self.finder.find(_LOOK_S, bridge_id)
        except SourceError as error:
            self.person.warn(str(error))
            return ()
        return [one for one in announced if bridge_id in (None, one.bridge_id)]

    def _chosen(self, announced: Sequence[AnnouncedBridge]) -> AnnouncedBridge | None:
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

    def _is_vouched_for(self, unproved: UnverifiedBridge) -> bool:
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


def _introduction(met: VerifiedBridge) -> str:
    proof = "its certificate proves it"
    if met.certificate_sha256 is not None:
        proof = "by its pinned certificate"
    if not met.is_encrypted:
        proof = "it has no HTTPS: whoever is in your network can read its key"
    return f"{met.name} ({met.model}), {met.bridge_id}, at {met.address}: {proof}."


def _in_pairs(fingerprint: str) -> str:
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()


# The talk in which a Hue bridge is found, paired with and tried.

_PLACEHOLDER = Secret("0" * 40)  # as long as a key: shows whether one could be written


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for. `reauth` names a source whose key alone is to be replaced."""

    home: Path
    address: str | None = None
    by_cloud: bool = False
    reauth: str | None = None


def run(request: Request, environment: Environment, person: Person) -> int:
    """Do what the request says in that world; the exit code."""

    def talk(draft: Draft) -> Draft | None:
        with asyncio.Runner() as runner:
            service = pairing(environment)
            talking = _Talk(
                request=request,
                environment=environment,
                person=person,
                draft=draft,
                pairing=service,
                runner=runner,
            )
            try:
                return talking.outcome()
            finally:
                runner.run(service.bridges.close())

    return set_up(request.home, person, talk)


@attrs.frozen(kw_only=True)
class _Talk:
    request: Request
    environment: Environment
    person: Person
    draft: Draft
    pairing: Pairing
    runner: asyncio.Runner

    def outcome(self) -> Draft | None:
        """The home with the bridge, tried; None when it came to nothing, of which the person was told."""
        target = self._target() if self.request.reauth else None
        met = self._met(target)
        if met is None:
            return None
        if target is None:
            return self._kept(met) or self._paired(met, self._with_bridge(met))
        if target.certificate_sha256 == met.certificate_sha256:
            return self._paired(met, self._with_key)
        return self._paired(met, self._with_bridge(met))

    def _target(self) -> Bridge:
        """The bridge whose key is to be replaced. Raises SettingsError for one that the home has not."""
        wanted = (self.request.reauth or "").partition(":")[2].lower()
        there_are = self.draft.loaded.bridges
        bridges = [bridge for bridge in there_are if wanted in ("", bridge.id)]
        if len(bridges) != 1:
            names = ", ".join(f"hue:{bridge.id}" for bridge in there_are)
            raise SettingsError(f"say which bridge to pair with again: --reauth with one of {names}")
        return bridges[0]

    def _met(self, target: Bridge | None) -> VerifiedBridge | None:
        search = BridgeSearch(
            person=self.person,
            finder=finder(self.environment, by_cloud=self.request.by_cloud),
            bridges=self.pairing.bridges,
            runner=self.runner,
            known=self.draft.loaded.bridges,
        )
        if self.request.address:
            return search.at(self.request.address, target.id if target else None)
        return search.known_one(target) if target else search.any_one()

    def _own(self, met: VerifiedBridge) -> Bridge | None:
        """The home's bridge with a key that may be for this one."""
        for bridge in self.draft.loaded.bridges:
            if bridge.id in (None, met.bridge_id) and bridge.api_key is not None:
                return _as_met(met, bridge.api_key)
        return None

    def _kept(self, met: VerifiedBridge) -> Draft | None:
        """The home with the key that it has, where that still works and the person keeps it."""
        own = self._own(met)
        if own is None:
            return None
        try:
            reply = self._trial(own, self.draft)
        except CredentialsRefused:
            self.person.tell("The key that this home has does not work any more.")
            return None
        self.person.tell("This home has a key for this bridge, and it works.")
        if not self.person.agrees("Keep it?", default=True):
            return None
        self._show(reply)
        return self._with_bridge(met)(own)

    def _paired(self, met: VerifiedBridge, drafted: Callable[[Bridge], Draft]) -> Draft | None:
        drafted(_as_met(met, _PLACEHOLDER))  # could it be written at all? before anybody walks to the bridge
        key = self._key(met)
        if key is None:
            self.person.warn("The button was not pressed in time; nothing is changed. Run this again.")
            return None
        bridge = _as_met(met, Secret(key))
        draft = drafted(bridge)
        try:
            self._show(self._trial(bridge, draft))
        except SourceError:
            self.person.warn("The bridge gave a key, and could not be read with it; nothing is changed.")
            raise
        return draft

    def _key(self, met: VerifiedBridge) -> str | None:
        with self.person.counting_down("Press the round button on the bridge now.") as tell_left_s:
            return self.runner.run(self.pairing.key(met, tell_left_s))

    def _with_key(self, bridge: Bridge) -> Draft:
        loaded = self.draft.loaded
        return self.draft.with_changes(
            key_changes_for(loaded.settings.collectors.hue, loaded.secrets.hue, bridge)
        )

    def _with_bridge(self, met: VerifiedBridge) -> Callable[[Bridge], Draft]:
        """Makes the home with the bridge; asks what becomes of another one that it has."""
        hue, secrets = self.draft.loaded.settings.collectors.hue, self.draft.loaded.secrets.hue
        replaces = False
        if not hue.bridges and is_stranger(hue, secrets, met.bridge_id):
            self.person.tell(f"This home has another bridge, {secrets.bridge_id}.")
            replaces = not self.person.agrees("Collect from both (n: from the new one only)?", default=True)
        return lambda bridge: self.draft.with_changes(changes_for(hue, secrets, bridge, replaces=replaces))

    def _trial(self, bridge: Bridge, draft: Draft) -> SourceReply:
        return self.runner.run(
            trial(draft.loaded, self.environment).of(bridge_on_trial(bridge, draft.loaded, self.environment))
        )

    def _show(self, reply: SourceReply) -> None:
        count = len(reply.readings) + len(reply.unread)
        self.person.tell(f"It has {count} temperature sensor{'' if count == 1 else 's'}:")
        for line in rooms(reply):
            self.person.tell(line)
        if not count:
            self.person.warn("Only its motion sensors measure temperature, and it has none.")


def _as_met(met: VerifiedBridge, api_key: Secret) -> Bridge:
    return Bridge(
        id=met.bridge_id,
        address=met.address,
        certificate_sha256=met.certificate_sha256,
        api_key=api_key,
    )
