"""Follows a bridge whose address changed: looks for its id on the network, and remembers where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import attrs

from adapters.http.lenient_json import instant, text
from adapters.hue.bridge import Call, Reached
from adapters.hue.locating import Reach
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.setup import AnnouncedBridge
from ports.state import Json, State

Find = Callable[[float, str | None], Sequence[AnnouncedBridge]]

LOOKED_FOR_EVERY = timedelta(minutes=10)
_LONGEST_LOOK_S = 4.0
_FOR_THE_READ_S = 3.0  # what a look leaves of the call's time


@attrs.frozen(kw_only=True)
class Whereabouts:
    """Reaches a bridge where it was found last, else as configured, else wherever its id is announced now.

    `reach.address` is the configured one, empty where there is none. What is found has to prove itself as
    ever. The network is looked over at most once in `LOOKED_FOR_EVERY`, whatever comes of it.
    """

    reach: Reach
    find: Find
    state: State
    clock: Clock
    journal: Journal

    def bridge(self, call: Call) -> Reached:
        """As `Reach.bridge`."""
        trouble: SourceError | None = None
        known = self._known_addresses()
        for address in known:
            try:
                return self._at(address, self._bridge_id()).bridge(call)
            except (SourceUnavailable, SourceRefused) as error:
                trouble = trouble or error
        for announced in self._announced(call, trouble):
            if announced.address in known:
                continue
            try:
                reached = self._at(announced.address, announced.bridge_id).bridge(call)
            except (SourceUnavailable, SourceRefused) as error:
                trouble = trouble or error
            else:
                self._remember(announced)
                return reached
        raise trouble or _not_found()

    def _at(self, address: str, bridge_id: str | None) -> Reach:
        return attrs.evolve(self.reach, address=address, bridge_id=self.reach.bridge_id or bridge_id)

    def _announced(self, call: Call, trouble: SourceError | None) -> Sequence[AnnouncedBridge]:
        """Where the bridge says that it is; nothing when it is too early or too late to ask."""
        left_s = call.deadline_s - self.clock.elapsed_s() - _FOR_THE_READ_S
        if left_s <= 0 or not self._may_look():
            return ()
        bridge_id = self._bridge_id()
        self._note(looked_at=self.clock.now().isoformat())
        try:
            found = self.find(min(left_s, _LONGEST_LOOK_S), bridge_id)
        except SourceError as error:
            self.journal.record(Level.WARNING, "hue.looked_for", bridge_id=bridge_id, error=str(error))
            return ()
        self.journal.record(
            Level.WARNING,
            "hue.looked_for",
            bridge_id=bridge_id,
            because=str(trouble or "it has no address"),
            found=", ".join(f"{one.bridge_id} at {one.address}" for one in found) or "nothing",
        )
        if bridge_id is None and len(found) > 1:
            raise SourceRefused(
                f"several bridges answer ({', '.join(str(one.bridge_id) for one in found)}), and none is "
                "configured: `homeclimate setup` asks which one it is"
            )
        return [one for one in found if bridge_id in (None, one.bridge_id)]

    def _may_look(self) -> bool:
        looked_at = instant(self._memory().get("looked_at"))
        return looked_at is None or abs(self.clock.now() - looked_at) >= LOOKED_FOR_EVERY

    def _bridge_id(self) -> str | None:
        """The id in the files, or the one that was learned since."""
        learned = text(self._memory().get("bridge_id")) or self.reach.learned_id()
        return (self.reach.bridge_id or learned or "").lower() or None

    def _known_addresses(self) -> list[str]:
        """Where it was found last, unless the configuration has changed since; then as configured."""
        memory = self._memory()
        is_current = text(memory.get("configured")) == (self.reach.address or None)
        found = text(memory.get("address")) if is_current else None
        return list(dict.fromkeys(address for address in (found, self.reach.address) if address))

    def _remember(self, announced: AnnouncedBridge) -> None:
        self._note(address=announced.address, configured=self.reach.address, bridge_id=announced.bridge_id)

    def _note(self, **facts: Json) -> None:
        self.state.put(self._key, {**self._memory(), **facts})

    def _memory(self) -> dict[str, Json]:
        return dict(self.state.get(self._key))

    @property
    def _key(self) -> str:
        return f"hue.found.{self.reach.bridge_id or self.reach.address}"


def _not_found() -> SourceUnavailable:
    return SourceUnavailable(
        "the bridge's address is not known, and it was not found on this network by its announcement "
        "(mDNS): run `homeclimate setup --address ADDRESS`"
    )
