"""The server of the dashboard, asked over HTTP: what it serves, to whom, and what it refuses."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import socket
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from adapters.memory.runtime import MemoryClock
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory, MemoryLedger, MemoryMeasurements
from domain.errors import StoreError
from domain.reading import Quantity, Reading
from entrypoints.commands.stored_data.dashboard import access_at, cause_and_step
from entrypoints.web.page_data import PageData
from entrypoints.web.rendering import STATIC, assets, render
from entrypoints.web.server import Access, application, runner_of
from entrypoints.wiring.dashboard import save_report
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading, an_unread
from tests.support.fetch_uplot import SHA256, checksums

MINUTE = timedelta(minutes=1)
HOSTS = ("127.0.0.1", "localhost")
HOSTILE = "</script><img src=x onerror=alert(1)>"
Client = TestClient[web.Request, web.Application]


def stored_home() -> MemoryStore:
    """A home of two sensors over two hours, with half an hour in which the bridge was silent."""
    store = MemoryStore()
    for number in range(24):
        slot = NOON - (24 - number) * 5 * MINUTE
        due = a_due(slot=slot)
        if 10 <= number < 16:
            store.append(a_cycle(a_failed(due, detail="timed out")))
            continue
        readings = [a_reading("hue:a", collected_at=slot, location=HOSTILE, temperature=20 + number / 10)]
        unread = (an_unread("hue:b"),) if number == 20 else ()
        if not unread:
            readings.append(a_reading("hue:b", collected_at=slot, location="Hall"))
        store.append(a_cycle(a_collected(*readings, due=due, unread=unread)))
    return store


def page_data(store: MemoryStore) -> PageData:
    return PageData(
        history=MemoryHistory(store),
        ledger=MemoryLedger(store),
        measurements=MemoryMeasurements(store),
        clock=MemoryClock(NOON),
        zone=ZoneInfo("Europe/Berlin"),
        interval=5 * MINUTE,
        is_simulated=True,
        incidents=lambda: [{"text": "Hall: silent", "detail": "", "since": NOON.timestamp()}],
        database=lambda: {"name": "readings.db", "bytes": 1_000_000, "backup": None, "version": "0"},
    )


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    app = application(page_data(stored_home()), Access(hosts=HOSTS))
    async with TestClient(TestServer(app)) as started:
        yield started


async def test_data_has_breaks_and_their_reasons(client: Client) -> None:
    reply = await client.get("/data?range=6h")
    content = await reply.json()
    (chart,) = content["charts"]
    line = next(one for one in chart["series"] if one["device"] == "hue:a")
    assert chart["quantity"] == Quantity.TEMPERATURE
    assert line["means"].count(None) == 1
    assert len(line["means"]) == 24 - 6 + 1
    gaps = [(gap["subject"], gap["end"] - gap["begin"], gap["reason"]) for gap in content["gaps"]]
    assert gaps == [
        ("Hue bridge", 1800.0, "the source could not be reached"),
        ("Hall", 300.0, "the sensor could not be reached"),
    ]


async def test_no_served_byte_names_an_outside_address(client: Client) -> None:
    for path in ("/", "/data", *(f"/static/{name}" for name in assets())):
        reply = await client.get(path)
        body = await reply.read()
        assert reply.status == 200, path
        assert not re.search(rb"(https?:)?//[a-z0-9-]+\.[a-z]", body), path


@pytest.mark.parametrize("path", ["/", "/data", "/static/page.js", "/none", "/data?range=no"])
async def test_every_response_keeps_pages_apart(client: Client, path: str) -> None:
    for headers in ({}, {"Host": "evil.example"}):
        found = (await client.get(path, headers=headers)).headers
        rules = [rule.strip() for rule in found["Content-Security-Policy"].split(";")]
        assert rules == [
            "default-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
        assert found["X-Content-Type-Options"] == "nosniff"
        assert found["Referrer-Policy"] == "no-referrer"
        assert found["Cross-Origin-Resource-Policy"] == "same-origin"
        assert found["Cache-Control"] == "no-store"


async def test_names_are_escaped_in_the_page(client: Client) -> None:
    text = await (await client.get("/")).text()
    assert HOSTILE not in text
    embedded = re.search(r'<script type="application/json" id="content">(.*?)</script>', text, re.DOTALL)
    assert embedded is not None
    assert HOSTILE in {room["name"] for room in json.loads(embedded.group(1))["rooms"]}
    assert HOSTILE not in render({**json.loads(embedded.group(1)), "range": ""}, inline=True)
    assert "Simulated home" in text


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8765", 200), ("LOCALHOST", 200), ("evil.example", 403), ("127.0.0.1.evil.example:80", 403)],
)
async def test_other_host_names_are_refused(client: Client, host: str, status: int) -> None:
    for path in ("/", "/data", "/events", "/static/page.js"):
        if path == "/events" and status == 200:
            continue
        assert (await client.get(path, headers={"Host": host})).status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_no_route_changes_anything(client: Client, method: str) -> None:
    for path in ("/", "/data", "/events", "/static/page.js"):
        assert (await client.request(method, path)).status == 405


@pytest.mark.parametrize(
    "query",
    [
        "range=2y",
        "range=custom",
        "range=custom&since=5&until=5",
        "range=custom&since=x&until=1",
        "range=custom&since=nan&until=1",
        "range=custom&since=0&until=253402300799",
    ],
)
async def test_a_wrong_range_is_answered_with_a_message(client: Client, query: str) -> None:
    reply = await client.get(f"/data?{query}")
    assert reply.status == 400
    assert (await reply.text()).strip()


async def test_a_token_is_asked_for_beyond_this_machine() -> None:
    app = application(page_data(stored_home()), Access(hosts=HOSTS, token="s3cret"))
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/")).status == 403
        assert (await client.get("/?token=wrong")).status == 403
        reply = await client.get("/?token=s3cret")
        assert (reply.status, reply.url.query_string) == (200, "")
        assert (await client.get("/data")).status == 200  # by the cookie


async def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryHistory):
        def newest(self, until: datetime | None = None) -> Sequence[Reading]:
            raise ZeroDivisionError(until)

    caplog.set_level("DEBUG")
    data = attrs.evolve(page_data(stored_home()), history=Broken(stored_home()))
    runner = runner_of(application(data, Access(hosts=HOSTS, token="s3cret")))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with ClientSession() as session:
            for path, status in (("/data", 500), ("/none", 404)):
                async with session.get(f"{address}{path}?token=s3cret") as reply:
                    assert reply.status == status
        for rest, code in (
            (b"?token=s3cret\xff HTTP/1.1", b"400"),
            (b" HTTP/1.1\r\nCookie: homeclimate=\xff", b"403"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
            writer.write(b"GET /" + rest + b"\r\nHost: localhost\r\n\r\n")
            assert (await reader.readline()).split()[1] == code
            writer.close()
    finally:
        await runner.cleanup()
    assert "ZeroDivisionError" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("host", "known", "unknown"),
    [
        ("127.0.0.1", ("127.0.0.1:8765", "localhost", "[::1]:8765"), ("192.168.1.20", "evil.example")),
        ("::1", ("[::1]:8765",), ("evil.example",)),
        ("192.168.1.20", ("192.168.1.20:8765", "localhost"), ("192.168.1.21", "evil.example")),
        ("fe80::1", ("[fe80::1]:8765",), ("fe80",)),
        ("", ("192.168.1.20:8765", "[fe80::1]:8765"), ("evil.example", "")),
        ("Home.Example", ("home.example",), ("evil.example", "192.168.1.20")),
        (
            "0.0.0.0",  # noqa: S104
            ("192.168.1.20:8765", "[fe80::1]:8765", f"{socket.gethostname()}.local"),
            ("evil.example",),
        ),
        ("::", ("192.168.1.20",), ("evil.example", "192.168.1.20.evil.example")),
    ],
)
def test_hosts_that_are_known_at_an_address(host: str, known: Sequence[str], unknown: Sequence[str]) -> None:
    access = access_at(host)
    assert [one for one in known if not access.knows_host(one)] == []
    assert [one for one in unknown if access.knows_host(one)] == []
    assert (access.token is None) == (host in ("127.0.0.1", "::1"))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EADDRINUSE, "another program uses this port. Choose another one with --port"),
        (errno.EADDRNOTAVAIL, "this machine does not have this address. Name one of its own with --host"),
        (errno.EACCES, "this user may not use this port. Choose one above 1023 with --port"),
        (socket.EAI_NONAME, "no such name. Choose another --host or --port"),
    ],
)
def test_address_that_cannot_be_used_has_a_next_step(number: int, text: str) -> None:
    assert cause_and_step(OSError(number, "no such name")) == text


async def test_a_store_in_trouble_is_an_answer_too() -> None:
    class Away(MemoryHistory):
        def newest(self, until: datetime | None = None) -> Sequence[Reading]:
            raise StoreError(f"the disk was away until {until}")

    data = attrs.evolve(page_data(stored_home()), history=Away(stored_home()))
    async with TestClient(TestServer(application(data, Access(hosts=HOSTS)))) as client:
        for path in ("/", "/data"):
            reply = await client.get(path)
            assert (reply.status, reply.headers["Refresh"]) == (503, "10")
            assert (await reply.text()).strip() == f"the disk was away until {NOON}"


class Held(MemoryHistory):
    """A history whose charts wait until `go` is set; `builds` counts how often a page was begun."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.go = threading.Event()
        self.builds = 0

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        self.builds += 1
        return super().newest(until)

    def values(
        self, device_id: str, since: datetime, until: datetime
    ) -> Mapping[Quantity, Sequence[tuple[datetime, float]]]:
        assert since >= NOON - timedelta(hours=3) or self.go.wait(30)
        return super().values(device_id, since, until)


async def test_newest_values_come_before_the_charts_and_many_readers_cost_one_build() -> None:
    store = stored_home()
    history = Held(store)
    data = attrs.evolve(page_data(store), history=history)
    async with TestClient(
        TestServer(
            application(data, Access(hosts=HOSTS)),
        )
    ) as client:
        packed = await client.get("/data?range=24h")
        plain = await client.get("/data?range=24h", headers={"Accept-Encoding": "identity"})
        newest = json.loads(await plain.content.readany() + b"}")
        assert ("charts" in newest, len(newest["rooms"])) == (False, 2)
        history.go.set()
        assert (packed.headers["Content-Encoding"], "Content-Encoding" in plain.headers) == ("gzip", False)
        content = await packed.json()
        assert {**newest, **content} == content
        assert [len(chart["series"]) for chart in content["charts"]] == [2]
        assert history.builds == 1
        store.append(a_cycle(a_collected(a_reading("hue:a", collected_at=NOON), due=a_due(slot=NOON))))
        assert (await (await client.get("/data?range=24h")).json())["newest_id"] == content["newest_id"] + 1


async def test_ranges_whose_readers_went_away_are_not_made() -> None:
    history = Held(stored_home())
    data = attrs.evolve(page_data(stored_home()), history=history)
    runner = runner_of(application(data, Access(hosts=HOSTS)))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with ClientSession(f"http://127.0.0.1:{port}") as session:
            held = [await session.get(f"/data?range={name}") for name in ("6h", "24h")]
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /data?range=7d HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await (await session.get("/static/page.css")).read()
            writer.transport.abort()
            await (await session.get("/static/page.css")).read()
            history.go.set()
            for reply in held:
                await reply.read()
            assert (await (await session.get("/data?range=30d")).json())["range"] == "30d"
    finally:
        await runner.cleanup()
    assert history.builds == len(held) + 1


async def test_a_reader_that_goes_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    data = page_data(stored_home())
    runner = runner_of(application(data, Access(hosts=HOSTS)))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
        writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"event: newest")
        writer.transport.abort()
    finally:
        await runner.cleanup()
    assert not caplog.records


async def test_a_new_reading_is_an_event() -> None:
    store = stored_home()
    app = application(page_data(store), Access(hosts=HOSTS))
    async with TestClient(TestServer(app)) as client, client.get("/events") as reply:
        assert reply.headers["Content-Type"] == "text/event-stream"
        before = f"data: {len(store.readings)}\n".encode()
        assert [await reply.content.readline() for _ in range(3)] == [b"event: newest\n", before, b"\n"]
        store.append(a_cycle(a_collected(a_reading("hue:a", collected_at=NOON), due=a_due(slot=NOON))))
        while (line := await reply.content.readline()) in (b"event: newest\n", before, b"\n"):
            pass
        assert line == f"data: {len(store.readings)}\n".encode()


def test_the_chart_library_is_the_published_one() -> None:
    assert checksums({name: (STATIC / name).read_bytes() for name in SHA256}) == SHA256


def test_report_into_a_pipe_leaves_the_pipe(tmp_path: Path) -> None:
    """Root would otherwise replace /dev/null with a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        save_report(pipe, "a page")
        assert pipe.is_fifo()
        assert os.read(reader, 100) == b"a page"
    finally:
        os.close(reader)
