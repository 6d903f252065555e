"""What a trouble does to the simulated home and to the collector, and how it ends."""

from __future__ import annotations

import asyncio
import random
import resource
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote

import attrs

from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import NetworkService
from adapters.simulator.simulation.account.home_list import INTERVAL
from adapters.simulator.simulation.account.locks import Lock
from adapters.simulator.simulation.bounds import THIS_PROCESS
from adapters.simulator.simulation.clocks import RecordedClock

_LEAST_STEP_S, _MOST_STEP_S = 20.0, 6 * 3600.0
_DRIFT_S, _DRIFT_EVERY_S = 2.0, 240.0  # of a virtual machine, or a quartz that is broken
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_STARTING_S = 45.0
_AFTER_A_CYCLE = 1.2  # times its length
TO_NEXT_CYCLE_S = 330.0  # and to its end
_STATE_BYTES = 16 * 1024
Source = Literal["hue", "amazon"]


class Switch:
    """Something that is on unless a trouble has turned it off; troubles may overlap.

    Both events follow the state: use it within the event loop.
    """

    def __init__(self) -> None:
        self.is_on, self.is_off = asyncio.Event(), asyncio.Event()
        self.is_on.set()
        self._troubles = 0

    @contextmanager
    def off(self) -> Iterator[None]:
        """Keep it off during the block."""
        self.turn_off()
        try:
            yield
        finally:
            self._end_trouble()

    def turn_off(self) -> None:
        """Turn it off for good."""
        self._begin_trouble()
        self.is_off.set()

    def _begin_trouble(self) -> None:
        self._troubles += 1
        self.is_on.clear()

    def _end_trouble(self) -> None:
        self._troubles -= 1
        if not self._troubles:
            self.is_off.clear()
            self.is_on.set()


class Collector(Switch):
    """The collector: it is stopped as long as it is off.

    `process` is the folder of its process in /proc. `killed_after` is the share of its next cycle after which
    it is to be killed, if it is. What runs it does so, and notes it. `has_stored` once it has stored a cycle
    since its start: it has the database open then, and brings it back whatever becomes of the file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.process = THIS_PROCESS
        self.has_stored = False
        self.killed_after: float | None = None
        self._restart: ExitStack | None = None

    @contextmanager
    def killed(self, after: float) -> Iterator[None]:
        """Have it killed in the next cycle; it is started again when the block ends."""
        with ExitStack() as self._restart:
            self.killed_after = after
            yield
        self.killed_after = self._restart = None

    def note_kill(self) -> None:
        """Note that it was killed."""
        self.killed_after = None
        if self._restart is not None:
            self._begin_trouble()
            self._restart.callback(self._end_trouble)


@attrs.frozen
class Loss:
    """Slots whose readings may be lost: those that had their turn between two true seconds of the start."""

    since_s: float
    until_s: float

    def has(self, slot: datetime, clock: RecordedClock) -> bool:
        turns = clock.turns_of(slot, slot + INTERVAL)
        return any(begins_s < self.until_s and ends_s > self.since_s - 1 for begins_s, ends_s in turns)


@attrs.frozen(kw_only=True)
class Place:
    """Where troubles happen. `folder` is the home's folder; `database` may be elsewhere.

    `clock` is that of the collector's machine; the home and its services have the true time. `rooms_bytes`
    are how large a file can be, for each full disk, and for the system without one. `losses` are where
    nothing could keep what was stored, `at_risk` where only a collector could that must not be killed.
    `salvage` is what a person does with a damaged database; it returns how many readings it says are lost, or
    None if it could not be done.
    """

    home: SimulatedHome
    clock: RecordedClock
    folder: Path
    database: Path
    collector: Collector
    data: Switch = attrs.field(factory=Switch)  # its folder
    rooms_bytes: list[int] = attrs.field(factory=lambda: [resource.getrlimit(resource.RLIMIT_FSIZE)[0]])
    losses: list[Loss] = attrs.field(factory=list)
    at_risk: list[Loss] = attrs.field(factory=list)
    salvage: Callable[[Path], int | None] = attrs.field(default=lambda _: None)
    salvaged: dict[Path, int] = attrs.field(factory=dict)
    locks: list[Lock] = attrs.field(factory=list)  # that the database has had
    plugs: Mapping[Source, Switch] = attrs.field(factory=lambda: {"hue": Switch(), "amazon": Switch()})
    steps_s: list[float] = attrs.field(factory=list)  # of the clock, which are put off

    @property
    def shows_state(self) -> bool:
        """Return whether the collector can save its state where it is looked at."""
        return self.data.is_on.is_set() and not any(0 <= room < _STATE_BYTES for room in self.rooms_bytes)

    @property
    def clock_s_to_1970(self) -> float:
        """Return the step that would set the clock to the beginning of 1970."""
        return (_1970 - self.clock.now()).total_seconds()

    def step_clock(self, by_s: float) -> None:
        """Set the clock by so many seconds, or put it off: no system has a time before 1970."""
        self.steps_s.append(by_s)
        if (all_s := sum(self.steps_s)) >= self.clock_s_to_1970:
            self.steps_s.clear()
            self.clock.step_wall(all_s)

    def service(self, source: Source) -> NetworkService:
        """Return what the source asks."""
        return self.home.bridge if source == "hue" else self.home.alexa


class Effect(Protocol):
    """A part of a trouble."""

    def during(self, place: Place, lasts_s: float) -> AbstractContextManager[None]:
        """Begin it; leaving the block after `lasts_s` seconds ends it."""


@attrs.frozen
class Fault:
    """A service answers as the fault says; see `adapters.simulator.faults`."""

    source: Source
    spec: str

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        place.service(self.source).faults.add(f"for={lasts_s}s kind={self.spec}")
        yield


@attrs.frozen
class EndedAccess:
    """Amazon's access token ends before its time."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        place.home.alexa.account.end_access()
        yield


@attrs.frozen
class SignedInAgain:
    """Amazon unlinks this program for good; at the end a person signs in again, while it runs or not."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        account = place.home.alexa.account
        before = account.ready
        account.revoke(before.refresh_token)
        yield
        account.ready = account.register(
            serial=before.serial, device_type=before.device_type, name=before.name
        )
        secrets = place.folder / "config" / "secrets.yaml"
        text = secrets.read_text("utf-8").replace(before.refresh_token, account.ready.refresh_token)
        secrets.write_text(text, "utf-8")


@attrs.frozen
class Unplugged:
    """A service cannot be reached."""

    source: Source

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        service, plug = place.service(self.source), place.plugs[self.source]
        with plug.off():
            if service.is_plugged_in:
                service.unplug()
            yield
        if plug.is_on.is_set():
            service.plug_in()


@attrs.frozen
class Moved:
    """A service has another address from now on: a router gave the bridge one."""

    source: Source

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        place.service(self.source).move()
        yield


@attrs.frozen
class Replaced:
    """Another bridge, with its own id and certificate, answers at the bridge's address."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        bridge = place.home.bridge
        bridge.faults.add(f"for={lasts_s}s kind=certificate which=other")
        bridge.restart()
        yield
        bridge.restart()


@attrs.frozen
class OnTwoBridges:
    """A sensor is paired with both bridges; one of them no longer hears it."""

    def during(self, place: Place, lasts_s: float) -> AbstractContextManager[None]:
        chance = random.Random(lasts_s)  # noqa: S311 - which, not a secret
        return place.home.on_two_bridges(is_moved=chance.random() < 1 / 2)


@attrs.frozen
class Stopped:
    """The collector is stopped, and started again."""

    def during(self, place: Place, lasts_s: float) -> AbstractContextManager[None]:
        del lasts_s
        return place.collector.off()


@attrs.frozen
class Killed:
    """The collector ends in its next cycle as by `kill -9`, and is started again."""

    def during(self, place: Place, lasts_s: float) -> AbstractContextManager[None]:
        chance = random.Random(lasts_s)  # noqa: S311 - an instant, not a secret
        return place.collector.killed(chance.uniform(0, _AFTER_A_CYCLE))


@attrs.frozen
class LockedDatabase:
    """Another program holds the lock of the database; a retry is to outlast it if it `is_short`."""

    is_short: bool = False

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        begins_s = place.clock.elapsed_asleep_s()
        with ExitStack() as held:
            with suppress(sqlite3.OperationalError):  # it is away, or locked already
                uri = f"file:{quote(str(place.database))}?mode=rw"
                lock = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)
                held.callback(lock.close)
                lock.execute("BEGIN IMMEDIATE")
            yield
        place.locks.append(Lock(begins_s, place.clock.elapsed_asleep_s(), is_short=self.is_short))


@attrs.frozen(kw_only=True)
class SetClock:
    """The wall clock is set by seconds to hours; a time service sets it right at the end."""

    is_back: bool = False

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        chance = random.Random(lasts_s)  # noqa: S311 - trouble, not secrets
        by_s = _LEAST_STEP_S * (_MOST_STEP_S / _LEAST_STEP_S) ** chance.random()
        by_s = -by_s if self.is_back else by_s
        place.step_clock(by_s)
        yield
        place.step_clock(-by_s)


@attrs.frozen
class DriftingClock:
    """The wall clock is fast or slow, in small steps; a time service sets it right at the end."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        chance = random.Random(lasts_s)  # noqa: S311 - trouble, not secrets
        by_s, steps = chance.choice((_DRIFT_S, -_DRIFT_S)), 0
        loop = asyncio.get_running_loop()
        next_step: asyncio.TimerHandle

        def drift() -> None:
            nonlocal steps, next_step
            place.step_clock(by_s)
            steps += 1
            next_step = loop.call_later(_DRIFT_EVERY_S, drift)

        next_step = loop.call_later(_DRIFT_EVERY_S, drift)
        yield
        next_step.cancel()
        place.step_clock(-steps * by_s)


@attrs.frozen
class Asleep:
    """The collector's machine sleeps: all of that time passes at once."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        place.clock.sleep_machine(lasts_s)
        yield


@attrs.frozen
class StartedIn1970:
    """The machine, which has no clock with a battery, is switched off, and starts with the time of 1970.

    A time service sets it right at the end.
    """

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        starting = ExitStack()
        starting.enter_context(place.collector.off())
        by_s = place.clock_s_to_1970
        place.step_clock(by_s)
        asyncio.get_running_loop().call_later(min(_STARTING_S, lasts_s), starting.close)
        yield
        place.step_clock(-by_s)
