"""What differs between a real home, the demo and the tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from adapters.runtime.clock import SystemClock
from ports.clock import Clock
from ports.journal import Level
from ports.upkeep import Disk

if TYPE_CHECKING:
    from ports.setup import BridgeFinder


@attrs.frozen(kw_only=True)
class Environment:
    """Never a setting that a file could change.

    `hue_roots` None means Signify's roots, `amazon_roots` None the system's. Without a `bridge_finder`,
    bridges are looked for by mDNS; `bridge_cloud` None is Signify's look-up. With `stderr_level` None, the
    journal keeps away from stderr where there is a log file. `disk` None is the one of the data folder.
    """

    clock: Clock = attrs.field(factory=SystemClock)
    hue_roots: Path | None = None
    amazon_roots: Path | None = None
    bridge_finder: BridgeFinder | None = None
    bridge_cloud: str | None = None
    is_simulated: bool = False
    stderr_level: Level | None = Level.CRITICAL
    disk: Disk | None = None
    log_to_files: bool = True
