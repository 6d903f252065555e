"""Locate a bridge whose address changed: look for its id on the network and remember the new address."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import attrs

from adapters.http.lenient_json import instant, text
from adapters.hue.bridge import Bridge
from adapters.hue.calls import Call
from adapters.hue.connecting import BridgeConnector, BridgeMemory
from adapters.hue.errors import WithoutHttps
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.setup import AnnouncedBridge, BridgeFinder

SEARCH_INTERVAL = timedelta(minutes=10)
_MAX_SEARCH_S = 4.0
_READ_RESERVE_S = 3.0  # what a search leaves of the call's time


@attrs.frozen(kw_only=True)
class BridgeLocator:
    """Connects to a bridge where it was found last, else as configured, else where its id is announced.

    `address` is the configured one, or empty; without a `finder` only it is used. The
    network is searched at most once in `SEARCH_INTERVAL`, found or not.
    """

    connector: BridgeConnector
    address: str
    finder: BridgeFinder | None
    memory: BridgeMemory
    clock: Clock
    journal: Journal

    def connect(self, call: Call) -> Bridge:
        """Return a bridge that has proved its identity; see `BridgeConnector.connect`."""
        if self.finder is None:
            return self.connector.connect(call, self.address)
        first_error: SourceError | None = None
        known = self._known_addresses()
        bridge_id = self._bridge_id()
        for address in known:
            # versions that followed a bridge without HTTPS noted no HTTPS of it
            was_read_here = address == text(self.memory.get(self._key), "address")
            try:
                return self.connector.connect(call, address, bridge_id, was_read_here=was_read_here)
            except (SourceUnavailable, SourceRefused) as error:
                first_error = first_error or error
        if first_error is not None and bridge_id is None:
            raise first_error  # a search without an id would accept another home's bridge
        for announced in self._search(self.finder, call, bridge_id, first_error):
            if announced.address in known or "://" in announced.address:
                continue  # what is announced cannot ask for plain HTTP
            try:
                bridge = self.connector.connect(
                    call, announced.address, announced.bridge_id, is_announced=True
                )
            except WithoutHttps as error:
                first_error = error  # where it is now, and what to do
            except (SourceUnavailable, SourceRefused) as error:
                first_error = first_error or error
            else:
                self.memory.update(
                    self._key,
                    address=announced.address,
                    configured=self.address,
                    bridge_id=announced.bridge_id,
                )
                return bridge
        raise first_error or SourceUnavailable(
            "the bridge's address is not known, and the bridge was not found on this network (mDNS). Run "
            "`homeclimate setup --address ADDRESS`"
        )

    def _search(
        self, finder: BridgeFinder, call: Call, bridge_id: str | None, reason: SourceError | None
    ) -> Sequence[AnnouncedBridge]:
        """Return where the bridge is announced; nothing if it is too early or too late to search."""
        left_s = call.deadline_s - self.clock.elapsed_s() - _READ_RESERVE_S
        searched_at = instant(self.memory.get(self._key).get("looked_at"))
        now = self.clock.now()
        if left_s <= 0 or (searched_at is not None and abs(now - searched_at) < SEARCH_INTERVAL):
            return ()
        self.memory.update(self._key, looked_at=now.isoformat())
        try:
            found = finder.find(min(left_s, _MAX_SEARCH_S), bridge_id)
        except SourceError as error:
            self.journal.record(Level.WARNING, "hue.looked_for", bridge_id=bridge_id, error=str(error))
            return ()
        self.journal.record(
            Level.WARNING,
            "hue.looked_for",
            bridge_id=bridge_id,
            because=str(reason or "it has no address"),
            found=", ".join(f"{one.bridge_id} at {one.address}" for one in found) or "nothing",
        )
        if bridge_id is None and len(found) > 1:
            names = ", ".join(str(one.bridge_id) for one in found)
            raise SourceRefused(
                f"several bridges answer ({names}), and none is configured. Run `homeclimate setup` to "
                "choose one"
            )
        return [one for one in found if bridge_id in (None, one.bridge_id)]

    def _bridge_id(self) -> str | None:
        """Return the configured id, or the one that was learned since."""
        learned = text(self.memory.get(self._key).get("bridge_id"))
        known = self.connector.bridge_id or learned or self.connector.remembered_id(self.address)
        return (known or "").lower() or None

    def _known_addresses(self) -> list[str]:
        """Return where it was found last, unless the configuration changed since; then the configured one."""
        memory = self.memory.get(self._key)
        is_current = text(memory.get("configured")) == (self.address or None)
        found = text(memory.get("address")) if is_current else None
        return list(dict.fromkeys(address for address in (found, self.address) if address))

    @property
    def _key(self) -> str:
        return f"hue.found.{self.connector.bridge_id or self.address}"
