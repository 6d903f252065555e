"""The tests' own guard: nothing leaves this machine."""

from __future__ import annotations

import asyncio
import socket

import pytest
import requests


def test_a_connection_to_another_machine_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(BaseException, match=r"wanted to talk to 192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 80))


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(BaseException, match=r"wanted to talk to example\.invalid"):
        socket.getaddrinfo("example.invalid", 80)


def test_a_client_library_does_not_get_around_it() -> None:
    with pytest.raises(BaseException, match=r"wanted to talk to 192\.0\.2\.1"):
        requests.get("http://192.0.2.1/", timeout=0.1)


async def test_neither_does_an_event_loop() -> None:
    with pytest.raises(BaseException, match=r"wanted to talk to 192\.0\.2\.1"):
        await asyncio.open_connection("192.0.2.1", 80)


def test_a_datagram_to_everybody_is_not_sent() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sending,
        pytest.raises(BaseException, match=r"wanted to talk to 224\.0\.0\.251"),
    ):
        sending.sendto(b"who is there?", ("224.0.0.251", 5353))


def test_loopback_is_open() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as receiving, socket.socket(type=socket.SOCK_DGRAM) as sending:
        receiving.bind(("127.0.0.1", 0))
        assert sending.sendto(b"hello", receiving.getsockname()) == len(b"hello")
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
