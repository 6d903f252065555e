"""Over which way a bridge is reached, and when it is not."""

from __future__ import annotations

import errno
import ssl
from typing import Any

import pytest
import urllib3

from adapters.hue.bridge import Bridge, Call, Reached
from adapters.hue.locating import Reach
from adapters.hue.tls import SIGNIFY_ROOTS, Pinned, Proof, SignedBy
from adapters.memory.spool import MemoryState
from adapters.runtime.clock import SystemClock
from domain.errors import SourceRefused, SourceUnavailable
from ports.state import State
from tests.support.canned_bridge import CONFIG, KEY, CannedSession, a_canned_bridge, a_reply_of

BRIDGE_ID = "001788fffe2e57ed"
PIN = "ab" * 32
ROUND = {**CONFIG, "modelid": "BSB001", "swversion": "01041302"}
REFUSED = urllib3.exceptions.ProtocolError(
    "Connection aborted.", ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
)


class Place:
    """What answers at each base URL; whatever is not written down refuses the connection."""

    def __init__(self, **configs: Any) -> None:
        self.sessions = {
            f"{scheme}://127.0.0.1": CannedSession({"hue.config": config}, f"{scheme}://127.0.0.1")
            for scheme, config in {"https": REFUSED, "http": REFUSED, **configs}.items()
        }
        self.opened: list[tuple[str, Proof | None]] = []
        self.call = Call(
            open_bridge=self._open, kept=None, deadline_s=SystemClock().elapsed_s() + 10, clock=SystemClock()
        )

    def _open(self, base_url: str, proof: Proof | None) -> Bridge:
        self.opened.append((base_url, proof))
        return a_canned_bridge(self.sessions[base_url])

    @property
    def urls(self) -> list[str]:
        return [base_url for base_url, _ in self.opened]

    def reached(self, address: str = "127.0.0.1", state: State | None = None, **changes: Any) -> Reached:
        return a_reach(address, state, **changes).bridge(self.call)


def a_reach(address: str = "127.0.0.1", state: State | None = None, **changes: Any) -> Reach:
    fields: dict[str, Any] = {"bridge_id": BRIDGE_ID, "certificate_sha256": None, "roots": SIGNIFY_ROOTS}
    return Reach(address=address, state=MemoryState() if state is None else state, **(fields | changes))


def test_a_bridge_is_asked_who_it_is_over_https_by_its_id() -> None:
    place = Place(https=CONFIG)
    assert place.reached(bridge_id=BRIDGE_ID.upper()).offers_v2
    assert place.opened == [("https://127.0.0.1", SignedBy(roots=SIGNIFY_ROOTS, bridge_id=BRIDGE_ID))]


def test_a_pinned_bridge_is_known_by_its_pin_and_still_has_to_be_the_right_one() -> None:
    place = Place(https=CONFIG)
    place.reached(certificate_sha256=PIN)
    assert place.opened == [("https://127.0.0.1", Pinned(certificate_sha256=PIN))]
    with pytest.raises(SourceRefused, match="001788fffe2e57ed instead of ecb5fafffe000001"):
        Place(https=CONFIG).reached(certificate_sha256=PIN, bridge_id="ecb5fafffe000001")


@pytest.mark.parametrize("config", [None, b"<html>", {}, [], b""], ids=str)
def test_a_bridge_that_proves_itself_need_not_say_who_it_is(config: Any) -> None:
    assert Place(https=config).reached().offers_v2


@pytest.mark.parametrize(
    ("firmware", "offers"),
    [
        ("1948086000", True),
        ("1948085999", False),
        ("", True),
        ("next", True),
        ("9" * 5000, True),
        (None, True),
    ],
    ids=lambda value: str(value)[:12],
)
def test_v2_is_asked_for_where_the_firmware_is_new_enough_or_not_told(firmware: Any, offers: bool) -> None:
    assert Place(https={**CONFIG, "swversion": firmware}).reached().offers_v2 is offers


def test_a_round_bridge_that_nobody_spoke_to_over_https_is_reached_without() -> None:
    place = Place(http=ROUND)
    assert not place.reached().offers_v2
    assert place.opened[-1] == ("http://127.0.0.1", None)


def test_a_square_bridge_from_before_https_is_reached_without() -> None:
    assert Place(http={**CONFIG, "swversion": "1804201115"}).reached()


@pytest.mark.parametrize("config", [CONFIG, {**ROUND, "modelid": "BSB003"}, {**ROUND, "modelid": None}, {}])
def test_a_bridge_that_has_https_gets_no_key_over_http(config: Any) -> None:
    for address in ("127.0.0.1", "http://127.0.0.1"):
        place = Place(http=config)
        with pytest.raises(SourceRefused, match=r"has HTTPS.* without http://"):
            place.reached(address)
        assert place.sessions["http://127.0.0.1"].asked == ["hue.config"]


def test_another_bridge_gets_no_key_over_http() -> None:
    with pytest.raises(SourceRefused, match="001788fffe2e57ed instead of ecb5fafffe000001"):
        Place(http=ROUND).reached(bridge_id="ecb5fafffe000001")


def test_http_is_the_way_only_where_nobody_listens_for_https() -> None:
    failures: list[Exception] = [
        urllib3.exceptions.ConnectTimeoutError(),
        urllib3.exceptions.TimeoutError(),
        urllib3.exceptions.SSLError(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")),
        urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")),
        urllib3.exceptions.ProtocolError(
            "Connection aborted.", ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        ),
        urllib3.exceptions.ProtocolError(
            "Connection aborted.", OSError(errno.EHOSTUNREACH, "No route to host")
        ),
    ]
    for failure in failures:
        place = Place(https=failure, http=ROUND)
        with pytest.raises(SourceUnavailable):
            place.reached()
        assert place.urls == ["https://127.0.0.1"]


def test_a_certificate_that_is_refused_is_not_a_reason_to_go_without() -> None:
    failure = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed certificate"))
    place = Place(https=failure, http=ROUND)
    with pytest.raises(SourceRefused, match="certificate"):
        place.reached()
    assert place.urls == ["https://127.0.0.1"]


def test_an_address_with_a_port_is_that_port_and_no_other() -> None:
    place = Place(http=ROUND)
    place.sessions["https://127.0.0.1:8443"] = place.sessions["https://127.0.0.1"]
    with pytest.raises(SourceUnavailable):
        place.reached("127.0.0.1:8443")
    assert place.urls == ["https://127.0.0.1:8443"]


def test_a_bridge_that_was_seen_over_https_is_never_asked_over_http() -> None:
    state = MemoryState()
    Place(https=CONFIG).reached(state=state)
    place = Place(http=ROUND)
    with pytest.raises(SourceUnavailable):
        place.reached(state=state)
    with pytest.raises(SourceRefused, match="has HTTPS"):
        place.reached("http://127.0.0.1", state)
    assert place.urls == ["https://127.0.0.1"]


def test_a_round_bridge_in_the_place_of_a_square_one_is_reached_once_its_id_is_written() -> None:
    state = MemoryState()
    Place(https=CONFIG).reached(state=state)
    assert Place(http={**ROUND, "bridgeid": "001788FFFE0000AA"}).reached(
        state=state, bridge_id="001788fffe0000aa"
    )


def test_a_bridge_with_a_pin_is_never_asked_over_http() -> None:
    place = Place(http=ROUND)
    with pytest.raises(SourceUnavailable):
        place.reached(certificate_sha256=PIN)
    with pytest.raises(SourceRefused, match="has HTTPS"):
        place.reached("http://127.0.0.1", certificate_sha256=PIN)
    assert place.urls == ["https://127.0.0.1"]


def test_a_bridge_that_redirects_to_https_says_what_to_write() -> None:
    page = a_reply_of(b"", status=301, location="https://127.0.0.1/api/config", content_type="text/html")
    with pytest.raises(SourceRefused, match=r"to HTTPS.* without http://"):
        Place(http=page).reached("http://127.0.0.1")


def test_the_memory_of_a_bridge_and_of_its_address_is_written_once() -> None:
    class CountingState(MemoryState):
        puts = 0

        def put(self, key: str, value: Any) -> None:
            self.puts += 1
            super().put(key, value)

    state = CountingState()
    for _ in range(3):
        Place(https=CONFIG).reached(state=state)
    assert state.puts == 2


def test_no_error_on_the_way_shows_the_key() -> None:
    url = f"/api/{KEY}/sensors"
    wrapped = urllib3.exceptions.ProtocolError(f"Max retries exceeded with url: {url}")
    wrapped.__cause__ = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    bridge = a_canned_bridge({"hue.v1/sensors": wrapped})
    with pytest.raises(SourceUnavailable, match="Connection reset by peer") as raised:
        bridge.v1("/sensors", 10.0)
    assert KEY not in repr(raised.value) + repr(raised.value.__cause__)
    assert raised.value.__suppress_context__
