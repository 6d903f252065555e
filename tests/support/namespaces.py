"""Mounts, and a network with nothing but loopback, for child processes; both end with them."""

from __future__ import annotations

import fcntl
import os
import runpy
import shlex
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest


def in_mounts(mounts: str, command: Sequence[str], afterwards: str = "") -> list[str]:
    """Return a command that makes the mounts, runs `command` and then `afterwards`, with its exit code.

    Skip where mounts cannot be made.
    """
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        pytest.skip("mounts need unshare, and root")
    if subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mount namespaces cannot be made here")
    script = f"set -e\n{mounts}\nset +e\n{shlex.join(command)}\ncode=$?\n{afterwards}\nexit $code"
    return [unshare, "--mount", "sh", "-c", script]


def small_disk(folder: Path, size: str) -> str:
    """Replace the folder by a disk of that size with the same content."""
    place, kept = shlex.quote(str(folder)), shlex.quote(f"{folder}-kept")
    mounted = f"mount -t tmpfs -o size={size} tmpfs {place}"
    return f"mv {place} {kept}\nmkdir {place}\n{mounted}\ncp -a {kept}/. {place}"


def read_only(folder: Path) -> str:
    """Make the folder read-only."""
    named = shlex.quote(str(folder))
    return f"mount --bind {named} {named}\nmount -o remount,bind,ro {named}"


def filled(folder: Path) -> str:
    """Fill the folder's disk with a file `ballast`."""
    return f"dd if=/dev/zero of={shlex.quote(str(folder / 'ballast'))} bs=4096 2>/dev/null || true"


_CHECKOUT = Path(__file__).parents[2]
_SIOCSIFFLAGS = 0x8914
_UP_LOOPBACK_RUNNING_MULTICAST = 0x1 | 0x8 | 0x40 | 0x1000
_WITHOUT_LOOPBACK = "--without-loopback"


def run_apart(module: str, *arguments: str, has_loopback: bool = True) -> str:
    """What a module of the tests prints, run in such a network; skips where none can be made."""
    options = [] if has_loopback else [_WITHOUT_LOOPBACK]
    done = subprocess.run(
        [*_unshare(), sys.executable, "-m", "tests.support.namespaces", *options, module, *arguments],
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
