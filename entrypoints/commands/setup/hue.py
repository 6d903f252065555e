"""The dialogue that finds a Hue bridge, pairs with it and tries it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from config.bridges import Bridge
from config.draft import Draft, is_another_bridge, key_changes, pairing_changes
from config.secrets import Secret
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SettingsError, SourceError, SourceRefused, SourceUnavailable
from domain.services.source_setup import Pairing
from entrypoints.commands.setup.steps import set_up, show_devices
from entrypoints.terminal.prompts import Prompts
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.setup import bridge_on_trial, had_https, pairing, trial
from entrypoints.wiring.sources import bridge_finder
from ports.setup import AnnouncedBridge, BridgeFinder, BridgePairing, UnverifiedBridge, VerifiedBridge

_SEARCH_S = 5.0
_NOT_FOUND = (
    "No bridge was found. Is it on, and in the same network as this computer? Then give its address:",
    "  homeclimate setup --address ADDRESS    (the Hue app: Settings, My Hue system, the bridge, the i)",
    "  homeclimate setup --cloud              (asks its maker, to whom it reports its address)",
)
_PLACEHOLDER_KEY = Secret("0" * 40)  # to check that a key could be saved


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for. `reauth` names a source of which only the key is replaced."""

    home: Path
    address: str | None = None
    by_cloud: bool = False
    reauth: str | None = None


def run(request: Request, environment: Environment, prompts: Prompts) -> int:
    """Run the dialogue; return the exit code."""

    def dialogue(draft: Draft) -> Draft | None:
        with asyncio.Runner() as runner:
            service = pairing(environment)
            steps = _Dialogue(
                request=request,
                environment=environment,
                prompts=prompts,
                draft=draft,
                pairing=service,
                runner=runner,
            )
            try:
                return steps.connect()
            finally:
                runner.run(service.bridges.close())

    return set_up(request.home, prompts, dialogue)


@attrs.frozen(kw_only=True)
class BridgeSearch:
    """Find the bridge that is meant. `known` are the bridges that the home has already."""

    prompts: Prompts
    finder: BridgeFinder
    bridges: BridgePairing
    runner: asyncio.Runner
    known: Sequence[Bridge]

    def at_address(self, address: str, expected_id: str | None = None) -> VerifiedBridge | None:
        """Return the bridge there, or None when the person rejects its certificate. Raise SourceError."""
        met = self.runner.run(self.bridges.identify(address, expected_id=expected_id))
        if isinstance(met, UnverifiedBridge):
            if not self._accepts_certificate(met):
                return None
            pin = met.certificate_sha256
            met = self.runner.run(self.bridges.identify(address, expected_id=expected_id, pin=pin))
            if isinstance(met, UnverifiedBridge):
                raise SourceRefused("the certificate changed during the check; run this again")
        self.prompts.show(_describe(met))
        return met

    def known_bridge(self, bridge: Bridge) -> VerifiedBridge | None:
        """Return a bridge of the home: at its last address, else where it is announced now."""
        if bridge.address:
            try:
                return self.at_address(bridge.address, bridge.id)
            except (SourceUnavailable, SourceRefused) as error:
                self.prompts.warn(str(error))
        return self.on_network(bridge.id)

    def on_network(self, bridge_id: str | None = None) -> VerifiedBridge | None:
        """Return the announced bridge, or the one that the person chooses; None without any."""
        self.prompts.show(f"Looking for Hue bridges, {_SEARCH_S:g} s at most ...")
        try:
            announced = [
                each for each in self.finder.find(_SEARCH_S, bridge_id) if bridge_id in (None, each.bridge_id)
            ]
        except SourceError as error:
            self.prompts.warn(str(error))
            announced = []
        if not announced:
            self.prompts.warn(*_NOT_FOUND)
            return None
        chosen = announced[0] if len(announced) == 1 else self._choose(announced)
        return self.at_address(chosen.address, chosen.bridge_id) if chosen else None

    def _choose(self, announced: Sequence[AnnouncedBridge]) -> AnnouncedBridge | None:
        self.prompts.show(f"{len(announced)} bridges are here:")
        known_ids = {bridge.id for bridge in self.known}
        for number, each in enumerate(announced, start=1):
            note = "   (this home has it already)" if each.bridge_id in known_ids else ""
            model = f"  {each.model}" if each.model else ""
            name = each.bridge_id or "without an id"
            self.prompts.show(f"  {number}  {name}  at {each.address}{model}{note}")
        if not self.prompts.is_interactive:
            self.prompts.warn("Choose one with homeclimate setup --address ADDRESS")
            return None
        return announced[self.prompts.choose("Which one", len(announced)) - 1]

    def _accepts_certificate(self, unproved: UnverifiedBridge) -> bool:
        """Return whether the certificate is pinned already, or the person confirms the bridge."""
        fingerprint = unproved.certificate_sha256
        pins = {bridge.certificate_sha256: bridge.id for bridge in self.known if bridge.certificate_sha256}
        if fingerprint in pins:
            return True
        pairs = ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()
        self.prompts.show(
            f"{unproved.name} ({unproved.model}), {unproved.bridge_id}, at {unproved.address}: so it says. "
            "Nothing proves it, since it signed its certificate itself, as older bridges do. The fingerprint "
            "of that (SHA-256):",
            f"  {pairs}",
        )
        if unproved.bridge_id in pins.values():
            self.prompts.warn("It is NOT the certificate that config.yaml pins for this bridge.")
        if not self.prompts.is_interactive:
            self.prompts.warn("There is no terminal to confirm it at: run this at a terminal.")
            return False
        return self.prompts.confirm(
            "Is it your bridge, and should only this certificate be accepted from now on?", default=False
        )


@attrs.frozen(kw_only=True)
class _Dialogue:
    request: Request
    environment: Environment
    prompts: Prompts
    draft: Draft
    pairing: Pairing
    runner: asyncio.Runner

    def connect(self) -> Draft | None:
        """Return the draft with the bridge, tried, or None after a message."""
        target = self._reauth_target() if self.request.reauth else None
        met = self._find_bridge(target)
        if met is None:
            return None
        if not met.is_encrypted and had_https(met.bridge_id, self.draft.loaded, self.environment):
            raise SourceRefused(
                f"the bridge {met.bridge_id} had HTTPS before, and what answers at {met.address} has none. "
                "Restart the bridge, and run this again"
            )
        if target is None:
            return self._keep_present_key(met) or self._pair(met, self._add_bridge(met))
        is_as_before = target.certificate_sha256 == met.certificate_sha256
        if is_as_before and (met.is_encrypted or _is_plain(target.address)):
            return self._pair(met, self._replace_key)
        return self._pair(met, self._add_bridge(met))

    def _reauth_target(self) -> Bridge:
        """Return the bridge whose key is replaced. Raise SettingsError when the home does not have it."""
        wanted = (self.request.reauth or "").partition(":")[2].lower()
        bridges = [bridge for bridge in self.draft.loaded.bridges if wanted in ("", bridge.id)]
        if len(bridges) != 1:
            names = ", ".join(f"hue:{bridge.id}" for bridge in self.draft.loaded.bridges)
            raise SettingsError(f"choose the bridge to pair with again: --reauth with one of {names}")
        return bridges[0]

    def _find_bridge(self, target: Bridge | None) -> VerifiedBridge | None:
        search = BridgeSearch(
            prompts=self.prompts,
            finder=bridge_finder(self.environment, by_cloud=self.request.by_cloud),
            bridges=self.pairing.bridges,
            runner=self.runner,
            known=self.draft.loaded.bridges,
        )
        if self.request.address:
            return search.at_address(self.request.address, target.id if target else None)
        return search.known_bridge(target) if target else search.on_network()

    def _keep_present_key(self, met: VerifiedBridge) -> Draft | None:
        """Return the draft with the key that the home has, if it works and the person keeps it."""
        keys = [
            bridge.api_key
            for bridge in self.draft.loaded.bridges
            if bridge.id in (None, met.bridge_id) and bridge.api_key is not None
        ]
        if not keys or not (met.is_encrypted or self._may_send_plain(met)):
            return None
        own = _as_bridge(met, keys[0])
        try:
            reply = self._try_bridge(own, self.draft)
        except CredentialsRefused:
            self.prompts.show("The key of this home does not work any more.")
            return None
        self.prompts.show("This home has a key for this bridge, and it works.")
        if not self.prompts.confirm("Keep it?", default=True):
            return None
        self._show_sensors(reply)
        return self._add_bridge(met)(own)

    def _may_send_plain(self, met: VerifiedBridge) -> bool:
        """Return whether a person has written the bridge's address with `http://`."""
        written = [
            bridge.address for bridge in self.draft.loaded.bridges if bridge.id in (None, met.bridge_id)
        ]
        return any(map(_is_plain, [self.request.address, *written]))

    def _pair(self, met: VerifiedBridge, save_into_draft: Callable[[Bridge], Draft]) -> Draft | None:
        save_into_draft(_as_bridge(met, _PLACEHOLDER_KEY))  # fail before the person walks to the bridge
        with self.prompts.countdown("Press the round button on the bridge now.") as show_left_s:
            key = self.runner.run(self.pairing.key(met, show_left_s))
        if key is None:
            self.prompts.warn("The button was not pressed in time; nothing is changed. Run this again.")
            return None
        bridge = _as_bridge(met, Secret(key))
        draft = save_into_draft(bridge)
        try:
            self._show_sensors(self._try_bridge(bridge, draft))
        except SourceError:
            self.prompts.warn("The bridge gave a key, but could not be read with it; nothing is changed.")
            raise
        return draft

    def _replace_key(self, bridge: Bridge) -> Draft:
        loaded = self.draft.loaded
        return self.draft.with_changes(
            key_changes(loaded.settings.collectors.hue, loaded.secrets.hue, bridge)
        )

    def _add_bridge(self, met: VerifiedBridge) -> Callable[[Bridge], Draft]:
        """Return a function that adds the bridge to the draft; ask what becomes of another bridge."""
        hue, secrets = self.draft.loaded.settings.collectors.hue, self.draft.loaded.secrets.hue
        replaces = False
        if not hue.bridges and is_another_bridge(hue, secrets, met.bridge_id):
            self.prompts.show(f"This home has another bridge, {secrets.bridge_id}.")
            replaces = not self.prompts.confirm("Collect from both (n: only from the new one)?", default=True)
        return lambda bridge: self.draft.with_changes(
            pairing_changes(hue, secrets, bridge, replaces=replaces)
        )

    def _try_bridge(self, bridge: Bridge, draft: Draft) -> SourceReply:
        source = bridge_on_trial(bridge, draft.loaded, self.environment)
        return self.runner.run(trial(draft.loaded, self.environment).of(source))

    def _show_sensors(self, reply: SourceReply) -> None:
        show_devices(
            self.prompts,
            reply,
            found="It has",
            kinds={"hue:": "temperature sensor"},
            if_none="Only motion sensors measure temperature, and this bridge has none.",
        )


def _describe(met: VerifiedBridge) -> str:
    proof = "its certificate proves it"
    if met.certificate_sha256 is not None:
        proof = "by its pinned certificate"
    if not met.is_encrypted:
        proof = "it has no HTTPS: anyone in your network can read its key"
    return f"{met.name} ({met.model}), {met.bridge_id}, at {met.address}: {proof}."


def _is_plain(address: str | None) -> bool:
    return (address or "").strip().lower().startswith("http://")


def _as_bridge(met: VerifiedBridge, api_key: Secret) -> Bridge:
    return Bridge(
        id=met.bridge_id,
        address=met.address,
        certificate_sha256=met.certificate_sha256,
        api_key=api_key,
    )
