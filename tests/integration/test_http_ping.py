"""Pings to a real HTTP server."""

from __future__ import annotations

import threading

import pytest

from adapters.alerts.http_ping import HttpPing
from adapters.runtime.clock import SystemClock
from adapters.simulator.certificates import AMAZON_CA_FILE, shipped
from domain.errors import NotifyError, NotifyUnavailable
from tests.support.alert_servers import switch
from tests.support.odd_server import odd_server, saying


async def beat(url: str, *, is_well: bool = True, limit_s: float = 5.0) -> None:
    clock = SystemClock()
    await HttpPing(url, clock=clock).beat(is_well=is_well, deadline_s=clock.elapsed_s() + limit_s)


@pytest.mark.parametrize(
    ("path", "is_well", "requested"),
    [
        ("/ping/3f0c", True, "/ping/3f0c"),
        ("/ping/3f0c", False, "/ping/3f0c/fail"),
        ("/ping/3f0c/", False, "/ping/3f0c/fail"),
        ("/ping?key=1", False, "/ping/fail?key=1"),
        ("", True, "/"),
    ],
)
async def test_ping_gets_the_url_or_its_fail_variant(path: str, is_well: bool, requested: str) -> None:
    with switch() as (port, seen):
        await beat(f"http://127.0.0.1:{port}{path}", is_well=is_well)
    assert seen == [requested]


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_other_status_is_an_error_and_redirects_are_not_followed(status: int) -> None:
    with switch(status) as (port, seen), pytest.raises(NotifyError, match=str(status)) as refused:
        await beat(f"http://127.0.0.1:{port}/ping/3f0c-secret")
    assert seen == ["/ping/3f0c-secret"]
    assert "3f0c-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "every_s"), [(b"", None), (b"no HTTP at all\r\n\r\n", None), (b"H", 0.05)]
)
async def test_silent_odd_or_dripping_server_holds_one_thread_at_most(
    answer: bytes, every_s: float | None
) -> None:
    clock = SystemClock()
    with odd_server(saying(answer, every_s), secure=False) as odd:
        ping = HttpPing(f"http://{odd.address}/", clock=clock)
        for _ in range(3):
            with pytest.raises(NotifyUnavailable):
                await ping.beat(is_well=True, deadline_s=clock.elapsed_s() + 0.3)
        assert sum(thread.name == "ping" for thread in threading.enumerate()) <= 1
    with pytest.raises(NotifyUnavailable):  # the server is gone
        await beat(f"http://{odd.address}/")


async def test_body_of_the_reply_is_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with odd_server(saying(head, 0.05), secure=False) as odd:
        await beat(f"http://{odd.address}/", limit_s=30)


async def test_certificate_authorities_of_the_system_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    with switch(context=shipped("alexa.pem").server_context()) as (port, seen):
        with pytest.raises(NotifyUnavailable, match="SSL"):
            await beat(f"https://localhost:{port}/")
        monkeypatch.setenv("SSL_CERT_FILE", str(AMAZON_CA_FILE))  # as OpenSSL reads it
        await beat(f"https://localhost:{port}/")
    assert seen == ["/"]


async def test_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with switch() as (port, seen):
        await beat(f"http://127.0.0.1:{port}/")
    assert seen == ["/"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "http://127.0.0.1:abc/"])
async def test_invalid_url_is_reported_without_the_url(url: str) -> None:
    with pytest.raises(NotifyError) as refused:
        await beat(f"{url}secret-part")
    assert "secret-part" not in str(refused.value)
