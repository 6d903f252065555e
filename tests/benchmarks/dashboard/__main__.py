"""What the dashboard takes of a home of ten years: ./run bench dashboard [--years 10] [--folder FOLDER].

Makes a home of 20 devices at five minutes (a year: 2 million rows, 0.7 GB, half a minute), sums it up with
`db rebuild-rollups`, and asks a server for each range. Then a collector with a simulated home stores into it
every five seconds while twenty clients ask for a year, and for all. Ends with 1 when the first byte of a
range takes over 100 ms, a series has over 2,000 points, or cycles are later with the clients. A home in
FOLDER stays and is used again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapters.runtime.clock import SystemClock
from tests.benchmarks.dashboard import clients, ranges, years
from tests.benchmarks.dashboard.requests import CHECKOUT
from tests.support.deployments import a_deployment

_BYTES_A_YEAR = 0.75e9
PARTS = ("ranges", "clients")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--years", type=float, default=10)
    parser.add_argument("--folder", type=Path, help="where the home is, or is made")
    parser.add_argument("--rounds", type=int, default=5, help="new servers that are asked for each range")
    parser.add_argument("--cycles", type=int, default=20, help="cycles of each of five phases")
    parser.add_argument("--only", choices=PARTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = (given.folder or Path(temporary)).absolute() / "home"
        if not home.exists() and not _make(home, given.years):
            return 1
        environment = {**os.environ, "XDG_STATE_HOME": str(home.with_name("home-user-state"))}
        parts = PARTS if given.only is None else (given.only,)
        is_good = True
        if "ranges" in parts:
            is_good &= ranges.measure(home, environment, given.rounds)
        if "clients" in parts:
            is_good &= clients.measure(home, given.cycles)
    return 0 if is_good else 1


def _make(home: Path, length: float) -> bool:
    free = shutil.disk_usage(home.parent).free
    if free < 1.3 * length * _BYTES_A_YEAR:
        print(f"{home.parent} has {free / 1e9:.1f} GB free. Name another --folder, or fewer --years")
        return False
    deployment = a_deployment(
        home, address="127.0.0.1", bridge_id="001788fffe000001", key="y", ca_file=home / "none.pem"
    )
    deployment.database.parent.mkdir()
    began_s = time.monotonic()
    count = years.make(deployment.database, length, SystemClock().now())
    size = deployment.database.stat().st_size
    print(f"{count:,} readings, {size / 1e9:.2f} GB, made in {time.monotonic() - began_s:.0f} s")
    began_s = time.monotonic()
    rebuild = ["db", "rebuild-rollups", "--home", str(home)]
    subprocess.run([sys.executable, "-m", "entrypoints", *rebuild], cwd=CHECKOUT, check=True)
    grown = deployment.database.stat().st_size - size
    print(f"summed up in {time.monotonic() - began_s:.0f} s: {100 * grown / size:.1f} % more")
    return True


if __name__ == "__main__":
    sys.exit(main())
