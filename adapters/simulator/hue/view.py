"""What a reply of the simulated bridge is made of."""

from __future__ import annotations

from datetime import datetime

from adapters.simulator.hue.inventory import Inventory
from adapters.simulator.hue.model import BridgeModel
from adapters.simulator.local_time import local_time
from adapters.simulator.rooms import Room, is_used
from domain.values import frozen


@frozen(kw_only=True)
class View:
    """One bridge's things at one instant."""

    seed: int
    model: BridgeModel
    inventory: Inventory
    now: datetime

    def is_lit(self, room: Room) -> bool:
        """Whether the lamps of the room are on: in the evening, where somebody is."""
        local = local_time(self.now.timestamp())
        return local.hour >= 17 and is_used(room, local, self.seed)
