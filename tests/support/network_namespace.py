"""A network that holds nothing but this machine's loopback, for a child process to do multicast in."""

from __future__ import annotations

import fcntl
import os
import runpy
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).parents[2]
_SIOCSIFFLAGS = 0x8914
_UP_LOOPBACK_RUNNING_MULTICAST = 0x1 | 0x8 | 0x40 | 0x1000
_WITHOUT_LOOPBACK = "--without-loopback"


def run_apart(module: str, *arguments: str, has_loopback: bool = True) -> str:
    """What a module of the tests prints, run in such a network; skips where none can be made."""
    options = [] if has_loopback else [_WITHOUT_LOOPBACK]
    done = subprocess.run(
        [*_unshare(), sys.executable, "-m", "tests.support.network_namespace", *options, module, *arguments],
        cwd=_CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _unshare() -> list[str]:
    """The command that makes the network, whoever runs the tests."""
    if shutil.which("unshare") is None:
        pytest.skip("no network namespace can be made: there is no unshare")
    for options in (["--net"], ["--net", "--user", "--map-root-user"]):
        command = ["unshare", *options]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    pytest.skip("no network namespace can be made: unshare --net is refused here")


def _let_loopback_multicast() -> None:
    assert socket.if_nameindex() == [(1, "lo")], "this is for a network that holds nothing else"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", _UP_LOOPBACK_RUNNING_MULTICAST)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


if __name__ == "__main__":
    del sys.argv[0]
    if sys.argv[0] == _WITHOUT_LOOPBACK:
        del sys.argv[0]
    else:
        _let_loopback_multicast()
    runpy.run_module(sys.argv[0], run_name="__main__")
