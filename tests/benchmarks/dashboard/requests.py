"""The dashboard as a process of its own, and what a request to it takes."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

CHECKOUT = Path(__file__).parents[3]
_GZIP = 31
_PATIENCE_S = 60.0


@attrs.frozen(kw_only=True)
class Answer:
    """What came for a request: the seconds until the first and last byte of the body, and its size."""

    first_s: float
    last_s: float
    wire_bytes: int
    is_packed: bool
    body: bytes


@attrs.frozen(kw_only=True)
class Server:
    port: int
    pid: int


@contextmanager
def serving(home: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run `homeclimate dashboard` on a port that the system picks."""
    command = [sys.executable, "-m", "entrypoints", "dashboard", "--port", "0", "--home", str(home)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, env=dict(environment)
    ) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found is not None
        try:
            yield Server(port=int(found[1]), pid=process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE_S)


def ask(port: int, query: str) -> Answer:
    """Ask for the content of the page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        began_s = time.perf_counter()
        connection.request("GET", f"/data?{query}", headers={"Accept-Encoding": "gzip"})
        reply = connection.getresponse()
        pieces = [reply.read1()]
        first_s = time.perf_counter() - began_s
        while piece := reply.read1():
            pieces.append(piece)
        last_s = time.perf_counter() - began_s
        assert reply.status == http.HTTPStatus.OK
        body, is_packed = b"".join(pieces), reply.headers["Content-Encoding"] == "gzip"
    finally:
        connection.close()
    return Answer(
        first_s=first_s,
        last_s=last_s,
        wire_bytes=len(body),
        is_packed=is_packed,
        body=zlib.decompress(body, _GZIP) if is_packed else body,
    )


def most_points(body: bytes) -> int:
    """Return the number of points of the longest series."""
    return max(len(series["means"]) for chart in json.loads(body)["charts"] for series in chart["series"])


def cpu_s(pid: int) -> float:
    """Return the processor time that the process has taken."""
    after_name = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int:
    """Return the most memory that the process has held."""
    status = Path("/proc", str(pid), "status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return 1024 * int(found[1])


def forget(file: Path) -> None:
    """Let the system drop what it has of the file in memory, as after a start of the machine."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
