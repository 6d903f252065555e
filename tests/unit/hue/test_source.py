"""Choice of the read, its replacement after a failure, and the connection afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.hue.source import Strategy
from domain.cycle import SourceReply
from domain.errors import (
    CredentialsRefused,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from domain.reading import Quantity
from tests.support.canned_bridge import CONFIG, a_canned_opener, a_reply_of
from tests.support.hue_bench import HueBench, a_hue_bench, temperatures
from tests.support.hue_replies import (
    UNIQUEID,
    a_v1_error,
    a_v1_temperature,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)

SENSORS = {"4": a_v1_temperature()}
REPLIES: dict[str, Any] = {
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
ROUND = {**CONFIG, "modelid": "BSB001"}
FOUND = {f"hue:{UNIQUEID}": 21.43}


class Attempt:
    """A source in front of a bridge with those replies."""

    def __init__(self, replies: dict[str, Any], strategy: Strategy = "auto", url: str = "https://b") -> None:
        self.opener = a_canned_opener({url: {**REPLIES, **replies}})
        address = url if url.startswith("http:") else "b"
        pin = "ab" * 32 if url.startswith("https:") else None
        self.bench: HueBench = a_hue_bench(
            address, certificate_sha256=pin, opener=self.opener, strategy=strategy
        )

    async def read(self) -> SourceReply:
        return await self.bench.read()

    @property
    def asked(self) -> list[str]:
        return [operation for operation in self.opener.asked if operation != "hue.config"]


@pytest.mark.parametrize(
    ("strategy", "firmware", "first"),
    [
        ("auto", "1975170000", "hue.v2/temperature"),
        ("auto", "1935144020", "hue.v1/sensors"),
        ("v2", "1935144020", "hue.v2/temperature"),
        ("v1", "1975170000", "hue.v1/sensors"),
        ("whole_bridge", "1975170000", "hue.v1/whole_bridge"),
    ],
)
async def test_home_chooses_the_read(strategy: Strategy, firmware: str, first: str) -> None:
    attempt = Attempt({"hue.config": {**CONFIG, "swversion": firmware}}, strategy)
    reply = await attempt.read()
    assert attempt.asked[0] == first
    assert reply.strategy in first
    [reading] = reply.readings
    assert (reading.device_id, reading.values) == (f"hue:{UNIQUEID}", {Quantity.TEMPERATURE: 21.43})
    assert (reading.battery_percent, reading.is_reachable) == (83, True)


async def test_bridge_without_v2_is_read_by_v1_and_not_asked_again() -> None:
    attempt = Attempt({"hue.v2/temperature": None})
    replies = [await attempt.read() for _ in range(2)]
    assert [(reply.notes, reply.strategy) for reply in replies] == [((), "v1")] * 2
    assert attempt.asked == ["hue.v2/temperature", "hue.v1/sensors", "hue.v1/sensors"]


@pytest.mark.parametrize("strategy", SMALL)
@pytest.mark.parametrize(
    "answer",
    [
        b"{",
        a_v1_error(3),
        a_reply_of({}, status=301),
        a_reply_of({}, status=500),
    ],
    ids=str,
)
async def test_failed_read_is_replaced_by_the_next_larger_one(strategy: Strategy, answer: Any) -> None:
    attempt = Attempt({SMALL[strategy]: answer}, strategy)
    reply = await attempt.read()
    way, note = "v1", "read version 1 of the API, since version 2 could not be read: "
    if strategy == "v1":
        way, note = "whole_bridge", "read the whole bridge, since the sensors alone could not be read: "
    assert (temperatures(reply), reply.strategy) == (FOUND, way)
    assert attempt.asked[0] == SMALL[strategy]
    assert len(attempt.asked) == 2
    assert reply.notes[0].startswith(note)
    assert attempt.bench.journal.events() == ("hue.fallback",)


@pytest.mark.parametrize(
    ("first", "last", "raised"),
    [
        (a_reply_of({}, status=500), a_reply_of(b"", status=404), SourceUnavailable),
        (a_reply_of({}, status=500), a_v1_error(1), SourceUnavailable),  # v2 did not refuse the key
        (a_reply_of({}, status=500), a_reply_of(b"", status=429, retry_after="30"), SourceThrottled),
        (b"<html>", a_reply_of(b"", status=403), SourceGarbled),
        (b"<html>", ConnectionResetError(104, "Connection reset by peer"), SourceGarbled),
        (a_reply_of({}, status=302), b"{", SourceRefused),
        (None, a_v1_error(1), CredentialsRefused),
        (None, a_reply_of({}, status=500), SourceUnavailable),
    ],
    ids=str,
)
async def test_failed_fallback_is_reported_with_the_first_cause(
    first: Any, last: Any, raised: type[SourceError]
) -> None:
    attempt = Attempt({"hue.v2/temperature": first, "hue.v1/sensors": last, "hue.v1/whole_bridge": last})
    with pytest.raises(raised) as failed:
        await attempt.read()
    cause, _, rest = str(failed.value).partition("; and then: ")
    status = {bytes: "not JSON", type(None): "HTTP 404"}.get(type(first)) or f"HTTP {first.status}"
    assert status in cause
    assert rest
    assert not isinstance(failed.value, SourceThrottled) or failed.value.retry_after_s == 30


HANG = SourceUnavailable("no complete answer")
TROUBLE: list[Any] = [
    None,
    a_reply_of(b"", status=403),
    a_reply_of(b"", status=401),
    a_reply_of(b"", status=500),
    a_reply_of(b"", status=503),
    a_reply_of(b"", status=302),
    a_v1_error(901),
    a_v1_error(1, "unauthorized user"),
    a_v1_error(3),
    b"{",
    b"<html></html>",
    a_reply_of(b"<html></html>", content_type="text/html"),
    [],
    {},
    {"errors": [], "data": None},
    an_envelope(errors=["internal"]),
    a_reply_of(b"", status=429),
    HANG,
    ConnectionResetError(104, "Connection reset by peer"),
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
@pytest.mark.parametrize(
    "failing",
    [
        ("hue.v1/sensors",),
        ("hue.v2/device",),
        ("hue.v2/device_power",),
        ("hue.v2/zigbee_connectivity",),
        ("hue.v1/sensors", "hue.v1/whole_bridge", "hue.v2/device", "hue.v2/device_power"),
        ("hue.v2/device", "hue.v2/device_power", "hue.v2/zigbee_connectivity"),
    ],
    ids=lambda names: f"{len(names)} {names[0]}",
)
async def test_optional_reads_cost_no_temperature_from_the_first_cycle(
    failing: tuple[str, ...], trouble: Any
) -> None:
    attempt = Attempt(dict.fromkeys(failing, trouble))
    for _ in range(2):
        reply = await attempt.read()
        assert (temperatures(reply), reply.strategy, reply.notes) == (FOUND, "v2", ())
    assert attempt.asked[-1] == "hue.v2/temperature", "they are not asked again in the next cycle"
    assert len(attempt.asked) <= 6


@pytest.mark.parametrize("trouble", [HANG, a_reply_of(b"", status=500), a_v1_error(1)], ids=str)
async def test_temperatures_that_belong_to_no_sensor_tell_why(trouble: Any) -> None:
    failing = ["hue.v1/sensors", "hue.v1/whole_bridge", "hue.v2/zigbee_connectivity"]
    attempt = Attempt(dict.fromkeys(failing, trouble))
    for _ in range(2):  # each cycle tries again
        with pytest.raises(SourceUnavailable, match=r"not which sensors they belong to: .*; and then: "):
            await attempt.read()
    for replies in (attempt.opener.clients[-1].replies, attempt.opener.replies["https://b"]):
        replies["hue.v1/sensors"] = SENSORS
    assert temperatures(await attempt.read()) == FOUND


@pytest.mark.parametrize("strategy", SMALL)
@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (a_reply_of(b"", status=429), SourceThrottled),
        (a_reply_of(b"", status=401), CredentialsRefused),
        (ConnectionResetError(104, "Connection reset by peer"), SourceUnavailable),
    ],
    ids=str,
)
async def test_errors_of_every_read_do_not_lead_to_the_whole_bridge(
    strategy: Strategy, answer: Any, raised: type[SourceError]
) -> None:
    attempt = Attempt({SMALL[strategy]: answer}, strategy)
    with pytest.raises(raised):
        await attempt.read()
    assert attempt.asked == [SMALL[strategy]]


async def test_sensors_without_identity_lead_to_the_whole_bridge() -> None:
    attempt = Attempt({"hue.v1/sensors": None, "hue.v2/zigbee_connectivity": None})
    assert temperatures(await attempt.read()) == FOUND
    assert "hue.v1/whole_bridge" in attempt.asked
    await attempt.read()
    assert attempt.asked[-1] != "hue.v1/sensors", "v2 is still used"


async def test_errors_that_come_with_data_are_noted() -> None:
    envelope = an_envelope(a_v2_temperature(), errors=["one sensor is missing"])
    reply = await Attempt({"hue.v2/temperature": envelope}).read()
    assert len(reply.readings) == 1
    assert reply.notes == ("the bridge reports: one sensor is missing",)


async def test_v2_is_not_asked_without_encryption() -> None:
    attempt = Attempt({"hue.config": ROUND}, "v2", "http://b")
    assert temperatures(await attempt.read()) == FOUND
    assert attempt.asked == ["hue.v1/sensors"]


async def test_failed_connection_is_our_error() -> None:
    with pytest.raises(SourceUnavailable):
        await Attempt({"hue.config": ConnectionResetError(104, "Connection reset by peer")}).read()


@pytest.mark.parametrize(
    "answer",
    [*(a_reply_of(b"", status=status) for status in (301, 401, 403, 404, 429, 500)), b"{", a_v1_error(901)],
    ids=str,
)
async def test_bridge_with_a_proof_is_read_without_its_description(answer: Any) -> None:
    assert temperatures(await Attempt({"hue.config": answer}).read()) == FOUND


@pytest.mark.parametrize(
    ("url", "status", "connects_again"),
    [
        ("https://b", 429, False),  # the trouble will pass
        ("https://b", 401, True),  # perhaps another bridge answers by now
        ("https://b", 301, True),
        ("http://b", 503, True),  # without HTTPS any failure may be due to another bridge
    ],
)
async def test_identity_is_checked_again_after_a_refusal(url: str, status: int, connects_again: bool) -> None:
    attempt = Attempt({"hue.config": ROUND if url == "http://b" else CONFIG}, "v1", url)
    await attempt.read()
    [client] = attempt.opener.clients
    healthy, client.replies = client.replies, dict.fromkeys(REPLIES, a_reply_of(b"", status=status))
    with pytest.raises(SourceError):
        await attempt.read()
    client.replies = healthy
    await attempt.read()
    assert (attempt.opener.asked.count("hue.config") == 2) is connects_again
