"""Discovery in a simulation: the home announces its bridges in a file, as by multicast DNS."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from adapters.runtime.virtual_time import LockStepThreads
from adapters.simulator.hue.service import SimulatedBridge
from ports.setup import AnnouncedBridge

_ANSWER_S = 0.3


@attrs.frozen(kw_only=True)
class Announcements:
    """The bridges that answer a search. A file, since a collector may be another process."""

    file: Path

    def write(self, bridges: Iterable[SimulatedBridge]) -> None:
        """Announce these bridges, as far as they are plugged in, and no other."""
        present = [{"address": one.address, "id": one.id} for one in bridges if one.is_plugged_in]
        self.file.write_text(json.dumps(present), "utf-8")

    def read(self) -> Sequence[AnnouncedBridge]:
        """Return the bridges that are announced."""
        return [
            AnnouncedBridge(address=one["address"], bridge_id=one["id"])
            for one in json.loads(self.file.read_text("utf-8"))
        ]


@attrs.frozen(kw_only=True)
class VirtualTimeFinder:
    """A search among the announcements that takes its virtual time; see `ports.setup.BridgeFinder`."""

    announcements: Announcements
    threads: LockStepThreads

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:
        """Return the bridges that are announced, after the whole time if the wanted one is not."""
        is_found = any(bridge_id in (None, one.bridge_id) for one in self.announcements.read())
        self.threads.waiting().wait(_ANSWER_S if is_found else timeout_s)
        return sorted(self.announcements.read(), key=lambda one: one.bridge_id or "")
