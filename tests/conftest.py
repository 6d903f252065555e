"""What every test gets: no way off this machine; and for who asks, a frozen clock or a simulated home."""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from hypothesis import HealthCheck, settings

from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from tests.support.builders import NOON
from tests.support.forked import end_preloaded

# Who is started in the background may have SIGINT ignored, and every child of it would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long generated cases take says more about the load of the machine than about the program.
settings.register_profile("without deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("without deadline")


def pytest_configure(config: pytest.Config) -> None:
    """Where nobody names tests, the long proofs are left to `./run proofs`."""
    names_tests = config.args_source is pytest.Config.ArgsSource.ARGS
    if not names_tests and not config.option.markexpr:
        config.option.markexpr = "not proof"
    gc.disable()  # until all is imported: there is nothing to collect


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a proof more time: half a minute of work is two on a busy machine."""
    for item in items:
        if item.get_closest_marker("proof") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(300))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests also wait, for processes and for sockets."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Exclude what was imported and collected from garbage collection; each of hundreds would visit it."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def home_clock() -> MemoryClock:
    """The clock of `simulated_home`: it stands still until `advance` or `step_wall` moves it."""
    return MemoryClock(NOON)


@pytest.fixture
def simulated_home(home_clock: MemoryClock) -> Iterator[SimulatedHome]:
    """A home with one bridge, answering on loopback."""
    with SimulatedHome(clock=home_clock).running() as home:
        yield home


@pytest.fixture
def frozen() -> Iterator[FrozenDateTimeFactory]:
    """The system's clock, standing at NOON, for code that cannot be given a clock; asyncio's goes on."""
    with freeze_time(NOON, real_asyncio=True) as clock:
        assert isinstance(clock, FrozenDateTimeFactory)
        yield clock


@pytest.fixture(scope="session", autouse=True)
def nothing_forks_on() -> Iterator[None]:
    """What was imported to be forked ends with the tests."""
    yield
    end_preloaded()


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for another machine fails, whatever the code under test makes of network errors."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded_connect(getattr(socket.socket, name)))
    monkeypatch.setattr(socket.socket, "sendto", _guarded_sending(socket.socket.sendto))
    monkeypatch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))


class LeftTheMachine(BaseException):
    """Not an `Exception`, so that nothing under test can take it for a failure of the network."""


def _guarded_connect(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX:
            _refuse_unless_loopback(address[0])
        return connect(self, address)

    return guarded


def _guarded_sending(sendto: Callable[..., Any]) -> Callable[..., Any]:
    """Datagrams need no connection: those of multicast reach everybody on the network."""

    def guarded(self: socket.socket, data: bytes, *rest: Any) -> Any:
        if self.family != socket.AF_UNIX:
            _refuse_unless_loopback(rest[-1][0])
        return sendto(self, data, *rest)

    return guarded


def _guarded_lookup(lookup: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(host: str | bytes | None, *arguments: Any, **options: Any) -> Any:
        if host is not None:
            _refuse_unless_loopback(host.decode() if isinstance(host, bytes) else host)
        return lookup(host, *arguments, **options)

    return guarded


def _refuse_unless_loopback(host: str) -> None:
    try:
        is_loopback = ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise LeftTheMachine(f"a test wanted to talk to {host}")
