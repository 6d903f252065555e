"""Generated replies: any reply of a bridge ends in readings or in a SourceError."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.http.replies import retry_after_s
from adapters.hue.parsing import parse_sensors
from adapters.hue.source import Strategy
from domain.cycle import SourceReply
from domain.errors import SourceError
from tests.support.builders import NOON
from tests.support.canned_bridge import CONFIG, KEY, a_canned_opener, a_reply_of
from tests.support.hue_bench import a_hue_bench
from tests.support.hue_replies import (
    a_v1_presence,
    a_v1_temperature,
    a_v2_device,
    a_v2_link,
    a_v2_power,
    a_v2_temperature,
    an_envelope,
)
from tests.support.odd_json import ANY_JSON, ANY_TEXT, as_json, spoiled

SENSORS: Any = {"1": {"type": "Daylight"}, "4": a_v1_temperature(), "5": a_v1_presence()}
REAL: Mapping[str, Any] = {
    "hue.v1/sensors": SENSORS,
    "hue.v1/whole_bridge": {"config": {"whitelist": {}}, "sensors": SENSORS},
    "hue.v2/temperature": an_envelope(a_v2_temperature()),
    "hue.v2/device": an_envelope(a_v2_device()),
    "hue.v2/device_power": an_envelope(a_v2_power()),
    "hue.v2/zigbee_connectivity": an_envelope(a_v2_link()),
}
ANY_STRATEGY: st.SearchStrategy[Strategy] = st.sampled_from(["auto", "v2", "v1", "whole_bridge"])
ANY_STATUS = st.integers(100, 999)


def read(strategy: Strategy, replies: Mapping[str, Any]) -> SourceReply | SourceError:
    """Return what a read ends with; any other exception fails the test."""
    opener = a_canned_opener({"https://b": {**REAL, **replies}})
    bench = a_hue_bench("b", certificate_sha256="a", opener=opener, strategy=strategy, raw_response=True)
    try:
        return asyncio.run(bench.read())
    except SourceError as error:
        return error


def check(outcome: SourceReply | SourceError) -> None:
    """Check that a reply can be stored: each device once, and text that any file takes."""
    if isinstance(outcome, SourceError):
        assert KEY not in str(outcome)
    else:
        devices = [each.device_id for each in outcome.readings]
        devices += [each.device_id for each in outcome.unread]
        assert len(devices) == len(set(devices))
        texts = [each.location + (each.raw_response or "") for each in outcome.readings]
        "".join([*devices, *texts, *outcome.notes, *(each.detail for each in outcome.unread)]).encode()
        for reading in outcome.readings:
            json.loads(reading.raw_response or "null", parse_constant=float.fromhex)


@st.composite
def spoiled_bytes(draw: st.DrawFn, operation: str) -> bytes:
    """Return a real reply in another encoding, cut short, nested, or with other bytes inside."""
    real = json.dumps(REAL[operation]).encode()
    at, depth = draw(st.integers(0, 300)), draw(st.integers(1, 5000))
    garbage = draw(
        st.binary(max_size=300)
        | st.sampled_from([b"[" * depth + b"]" * depth, b'{"a":' * depth + b"}" * depth])
    )
    encoding = draw(st.sampled_from(["utf-16", "utf-32", "latin-1", "utf-8-sig"]))
    sensor = b'{"4": {"type": "ZLLTemperature", "uniqueid": "x", "a": ' + garbage + b"}}"
    forms = [garbage, real[:at], real[:at] + garbage + real[at:], sensor, real.decode().encode(encoding)]
    return draw(st.sampled_from(forms))


@settings(max_examples=60)
@given(ANY_STRATEGY, st.sampled_from([*REAL, "hue.config"]), st.data())
def test_mutated_real_reply(strategy: Strategy, operation: str, data: st.DataObject) -> None:
    content = data.draw(spoiled({**REAL, "hue.config": CONFIG}[operation]))
    check(read(strategy, {operation: as_json(content).encode()}))


@settings(max_examples=60)
@given(ANY_STRATEGY, st.sampled_from([*REAL, "hue.config"]), ANY_JSON)
def test_any_json(strategy: Strategy, operation: str, content: Any) -> None:
    check(read(strategy, {operation: json.dumps(content).encode()}))


@settings(max_examples=100)
@given(ANY_STRATEGY, st.sampled_from(list(REAL)), st.data())
def test_any_bytes(strategy: Strategy, operation: str, data: st.DataObject) -> None:
    check(read(strategy, {operation: data.draw(spoiled_bytes(operation))}))


@settings(max_examples=60)
@given(ANY_STRATEGY, ANY_STATUS, ANY_TEXT, ANY_TEXT)
def test_any_status_and_headers(strategy: Strategy, status: int, kind: str, wait: str) -> None:
    reply = a_reply_of(b"", status=status, content_type=kind, retry_after=wait, location=wait)
    check(read(strategy, dict.fromkeys(REAL, reply)))


@given(
    ANY_TEXT
    | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [-+\w]{3,5}", fullmatch=True)
)
def test_any_retry_after_is_within_a_day(header: str) -> None:
    wait_s = retry_after_s(header, NOON)
    assert wait_s is None or 0.0 <= wait_s <= 86_400.0


@given(st.dictionaries(ANY_TEXT, ANY_JSON, max_size=3))
def test_sensor_is_parsed_among_any_other_entries(others: dict[str, Any]) -> None:
    sensors = parse_sensors({**others, "4": a_v1_temperature()})
    assert next(sensor for sensor in sensors if sensor.where == "/sensors/4").temperature == 21.43
