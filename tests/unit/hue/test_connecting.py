"""Addresses of bridges, and connections to bridges that prove their identity."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from typing import Any

import pytest
import urllib3.exceptions as u3

from adapters.hue.bridge import Bridge
from adapters.hue.calls import Call
from adapters.hue.connecting import Address, BridgeConnector, BridgeMemory, EarlierReads, parse_address
from adapters.hue.tls import SIGNIFY_ROOTS, Pinned, SignedBy
from adapters.memory.runtime import MemoryClock
from adapters.memory.state import MemoryState
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryMeasurements
from adapters.runtime.clock import SystemClock
from domain.errors import SourceRefused, SourceUnavailable, StoreError
from domain.measurements import ReadCost
from ports.state import Json, State
from tests.support.builders import NOON, a_cycle, a_measurement
from tests.support.canned_bridge import CONFIG, a_canned_opener, a_reply_of
from tests.support.hue_bench import CountingState

BRIDGE_ID = "001788fffe2e57ed"
PIN = "ab" * 32
HTTPS, HTTP = "https://127.0.0.1", "http://127.0.0.1"
ROUND = {**CONFIG, "modelid": "BSB001", "swversion": "01041302"}


class Place:
    """Replies over HTTPS and HTTP at 127.0.0.1; a missing one is a refused connection."""

    def __init__(self, *, https: Any = None, http: Any = None) -> None:
        given = {HTTPS: https, HTTP: http}
        self.opener = a_canned_opener(
            {url: {"hue.config": config} for url, config in given.items() if config is not None}
        )

    def connect(self, address: str = "127.0.0.1", state: State | None = None, **changes: Any) -> Bridge:
        fields: dict[str, Any] = {"bridge_id": BRIDGE_ID, "certificate_sha256": None, "roots": SIGNIFY_ROOTS}
        memory = BridgeMemory(MemoryState() if state is None else state)
        clock = SystemClock()
        call = Call(opener=self.opener, kept=None, deadline_s=clock.elapsed_s() + 10, clock=clock)
        return BridgeConnector(memory=memory, **(fields | changes)).connect(call, address)

    @property
    def urls(self) -> list[str]:
        return [url for url, _ in self.opener.opened]


def test_bridge_is_connected_over_https_by_its_id() -> None:
    place = Place(https=CONFIG)
    assert place.connect(bridge_id=BRIDGE_ID.upper()).offers_v2
    (url, proof) = place.opener.opened[0]
    assert url == HTTPS
    assert isinstance(proof, SignedBy)
    assert proof.bridge_id.lower() == BRIDGE_ID


def test_pinned_bridge_must_be_the_right_one_too() -> None:
    place = Place(https=CONFIG)
    place.connect(certificate_sha256=PIN)
    assert place.opener.opened == [(HTTPS, Pinned(PIN))]
    with pytest.raises(SourceRefused, match="001788fffe2e57ed instead of ecb5fafffe000001"):
        Place(https=CONFIG).connect(certificate_sha256=PIN, bridge_id="ecb5fafffe000001")


@pytest.mark.parametrize("config", [a_reply_of({}, status=404), b"<html>", {}], ids=str)
def test_bridge_with_a_proof_needs_no_description(config: Any) -> None:
    assert Place(https=config).connect().offers_v2


@pytest.mark.parametrize(
    ("firmware", "offers"),
    [("1948086000", True), ("1948085999", False), ("next", True), ("9" * 5000, True), (None, True)],
    ids=lambda value: str(value)[:12],
)
def test_v2_depends_on_the_firmware_if_it_is_known(firmware: Any, offers: bool) -> None:
    assert Place(https={**CONFIG, "swversion": firmware}).connect().offers_v2 is offers


WITHOUT_HTTPS = pytest.mark.parametrize(
    "config", [ROUND, {**CONFIG, "swversion": "1804201115"}], ids=["round", "old"]
)


@WITHOUT_HTTPS
def test_bridge_without_https_is_connected_where_the_address_says_http(config: Any) -> None:
    place = Place(http=config)
    assert not place.connect(HTTP).offers_v2
    assert place.opener.opened == [(HTTP, None)]


@WITHOUT_HTTPS
@pytest.mark.parametrize("bridge_id", [BRIDGE_ID, None])
def test_address_without_http_gets_no_key_without_https(config: Any, bridge_id: str | None) -> None:
    """Whoever closes port 443 and answers at port 80 could call itself so, with the known id."""
    place, state = Place(http=config), MemoryState()
    refused = r"write http://127\.0\.0\.1" if bridge_id else "no bridge answers|write http://"
    for _ in range(3):
        with pytest.raises((SourceRefused, SourceUnavailable), match=refused):
            place.connect(state=state, bridge_id=bridge_id)
    assert {operation for client in place.opener.clients for operation in client.asked} <= {"hue.config"}


def test_other_trouble_with_https_sends_nothing_over_http() -> None:
    place = Place(https=u3.ConnectTimeoutError(), http=ROUND)
    with pytest.raises(SourceUnavailable):
        place.connect(earlier=some_reads("v1"))
    assert place.urls == [HTTPS]


def some_reads(*ways: str, source: str = "hue") -> EarlierReads:
    """Reads that a home has stored."""
    store = MemoryStore()
    costs = [
        a_measurement(NOON + timedelta(minutes=5 * number), source=source, strategy=way)
        for number, way in enumerate(ways)
    ]
    store.append(a_cycle(measurements=tuple(costs)))
    return EarlierReads(
        source="hue", measurements=MemoryMeasurements(store), clock=MemoryClock(NOON + timedelta(days=30))
    )


@pytest.mark.parametrize("ways", [("v1",), ("v1", "whole_bridge")])
def test_bridge_that_was_read_without_https_is_read_on(ways: tuple[str, ...]) -> None:
    """By a version that needed no http:// in the address, of which it noted nothing."""
    place, state = Place(http=ROUND), MemoryState()
    assert not place.connect(state=state, earlier=some_reads(*ways)).offers_v2
    assert not place.connect(state=state).offers_v2, "the measurements may be forgotten"
    with pytest.raises(SourceUnavailable):
        place.connect(state=state, bridge_id="ecb5fafffe000001")
    state.put(f"hue.plain.{BRIDGE_ID}", {"place": "192.0.2.7"})
    with pytest.raises(SourceRefused, match="write http://"):
        place.connect(state=state, earlier=some_reads(*ways))  # it was read elsewhere


@pytest.mark.parametrize(
    "earlier", [some_reads(), some_reads("v2"), some_reads("v1", "v2"), some_reads("v1", source="hue:other")]
)
def test_other_reads_do_not_allow_plain_http(earlier: EarlierReads) -> None:
    place = Place(http=ROUND)
    with pytest.raises(SourceRefused, match="write http://"):
        place.connect(earlier=earlier)


def test_unreadable_measurements_do_not_allow_plain_http() -> None:
    class Broken:
        def between(self, since: datetime, until: datetime) -> list[ReadCost]:
            raise StoreError("damaged")

    earlier = EarlierReads(source="hue", measurements=Broken(), clock=MemoryClock(NOON))
    with pytest.raises(SourceRefused, match="write http://"):
        Place(http=ROUND).connect(earlier=earlier)


def test_bridge_that_had_https_is_not_read_on_without() -> None:
    state = MemoryState()
    Place(https=CONFIG).connect(state=state)
    place = Place(http=ROUND)
    with pytest.raises(SourceUnavailable):
        place.connect(state=state, earlier=some_reads("v1"))
    assert place.urls == [HTTPS]


@pytest.mark.parametrize("config", [CONFIG, {**ROUND, "modelid": "BSB003"}])
def test_bridge_with_https_gets_no_key_over_http(config: Any) -> None:
    place = Place(http=config)
    with pytest.raises(SourceRefused, match=r"has HTTPS.* without http://"):
        place.connect(HTTP)
    with pytest.raises(SourceUnavailable):
        place.connect(earlier=some_reads("v2"))
    assert {operation for client in place.opener.clients for operation in client.asked} == {"hue.config"}


@pytest.mark.parametrize(
    "config",
    [
        {**ROUND, "modelid": None},
        {},
        {**ROUND, "modelid": "deCONZ", "bridgeid": "00212EFFFF0A1B2C"},
        {**ROUND, "bridgeid": "nas"},
    ],
    ids=str,
)
def test_what_is_no_bridge_gets_no_key_over_http(config: Any) -> None:
    place = Place(http=config)
    with pytest.raises(SourceRefused, match="no Hue bridge answers"):
        place.connect(HTTP, bridge_id=None)
    assert place.opener.clients[-1].asked == ["hue.config"]


def test_another_bridge_gets_no_key_over_http() -> None:
    with pytest.raises(SourceRefused, match="001788fffe2e57ed instead of ecb5fafffe000001"):
        Place(http=ROUND).connect(HTTP, bridge_id="ecb5fafffe000001")


@pytest.mark.parametrize(
    "failure",
    [
        u3.ConnectTimeoutError(),
        u3.SSLError(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")),
        u3.SSLError(ssl.SSLCertVerificationError(1, "self-signed certificate")),
        ConnectionResetError(104, "Connection reset by peer"),
        OSError(113, "No route to host"),
    ],
    ids=repr,
)
def test_http_is_used_only_if_nothing_listens_for_https(failure: Exception) -> None:
    place = Place(https=failure, http=ROUND)
    with pytest.raises((SourceUnavailable, SourceRefused)):
        place.connect()
    assert place.urls == [HTTPS]


def test_address_with_a_port_means_that_port_only() -> None:
    place = Place(http=ROUND)
    with pytest.raises(SourceUnavailable):
        place.connect("127.0.0.1:8443")
    assert place.urls == ["https://127.0.0.1:8443"]


@pytest.mark.parametrize("kept", [{}, {"certificate_sha256": PIN}], ids=["seen over HTTPS", "pinned"])
def test_bridge_that_had_https_gets_no_request_over_http(kept: Any) -> None:
    state = MemoryState()
    if not kept:
        Place(https=CONFIG).connect(state=state)
    place = Place(http=ROUND)
    with pytest.raises(SourceUnavailable):
        place.connect(state=state, **kept)
    with pytest.raises(SourceRefused, match="has HTTPS"):
        place.connect(HTTP, state, **kept)
    assert place.urls == [HTTPS]


def test_round_bridge_at_the_address_of_a_square_one_needs_its_id() -> None:
    state = MemoryState()
    Place(https=CONFIG).connect(state=state)
    place = Place(http={**ROUND, "bridgeid": "001788FFFE0000AA"})
    assert place.connect(HTTP, state=state, bridge_id="001788fffe0000aa")


def test_redirect_to_https_says_what_to_write() -> None:
    page = a_reply_of(b"", status=301, location="https://127.0.0.1/api/config", content_type="text/html")
    with pytest.raises(SourceRefused, match=r"to HTTPS.* without http://"):
        Place(http=page).connect(HTTP)


def test_memory_is_read_once_and_written_when_it_changes() -> None:
    state = CountingState()
    memory = BridgeMemory(state)
    facts: dict[str, Json] = {"bridge_id": BRIDGE_ID, "has_https": True}
    for _ in range(3):
        memory.update("hue.reach.a", **facts)
        assert memory.get("hue.reach.a") == facts
    assert (state.gets, state.puts) == (1, 1)
    assert BridgeMemory(state).get("hue.reach.a") == facts


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (" 192.168.1.2\n", "https://192.168.1.2"),
        ("192.168.1.2:8443", "https://192.168.1.2:8443"),
        ("HTTPS://192.168.1.2/", "https://192.168.1.2"),
        ("https://192.168.1.2:443/", "https://192.168.1.2:443"),
        ("Bridge.LAN:443", "https://bridge.lan:443"),
        ("fe80::217:88ff:fe5a:1e57", "https://[fe80::217:88ff:fe5a:1e57]"),
        ("[::1]:8443", "https://[::1]:8443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("fe80::1%eth0", "https://[fe80::1%eth0]"),
    ],
)
def test_address_is_https_unless_http_is_written(written: str, url: str) -> None:
    address = parse_address(written)
    assert (address.url("https"), address.is_plain) == (url, False)


def test_http_is_kept_and_does_not_change_the_place() -> None:
    assert parse_address("HTTP://192.168.1.2:80/") == Address(host="192.168.1.2", port=80, is_plain=True)
    assert parse_address("http://[::1]").place == parse_address("::1").place


def test_empty_address_names_the_setting() -> None:
    with pytest.raises(SourceRefused, match=r"collectors\.hue\.bridge_ip"):
        parse_address(" ")


@pytest.mark.parametrize(
    "written",
    [
        *("ftp://192.168.1.2", "https://", "192.168.1.2/clip", "192.168.1.2?x=1", "192.168.1.2#x"),
        *("me@192.168.1.2", "me:pass@192.168.1.2", "192.168.1.2:bridge", "192.168.1.2:99999"),
        *("192.168.1.2:0", "[::1", "192.168.1.2 192.168.1.3", ":8443"),
    ],
)
def test_invalid_address_is_refused_and_shown(written: str) -> None:
    with pytest.raises(SourceRefused, match="Write host or host:port") as refused:
        parse_address(written)
    assert repr(written) in str(refused.value)
