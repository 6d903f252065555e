"""What differs between a real home, the demo and the tests."""

from __future__ import annotations

from pathlib import Path

import attrs

from adapters.runtime.clock import SystemClock
from ports.clock import Clock
from ports.journal import Level
from ports.setup import BridgeFinder
from ports.upkeep import Disk


@attrs.frozen(kw_only=True)
class Environment:
    """What tests and the demo replace; no file can change it.

    None means: for `hue_roots` Signify's roots, for `amazon_roots` the system's, for `bridge_finder` mDNS,
    for `bridge_cloud` Signify's server, for `disk` that of the data folder, and for `stderr_level` that
    nothing is logged to stderr if there is a log file.
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
