"""Which read is chosen, and which takes its place when it makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.hue.bridge import NO_KEY, Reached
from adapters.hue.errors import PAIR_AGAIN
from adapters.hue.sensor_directory import Directory
from adapters.hue.source import Found, Reads, Strategy
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemoryState
from domain.errors import CredentialsRefused, SourceError, SourceGarbled, SourceThrottled, SourceUnavailable
from tests.support.builders import NOON
from tests.support.canned_bridge import CannedSession, a_canned_bridge, a_reply_of
from tests.support.hue_replies import (
    a_v1_error,
    a_v1_temperature,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)

SENSORS = {"4": a_v1_temperature()}
ANSWERS: dict[str, Any] = {
    "hue.v1/sensors": SENSORS,
    "hue.v1/whole_bridge": {"config": {}, "sensors": SENSORS},
    "hue.v2/temperature": an_envelope(a_v2_temperature()),
    "hue.v2/device": an_envelope(a_v2_device()),
    "hue.v2/device_power": an_envelope(a_v2_power()),
    "hue.v2/zigbee_connectivity": an_envelope(a_v2_link()),
}
SMALL: dict[Strategy, str] = {
    "v1": "hue.v1/sensors",
    "v2": "hue.v2/temperature",
    "auto": "hue.v2/temperature",
}


class Attempt:
    """One read of a bridge with those answers."""

    def __init__(
        self, answers: dict[str, Any], *, offers_v2: bool = True, base_url: str = "https://b"
    ) -> None:
        self.session = CannedSession({**ANSWERS, **answers}, base_url)
        self.reached = Reached(bridge=a_canned_bridge(self.session), offers_v2=offers_v2)
        self.journal = MemoryJournal()

    def found(self, strategy: Strategy = "auto") -> Found:
        reads = Reads(
            source="hue",
            strategy=strategy,
            directory=Directory(state=MemoryState(), key="hue.directory", journal=self.journal),
            clock=MemoryClock(NOON),
            journal=self.journal,
        )
        return reads.found(self.reached, 10.0)


@pytest.mark.parametrize(
    ("strategy", "offers_v2", "first"),
    [
        ("auto", True, "hue.v2/temperature"),
        ("auto", False, "hue.v1/sensors"),
        ("v2", True, "hue.v2/temperature"),
        ("v2", False, "hue.v2/temperature"),
        ("v1", True, "hue.v1/sensors"),
        ("whole_bridge", True, "hue.v1/whole_bridge"),
    ],
)
def test_a_home_may_choose_the_read(strategy: Strategy, offers_v2: bool, first: str) -> None:
    attempt = Attempt({}, offers_v2=offers_v2)
    assert len(attempt.found(strategy).sensors) == 1
    assert attempt.session.asked[0] == first


def test_the_reads_agree_about_the_sensor() -> None:
    strategies: list[Strategy] = ["v2", "v1", "whole_bridge"]
    agreed = {
        (sensor.uniqueid, sensor.temperature, sensor.battery_percent, sensor.is_reachable)
        for strategy in strategies
        for sensor in Attempt({}).found(strategy).sensors
    }
    assert len(agreed) == 1


def test_a_bridge_that_turns_out_to_lack_v2_is_read_by_v1_and_not_asked_again() -> None:
    attempt = Attempt({"hue.v2/temperature": None})
    found = [attempt.found(), attempt.found()]
    assert attempt.session.asked == ["hue.v2/temperature", "hue.v1/sensors", "hue.v1/sensors"]
    assert [each.notes for each in found] == [(), ()]


@pytest.mark.parametrize("strategy", SMALL)
@pytest.mark.parametrize(
    "answer",
    [
        b"{",
        b"",
        [],
        7,
        a_v1_error(3),
        a_v1_error(7),
        a_reply_of(b"<html>", content_type="text/html"),
        a_reply_of({}, status=405),
        a_reply_of({}, status=301),
        SourceGarbled("the reply is larger than 4,000,000 bytes"),
    ],
    ids=str,
)
def test_a_read_that_makes_no_sense_is_replaced_by_the_whole_bridge_and_that_is_said(
    strategy: Strategy, answer: Any
) -> None:
    attempt = Attempt({SMALL[strategy]: answer})
    found = attempt.found(strategy)
    assert [sensor.temperature for sensor in found.sensors] == [21.43]
    assert attempt.session.asked == [SMALL[strategy], "hue.v1/whole_bridge"]
    assert found.notes[0].startswith("read the whole bridge, since the sensors alone could not be read: ")
    assert attempt.journal.events() == ("hue.fallback",)


@pytest.mark.parametrize("strategy", SMALL)
@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (a_reply_of(b"", status=429), SourceThrottled),
        (a_reply_of(b"", status=503), SourceUnavailable),
        (a_reply_of(b"", status=401), CredentialsRefused),
        (ConnectionResetError(104, "Connection reset by peer"), SourceUnavailable),
        (SourceUnavailable("no complete answer within the time for this source"), SourceUnavailable),
    ],
    ids=str,
)
def test_a_key_throttling_or_the_network_is_no_reason_to_ask_for_more(
    strategy: Strategy, answer: Any, raised: type[SourceError]
) -> None:
    attempt = Attempt({SMALL[strategy]: answer})
    with pytest.raises(raised):
        attempt.found(strategy)
    assert attempt.session.asked == [SMALL[strategy]]


def test_an_error_of_v1_about_the_key_is_none_either() -> None:
    attempt = Attempt({"hue.v1/sensors": a_v1_error(1)})
    with pytest.raises(CredentialsRefused):
        attempt.found("v1")
    assert attempt.session.asked == ["hue.v1/sensors"]


def test_a_bridge_that_fails_at_this_read_is_asked_for_all_of_it() -> None:
    attempt = Attempt({"hue.v1/sensors": a_v1_error(901)})
    assert len(attempt.found("v1").sensors) > 0
    assert attempt.session.asked == ["hue.v1/sensors", "hue.v1/whole_bridge"]


def test_a_whole_bridge_that_makes_no_sense_either_is_a_failure() -> None:
    with pytest.raises(SourceGarbled, match="without its sensors"):
        Attempt({"hue.v1/sensors": b"{", "hue.v1/whole_bridge": {}}).found("v1")


def test_temperatures_of_nobody_are_not_a_sign_that_v2_is_missing() -> None:
    attempt = Attempt({"hue.v1/sensors": None, "hue.v2/zigbee_connectivity": None})
    found = attempt.found()
    assert "hue.v1/whole_bridge" in attempt.session.asked
    assert [sensor.uniqueid for sensor in found.sensors] == [SENSORS["4"]["uniqueid"]]
    assert attempt.reached.offers_v2


def test_what_the_bridge_says_beside_the_data_is_passed_on() -> None:
    envelope = an_envelope(a_v2_temperature(), errors=["one sensor is missing"])
    found = Attempt({"hue.v2/temperature": envelope}).found()
    assert len(found.sensors) == 1
    assert found.notes == ("the bridge says: one sensor is missing",)


def test_v2_is_not_asked_without_encryption() -> None:
    attempt = Attempt({}, base_url="http://b")
    assert len(attempt.found("v2").sensors) == 1
    assert attempt.session.asked == ["hue.v1/whole_bridge"]


@pytest.mark.parametrize("strategy", [*SMALL, "whole_bridge"])
@pytest.mark.parametrize("key", ["", "two words", "l\u00f6we", "new\nline", "\u00a0"])
def test_what_cannot_be_a_key_is_not_sent(strategy: Strategy, key: str) -> None:
    attempt = Attempt({})
    attempt.reached = Reached(bridge=a_canned_bridge(attempt.session, api_key=key), offers_v2=True)
    with pytest.raises(CredentialsRefused) as refused:
        attempt.found(strategy)
    assert str(refused.value) == NO_KEY != PAIR_AGAIN
    assert attempt.session.asked == []
