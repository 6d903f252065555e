"""What differs between a real home, the demo and the tests."""

from __future__ import annotations

import random as random_numbers
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from adapters.runtime.clock import SystemClock
from ports.clock import Clock
from ports.journal import Level
from ports.setup import BridgeFinder
from ports.upkeep import Disk

if TYPE_CHECKING:
    from aiohttp import BaseConnector

    from adapters.hue.http import OpenPool
    from adapters.hue.tls import FetchLeaf


@attrs.frozen(kw_only=True)
class Environment:
    """What tests and the demo replace; no file can change it.

    None means: for `hue_roots` Signify's roots, for `amazon_roots` the system's, for `bridge_finder` mDNS,
    for `bridge_cloud` Signify's server, for `disk` that of the data folder, for `stderr_level` that nothing
    is logged to stderr if there is a log file, and for both `open_` and `fetch_hue_leaf` the network.
    `has_identity` gives a simulated home the identity that a real one has; `random` spreads retries.
    """

    clock: Clock = attrs.field(factory=SystemClock)
    hue_roots: Path | None = None
    amazon_roots: Path | None = None
    bridge_finder: BridgeFinder | None = None
    bridge_cloud: str | None = None
    is_simulated: bool = False
    has_identity: bool = False
    stderr_level: Level | None = Level.CRITICAL
    disk: Disk | None = None
    log_to_files: bool = True
    open_hue_pool: OpenPool | None = None
    fetch_hue_leaf: FetchLeaf | None = None
    open_amazon_connector: Callable[[], BaseConnector] | None = None
    random: Callable[[], float] = random_numbers.random
