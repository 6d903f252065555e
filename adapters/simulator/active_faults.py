"""The faults of one simulated service, and which of them affect a request."""

from __future__ import annotations

import threading
from collections.abc import Callable

import attrs

from adapters.simulator.faults import Effect, Fault, WrongCertificate, parse_fault


@attrs.define
class _Entry:
    fault: Fault
    begins_s: float
    matched: int = 0

    def is_active(self, now_s: float) -> bool:
        return now_s >= self.begins_s and not self.has_ended(now_s)

    def has_ended(self, now_s: float) -> bool:
        for_s = self.fault.for_s
        return for_s is not None and now_s >= self.begins_s + for_s

    def has_more(self) -> bool:
        """Return whether the next request that matches is affected."""
        skipped = self.matched + 1 - self.fault.first
        return skipped >= 0 and (self.fault.count is None or skipped < self.fault.count)

    def take(self) -> bool:
        """Count a request that matches; return whether it is affected."""
        is_affected = self.has_more()
        self.matched += 1
        return is_affected


class Faults:
    """Faults of one service. Any thread may change them while the service runs."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._began_s = elapsed_s()
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []

    def add(self, fault: Fault | Effect | str) -> Fault:
        """Add a fault, an effect that lasts, or the text of a fault as on the command line."""
        fault = parse_fault(fault) if isinstance(fault, str) else fault
        fault = fault if isinstance(fault, Fault) else Fault(effect=fault)
        begins_s = self._elapsed_s() if fault.at_s is None else self._began_s + fault.at_s
        with self._lock:
            self._entries.append(_Entry(fault, begins_s))
        return fault

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._entries.clear()

    def for_request(self, path: str) -> list[Fault]:
        """Return the faults that affect this request, and count it."""
        return self._take(
            lambda fault: not isinstance(fault.effect, WrongCertificate) and fault.matches(path)
        )

    def for_handshake(self) -> WrongCertificate | None:
        """Return the effect on this TLS handshake, and count it."""
        due = self._take(lambda fault: isinstance(fault.effect, WrongCertificate))
        effects = (fault.effect for fault in due)
        return next((effect for effect in effects if isinstance(effect, WrongCertificate)), None)

    @property
    def is_certificate_wrong(self) -> bool:
        """Return whether a handshake would fail now; counts nothing."""
        now_s = self._elapsed_s()
        return any(
            isinstance(entry.fault.effect, WrongCertificate) and entry.is_active(now_s) and entry.has_more()
            for entry in list(self._entries)
        )

    def _take(self, matches: Callable[[Fault], bool]) -> list[Fault]:
        if not self._entries:
            return []
        now_s = self._elapsed_s()
        with self._lock:
            self._entries = [entry for entry in self._entries if not entry.has_ended(now_s)]
            return [
                entry.fault
                for entry in self._entries
                if matches(entry.fault) and entry.is_active(now_s) and entry.take()
            ]
