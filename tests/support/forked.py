"""The program in a process of its own that starts at once: forked from one that has imported everything.

Only for what does not depend on how Python itself is started: its options, its encodings, its imports.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

_CHECKOUT = Path(__file__).parents[2]
_ONE_AT_A_TIME = threading.Lock()  # `cache` lets two that come first at once each make their own


class Forked:
    """A program that runs: of `subprocess.Popen` with pipes and text, what tests use."""

    def __init__(self, wanted: dict[str, object], stdin: int, stdout: int, stderr: int) -> None:
        self.returncode: int | None = None
        self._answers = _ordered(wanted, stdin, stdout, stderr)
        self.pid = int(self._answers.readline())

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Its exit code, or that of the signal made negative, as soon as it has ended."""
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self.returncode = int(self._answers.readline())
            self._answers.close()
        return self.returncode

    def wait(self, timeout: float = 50.0) -> int:
        if self.returncode is None:
            select.select([self._answers], [], [], timeout)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"process {self.pid} goes on after {timeout} s")
        return code


class Piped(Forked):
    """One whose words are read while it runs."""

    def __init__(self, wanted: dict[str, object], stdin: int = -1) -> None:
        (out, stdout), (err, stderr) = os.pipe(), os.pipe()
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
        super().__init__(wanted, stdin, stdout, stderr)
        os.close(stdout)
        os.close(stderr)

    def communicate(self, timeout: float = 50.0) -> tuple[str, str]:
        """Wait for its end; what it said on stdout since the last read, and on stderr."""
        with self.stdout, self.stderr:
            said, complaints = self.stdout.read(), self.stderr.read()
        self.wait(timeout)
        return said, complaints


def wanted(
    arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, ca_file: Path | None = None
) -> dict[str, object]:
    """An order: the command line after `homeclimate`, and the CA of a simulated world, or the real one."""
    return {
        "arguments": list(arguments),
        "environment": dict(environment),
        "folder": str(folder),
        "ca_file": str(ca_file) if ca_file else None,
    }


def run_forked(order: dict[str, object], timeout: float = 50.0) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run`: to its end, with what it said."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = Forked(order, -1, out.fileno(), err.fileno()).wait(timeout)
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(str(order["arguments"]), code, out.read(), err.read())


def _ordered(wanted: dict[str, object], stdin: int, stdout: int, stderr: int) -> IO[str]:
    """Have it started; where its number can be read, and then its exit code."""
    order_read, order = os.pipe()
    answers, answer_write = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    handed = [order_read, answer_write, nothing if stdin == -1 else stdin, stdout, stderr]
    with _ONE_AT_A_TIME:
        socket.send_fds(_preloaded()[0], [b"!"], handed)
    for descriptor in (order_read, answer_write, nothing):
        os.close(descriptor)
    with os.fdopen(order, "w") as file:
        json.dump(wanted, file)
    return os.fdopen(answers)


def end_preloaded() -> None:
    """End the process that forks, if there is one, and wait for what it still has to write."""
    if _preloaded.cache_info().currsize:
        orders, process = _preloaded()
        orders.close()
        process.wait()
        _preloaded.cache_clear()


@cache
def _preloaded() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that forks, one for each process of tests; it ends by itself when that one does."""
    orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno())],
            env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
            cwd=_CHECKOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return orders, process
