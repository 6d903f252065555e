"""Calling a dead-man's switch on a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from adapters.alerts.http_ping import HttpPing
from adapters.runtime.clock import SystemClock
from domain.errors import NotifyError, NotifyUnavailable
from tests.support.odd_server import odd_server, saying


@contextmanager
def switch(status: int = 200) -> Iterator[tuple[int, list[str]]]:
    """A server's port, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name upstairs
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


async def beat(url: str, *, is_well: bool = True, limit_s: float = 5.0) -> None:
    clock = SystemClock()
    await HttpPing(url, clock=clock).beat(is_well=is_well, deadline_s=clock.elapsed_s() + limit_s)


@pytest.mark.parametrize(
    ("path", "is_well", "asked"),
    [
        ("/ping/3f0c", True, "/ping/3f0c"),
        ("/ping/3f0c", False, "/ping/3f0c/fail"),
        ("/ping/3f0c/", False, "/ping/3f0c/fail"),
        ("/ping?key=1", False, "/ping/fail?key=1"),
        ("", True, "/"),
    ],
)
async def test_the_url_is_called_and_with_fail_at_its_path_when_nothing_was_kept(
    path: str, is_well: bool, asked: str
) -> None:
    with switch() as (port, seen):
        await beat(f"http://127.0.0.1:{port}{path}", is_well=is_well)
    assert seen == [asked]


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_any_other_answer_is_said_and_no_redirect_followed(status: int) -> None:
    with switch(status) as (port, seen), pytest.raises(NotifyError, match=str(status)) as refused:
        await beat(f"http://127.0.0.1:{port}/ping/3f0c-secret")
    assert seen == ["/ping/3f0c-secret"]
    assert "3f0c-secret" not in str(refused.value)


async def test_a_server_that_is_silent_or_away_or_no_server_at_all_is_given_up_in_time() -> None:
    with odd_server(saying(b""), secure=False) as odd, pytest.raises(NotifyUnavailable):
        await beat(f"http://{odd.address}/", limit_s=0.3)
    with pytest.raises(NotifyUnavailable):
        await beat(f"http://{odd.address}/")
    with odd_server(saying(b"no HTTP at all\r\n\r\n"), secure=False) as odd, pytest.raises(NotifyUnavailable):
        await beat(f"http://{odd.address}/", limit_s=0.3)


async def test_a_server_that_drips_is_given_up_in_time() -> None:
    with odd_server(saying(b"H", 0.05), secure=False) as odd, pytest.raises(NotifyUnavailable):
        await beat(f"http://{odd.address}/", limit_s=0.5)


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/", "http://127.0.0.1:abc/"])
async def test_a_url_that_cannot_be_called_is_said_without_itself(url: str) -> None:
    with pytest.raises(NotifyError) as refused:
        await beat(f"{url}secret-part")
    assert "secret-part" not in str(refused.value)
