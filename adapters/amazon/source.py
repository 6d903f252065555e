"""The air quality monitors of an Amazon account as a source."""

from __future__ import annotations

from datetime import datetime

from adapters.amazon.alexa import Alexa
from adapters.amazon.directory import Directory
from adapters.amazon.keeping import Keeping, reply_of
from adapters.amazon.monitors import Monitor
from adapters.amazon.reads import Found, Reads
from domain.outcome import SourceReply
from ports.clock import Clock
from ports.journal import Journal

_NONE = "the Amazon account has no air quality monitor"


class AmazonSource:
    """Reads all monitors of one account, or the one with `device_serial`, in one request a cycle."""

    def __init__(
        self,
        *,
        name: str,
        alexa: Alexa,
        directory: Directory,
        keeping: Keeping,
        device_serial: str | None,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self.name = name
        self._alexa = alexa
        self._directory = directory
        self._reads = Reads(source=name, alexa=alexa, journal=journal)
        self._keeping = keeping
        self._device_serial = (device_serial or "").lower().removeprefix("alexa:")
        self._clock = clock

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """The newest values; see `ports.source.Source`."""
        before = self._alexa.not_finite
        monitors = await self._directory.monitors(deadline_s)
        found = await self._found(self._wanted(monitors), deadline_s)
        if self._are_missed(monitors, found):
            sought = await self._directory.looked_for(deadline_s)
            if sought is not None and sought != monitors:
                monitors, found = sought, await self._found(self._wanted(sought), deadline_s)
        wanted = self._wanted(monitors)
        pairs = [(monitor, found.samples.get(monitor.endpoint_id)) for monitor in wanted]
        reply = reply_of(pairs, slot, self._clock.now(), self._keeping)
        return SourceReply(
            readings=reply.readings,
            unread=reply.unread,
            notes=(*self._without_any(monitors), *found.notes, *reply.notes),
            not_finite=self._alexa.not_finite - before + _in_strings(found),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._alexa.close()

    async def _found(self, wanted: tuple[Monitor, ...], deadline_s: float) -> Found:
        return await self._reads.found(wanted, deadline_s) if wanted else Found({})

    def _wanted(self, monitors: tuple[Monitor, ...]) -> tuple[Monitor, ...]:
        if not self._device_serial:
            return monitors
        return tuple(one for one in monitors if (one.serial or "").lower() == self._device_serial)

    def _are_missed(self, monitors: tuple[Monitor, ...], found: Found) -> bool:
        """Whether a known monitor is not told of, or the only one that is wanted is not known."""
        wanted = self._wanted(monitors)
        return not wanted or any(monitor.endpoint_id not in found.samples for monitor in wanted)

    def _without_any(self, monitors: tuple[Monitor, ...]) -> tuple[str, ...]:
        """What to tell a person who gets no reading at all."""
        if not monitors:
            return (_NONE,)
        if self._wanted(monitors):
            return ()
        serials = ", ".join(one.serial or "one without a serial number" for one in monitors)
        return (f"{_NONE} with the serial number in collectors.amazon_aqm.device_serial; it has: {serials}",)


def _in_strings(found: Found) -> int:
    return sum(samples.not_finite for samples in found.samples.values())
