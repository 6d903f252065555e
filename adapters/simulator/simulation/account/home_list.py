"""The simulated home's own list: what each source was asked in each cycle, and what it answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from adapters.simulator.amazon.endpoints import ROOM_WITHOUT_TIMES
from adapters.simulator.home import SimulatedHome
from adapters.simulator.messages import SeenRequest
from adapters.simulator.simulation.account.kills import KilledCycle
from adapters.simulator.simulation.account.refusals import Refusal
from adapters.simulator.simulation.account.shown import COLUMNS, About, Shown
from adapters.simulator.simulation.account.two_bridges import Listed, newest
from adapters.simulator.simulation.sources import SOURCES, kind_of, services_of
from domain.reading import Quantity

INTERVAL = timedelta(minutes=5)
_READING_PATHS = {
    "hue": ("/clip/v2/resource/temperature", "/api/***/sensors", "/api/***"),
    "amazon": ("/nexus/v1/graphql", "/api/phoenix/state"),
}
_COOKIES_PATH = "/ap/exchangetoken/cookies"
_SLOTS_OF_DETAILS = 13  # an hour, and the slot in which they are read
_TOKEN_PATHS = ("/auth/token", _COOKIES_PATH)
_MOST_ATTEMPTS = 3
_LONG = 5  # cycles in a row
_LATEST_S = 7.5  # of a reply: a source has 18 s for two requests, and the wait between them
_HARMLESS = {"Delay", "Dribble"}
_OK, _TOO_MANY, _SERVER_ERROR = 200, 429, 500
# A bridge is asked who is reachable less often than for temperatures.
_REACHABLE_BEFORE = tuple(timedelta(minutes=minutes) for minutes in (0, 15, 30))
# Its batteries are asked for hourly, and again an hour later if that fails; none loses 2 % meanwhile.
_BATTERY_BEFORE = tuple(timedelta(hours=hours) for hours in (0, 3))
_NETWORK, _NO_ANSWER = frozenset({"network"}), frozenset({"network", "out_of_time"})
_REFUSED = frozenset({"refused"})
_THROTTLED, _CREDENTIALS = frozenset({"throttled"}), frozenset({"credentials"})
# What an answer with an effect means, by source. Amazon answers with pages while it is in trouble, so that
# one of them says nothing about the data.
_MEANINGS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "Throttle": dict.fromkeys(SOURCES, _THROTTLED),
    "ThrottledInside": dict.fromkeys(SOURCES, _THROTTLED),
    "Unavailable": dict.fromkeys(SOURCES, _NETWORK),
    "HalfBody": dict.fromkeys(SOURCES, _NETWORK),
    "Garbled": {"hue": frozenset({"garbled"}), "amazon": _NETWORK},
}


@attrs.frozen(kw_only=True)
class AskedCycle:
    """What a source was asked in a cycle that began so many true seconds after the start.

    `was_handed_over` if it sent a whole reply with readings; else `causes` are the right ones. `wait_s` is
    the longest wait that it asked for, from when the collector's clock showed `last_at`: its last request
    came `last_s` true seconds after the start. It `is_stale` if what was refused was not the refresh token:
    nobody need sign in so far.
    """

    at_s: float
    last_s: float
    last_at: datetime
    was_handed_over: bool
    causes: frozenset[str] = frozenset()
    wait_s: float = 0.0
    is_stale: bool = False


@attrs.define
class HomeList:
    """What the home was asked, and what it handed over, in the order in which it did.

    `shown_at` returns what the collector's clock showed at a true instant. `killed` are cycles in which the
    collector was killed. `unreachable` are slots in which a source was not asked, and was unplugged or had
    moved, as nobody sees a connection that is refused there, or had just refused the token for the first
    time. `shown` are the readings of each device by
    slot; `uncertain` those of devices that were out of reach for a part of the last half hour: the bridge
    shows their last value, and the collector may know so or not. `short` counts, by operation of the
    collector, the requests that a short trouble cost, and `mended` those of them whose operation succeeded in
    the same cycle. `again` counts readings that a second cycle of the same slot was handed over instead.
    """

    shown_at: Callable[[datetime], datetime]
    sources: Sequence[str] = SOURCES
    cycles: dict[tuple[str, datetime], AskedCycle] = attrs.field(factory=dict)
    killed: list[KilledCycle] = attrs.field(factory=list)
    unreachable: set[tuple[str, datetime]] = attrs.field(factory=set)
    shown: dict[tuple[str, datetime], Shown] = attrs.field(factory=dict)
    source_of: dict[str, str] = attrs.field(factory=dict)  # by device
    listed: Listed = attrs.field(factory=dict)  # by each of several bridges
    uncertain: set[tuple[str, datetime]] = attrs.field(factory=set)
    short: Counter[str] = attrs.field(factory=Counter)
    mended: Counter[str] = attrs.field(factory=Counter)
    again: int = 0
    rude: Counter[str] = attrs.field(factory=Counter)  # requests that no retry policy allows
    refusals: int = 0  # of the refresh token, for good
    _taken_s: float = 0.0
    _addresses: dict[str, str] = attrs.field(factory=dict)  # at which each source answered last
    _refresh_token: str = ""
    refusal: Refusal = attrs.field(factory=Refusal)
    _is_in_vain: bool = False  # to get cookies, after the data service refused a token
    _failures: Counter[str] = attrs.field(factory=Counter)  # cycles in a row, by source

    def take(
        self, home: SimulatedHome, now: datetime, slot_of_cycle: Callable[[str, datetime], datetime]
    ) -> None:
        """Note the requests of one cycle that ended now, and forget them.

        `slot_of_cycle` returns the slot of a source's cycle by the instant of its first request.
        """
        if self._refresh_token != home.alexa.refresh_token:  # another one, of which nothing is known
            self._refresh_token, self.refusal = home.alexa.refresh_token, Refusal()
        for source, service in services_of(home).items():
            requests = service.requests
            since_s = requests[0].elapsed_s if requests else self._taken_s
            was_away = service.was_unplugged_since(since_s) or self._has_moved(source, service.address)
            if requests:
                slot = slot_of_cycle(source, requests[0].at)
                self._take(home, source, slot, requests, was_unplugged=was_away)
                if self.cycles[source, slot].was_handed_over:
                    self._addresses[source] = service.address
            elif was_away or (source == "amazon" and self.refusal.is_too_new(self.shown_at(now))):
                self.unreachable.add((source, slot_of_cycle(source, now)))
                self._failures[source] += 1  # if it was asked
            requests.clear()
        self._taken_s = home.bridge.elapsed_s()

    def take_killed(self, home: SimulatedHome, now: datetime, *, has_line: bool) -> None:
        """Note the requests of a cycle in which the collector was killed, and forget them.

        `has_line` if the cycle had been printed, and its requests are noted.
        """
        cycle = HomeList(shown_at=self.shown_at, sources=self.sources)
        cycle.refusal, cycle._refresh_token = self.refusal, self._refresh_token
        cycle.take(home, now, lambda *_: slot_of(now))
        if cycle.refusal != self.refusal:  # which the collector may have noted or not
            self.refusal = attrs.evolve(cycle.refusal, is_unsure=True)
        self.uncertain |= cycle.uncertain
        self.source_of |= cycle.source_of
        handed: dict[str, dict[str, Shown]] = {}
        for (device, _), shown in cycle.shown.items():
            handed.setdefault(cycle.source_of[device], {})[device] = shown
        asked = {source: one for (source, _), one in cycle.cycles.items()}
        causes = {source: one.causes for source, one in asked.items()}
        self.killed.append(KilledCycle(at=now, has_line=has_line, handed=handed, causes=causes, asked=asked))

    def _has_moved(self, source: str, address: str) -> bool:
        return self._addresses.get(source, address) != address

    def _take(
        self,
        home: SimulatedHome,
        source: str,
        slot: datetime,
        requests: Sequence[SeenRequest],
        *,
        was_unplugged: bool,
    ) -> None:
        whole = [one for one in requests if _is_whole(source, one)]
        meanings = [(one, self._meaning(source, one)) for one in requests]
        before = self.cycles.get((source, slot))
        if whole and before is not None and before.was_handed_over:
            again = (device for device, each in self.shown if each == slot)
            self.again += sum(self.source_of[device] == source for device in again)
        if whole:  # what the first way has counts, and the second only adds to it
            usual = [one for one in whole if one.path == _READING_PATHS[kind_of(source)][0]]
            self._note_readings(home, source, slot, (usual or whole)[-1])
        self._count_short(source, meanings, was_handed_over=bool(whole), was_unplugged=was_unplugged)
        self.rude.update(_rude_requests(source, requests, whole))
        causes = _causes(source, meanings)
        if was_unplugged:  # after the last request that it saw
            causes |= _NETWORK
        if source == "amazon" and self.refusal.is_final:  # which the collector may remember instead
            causes |= _CREDENTIALS
        self.cycles[source, slot] = AskedCycle(
            at_s=requests[0].elapsed_s,
            last_s=requests[-1].elapsed_s,
            last_at=self.shown_at(requests[-1].at),
            was_handed_over=bool(whole),
            causes=frozenset() if whole else causes,
            is_stale=source == "amazon" and self.refusal.since is None,
            wait_s=max((_seconds(one.retry_after) for one in requests), default=0.0),
        )

    def _meaning(self, source: str, request: SeenRequest) -> frozenset[str]:
        """Return the causes that the answer to a request calls for; none, if nothing is wrong with it."""
        if "WrongCertificate" in request.faults:
            return _REFUSED
        if not request.path or "Reset" in request.faults:
            return _NETWORK
        if request.status is None or request.completed_at is None:
            return _NO_ANSWER
        meaning = frozenset[str]().union(
            *(_MEANINGS[name][kind_of(source)] for name in request.faults if name in _MEANINGS)
        )
        if request.status == _TOO_MANY:
            meaning |= _THROTTLED
        elif request.status >= _SERVER_ERROR:
            meaning |= _NETWORK
        if request.path == _COOKIES_PATH and not meaning:
            self._is_in_vain |= request.is_refusal
            return frozenset()  # a refresh token that gives no cookies may give an access token
        if request.path in _TOKEN_PATHS and not meaning:
            return self._meaning_of_token(request)
        if request.is_refusal and (request.status != _OK or not meaning):
            is_doubted = self.refusal.since is not None and not self.refusal.is_final
            meaning |= _NETWORK if is_doubted and source == "amazon" else _CREDENTIALS
        return meaning

    def _meaning_of_token(self, request: SeenRequest) -> frozenset[str]:
        if not request.is_refusal:
            self.refusal, self._is_in_vain = Refusal(), False
            return frozenset()
        before = self.refusal
        self.refusal = before.after(self.shown_at(request.at))  # the collector goes by its own clock
        self.refusals += self.refusal.is_final and not before.is_final
        if self.refusal.is_unsure:
            return _CREDENTIALS | _NETWORK
        return _CREDENTIALS if self.refusal.is_final else _NETWORK

    def _count_short(
        self,
        source: str,
        meanings: Sequence[tuple[SeenRequest, frozenset[str]]],
        *,
        was_handed_over: bool,
        was_unplugged: bool,
    ) -> None:
        """Count the requests that a short trouble cost, unless another trouble cost some as well.

        Nor do they count at the end of a long trouble, in which a collector may ask once a cycle.
        """
        failures = self._failures[source]
        self._failures[source] = 0 if was_handed_over else failures + 1
        failed = [one for one, meaning in meanings if meaning]
        if was_unplugged or failures >= _LONG or not all(self._is_short(one) for one in failed):
            return
        for one in failed:
            is_token = one.path in _TOKEN_PATHS
            operation = "amazon.token" if is_token else f"{kind_of(source)}.read"
            self.short[operation] += 1
            later = (each.path for each, meaning in meanings if each.at > one.at and not meaning)
            self.mended[operation] += was_handed_over or (is_token and one.path in later)

    def _is_short(self, request: SeenRequest) -> bool:
        """Return whether the next request of the kind would have been answered.

        So it is where an access token had ended, as long as the refresh token is accepted. A service that is
        so slow that there is no time for a second request is another trouble.
        """
        if request.late_s > _LATEST_S:
            return False
        if request.is_refusal and (self.refusal.since or self._is_in_vain or request.path in _TOKEN_PATHS):
            return False
        is_well = _HARMLESS.issuperset(request.faults) and request.completed_at is not None
        is_single = request.is_limited and sum(name not in _HARMLESS for name in request.faults) == 1
        return is_single or (request.is_refusal and is_well)

    def _note_readings(self, home: SimulatedHome, source: str, slot: datetime, request: SeenRequest) -> None:
        at = request.at
        if source == "amazon":
            alexa, is_second = home.alexa, request.path != _READING_PATHS[source][0]
            for monitor in alexa.monitors:
                if alexa.is_reachable(monitor.serial, at):
                    own = {each: alexa.value(monitor.serial, each, at) for each in monitor.quantities}
                    times = (alexa.observed_at(monitor.serial, each, at) for each in own)
                    has_times = not (is_second and monitor.room == ROOM_WITHOUT_TIMES)
                    about: About = (("alexa_aqm",), (monitor.name,), (None,), (1,))
                    observed_at = max(times) if has_times else None
                    self._show(source, monitor.device_id, slot, own, about, at, observed_at)
            return
        is_v1 = request.path != _READING_PATHS[kind_of(source)][0]
        bridge = home.bridge_of(source.partition(":")[2])
        for sensor in bridge.sensors:
            device, of = sensor.device_id, bridge.heard_at(sensor, at)
            reachable = [home.is_reachable(device, of - before) for before in _REACHABLE_BEFORE]
            if any(reachable):
                observed_at = home.observed_at(device, of)
                if is_v1:
                    observed_at = observed_at.replace(microsecond=0)
                own = {Quantity.TEMPERATURE: home.temperature(device, of)}
                batteries: set[int | None] = {
                    home.battery_percent(device, of - before) for before in _BATTERY_BEFORE
                }
                is_new = source not in SOURCES and not self._has_been_listed(source, device, slot)
                if is_new:  # charge and link are read hourly
                    batteries.add(None)
                links = (1,) if all(reachable) and not is_new else (1, None)  # None: the bridge did not say
                about = (("hue_sensor",), (sensor.name,), batteries, links)
                self._show(source, device, slot, own, about, at, observed_at)
            if not all(reachable):
                self.uncertain.add((device, slot))

    def _has_been_listed(self, source: str, device: str, slot: datetime) -> bool:
        """Return whether the bridge has listed the device for an hour."""
        before = (slot - number * INTERVAL for number in range(1, _SLOTS_OF_DETAILS + 1))
        return all(source in self.listed.get((device, each), ()) for each in before)

    def _show(
        self,
        source: str,
        device: str,
        slot: datetime,
        values: Mapping[Quantity, float],
        about: About,
        at: datetime,
        observed_at: datetime | None,
    ) -> None:
        now = self.shown_at(at)
        is_early = source == "amazon" and observed_at is not None and observed_at > now
        one = Shown(
            values=tuple(values.get(each) for each in COLUMNS.values()),
            about=about,
            observed_at=now if is_early else observed_at,
            is_early=is_early,
        )
        if source not in SOURCES:
            listed = self.listed.setdefault((device, slot), {})
            listed[source] = one
            source, one = newest(listed)
        self.shown[device, slot] = one
        self.source_of[device] = source


def slot_of(at: datetime) -> datetime:
    """Return the slot of an instant."""
    return at - timedelta(seconds=at.timestamp() % INTERVAL.total_seconds())


def slots_between(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the slots from that of `start` until `end`."""
    slot = slot_of(start)
    while slot < end:
        yield slot
        slot += INTERVAL


def _causes(source: str, meanings: Sequence[tuple[SeenRequest, frozenset[str]]]) -> frozenset[str]:
    """Return the right causes of a cycle without readings.

    They are those of the last answer that was wrong. If that was one to a second way of reading, they are
    also those of the last one to the first way, which led to it.
    """
    wrong = [(one.path, meaning) for one, meaning in meanings if meaning]
    if not wrong:
        return frozenset()
    path, causes = wrong[-1]
    first_way, *others = _READING_PATHS[kind_of(source)]
    if path in others:
        led_to_it = [meaning for path, meaning in wrong if path == first_way]
        causes = causes.union(*led_to_it[-1:])
    # a bridge is looked for at several addresses: another one at one of them says more than none at the last
    return causes | _REFUSED if any(meaning == _REFUSED for _, meaning in wrong) else causes


def _is_whole(source: str, request: SeenRequest) -> bool:
    return (
        request.path in _READING_PATHS[kind_of(source)]
        and request.status == _OK
        and request.completed_at is not None
        and not request.is_refusal
        and not request.is_discovery
        and _HARMLESS.issuperset(request.faults)
    )


def _rude_requests(
    source: str, requests: Sequence[SeenRequest], whole: Sequence[SeenRequest]
) -> Iterator[str]:
    """Yield, in words, the requests of a cycle that a source need not have had."""
    waits = [
        (one.completed_at, one.completed_at + timedelta(seconds=_seconds(one.retry_after)))
        for one in requests
        if one.completed_at is not None
    ]
    first_way, *_ = _READING_PATHS[kind_of(source)]
    failed, has_readings = 0, False
    for one in requests:
        if any(asked < one.at < until for asked, until in waits):
            yield f"{source} before the wait that it asked for was over"
        if one.path == first_way and not (one.is_discovery or one.is_refusal):
            if has_readings:
                yield f"{source} after its readings"
            failed += one not in whole
            if failed > _MOST_ATTEMPTS:
                yield f"{source} after {_MOST_ATTEMPTS} attempts"
        has_readings |= one in whole


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
