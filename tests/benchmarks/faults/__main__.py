"""Break what collectors stand on, and count: ./run bench faults [SCENARIO ...].

Disk, mount, lock, clock and log go wrong under real collectors of a bridge that numbers its replies. What it
handed over is compared with what plain SQLite finds afterwards. Ends with 1 if a promise was broken. Needs
root, for mounts in a namespace of its own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.faults.bridge import NumberingBridge
from tests.benchmarks.faults.home import INTERVAL_S, Home
from tests.benchmarks.faults.scenarios import INTERVALS_S, SCENARIOS

_AT_ONCE = 4
_IN_NAMESPACE = "HOMECLIMATE_FAULTS_IN_NAMESPACE"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], metavar="SCENARIO")
    parser.add_argument("--at-once", type=int, default=_AT_ONCE)
    arguments = parser.parse_args()
    if _IN_NAMESPACE not in os.environ:
        return _run_in_namespace()
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(arguments.at_once) as pool,
    ):
        names = arguments.scenarios or list(SCENARIOS)
        reports = list(pool.map(lambda name: run(name, Path(folder) / name), names))
    broken = sum(len(found) for found in reports)
    sys.stdout.write(f"{broken} broken promises\n")
    return int(bool(broken))


def run(name: str, folder: Path) -> list[str]:
    """Run a scenario, print its figures, and return every promise that was broken."""
    with NumberingBridge().running() as bridge:
        home = Home(folder / "home", bridge, interval_s=INTERVALS_S.get(name, INTERVAL_S))
        found, figures = [], ""
        try:
            SCENARIOS[name](home)
        except Exception as error:  # noqa: BLE001 - a scenario that cannot go on is reported, the others go on
            found.append(f"the scenario ended: {type(error).__name__}: {error}")
        try:
            found += home.complaints()
            figures = home.figures()
        except sqlite3.Error as error:
            found.append(f"the database cannot be read: {error}")
        broken = "".join(f"  BROKEN: {one}\n" for one in found)
        sys.stdout.write(f"{name}: {figures}\n{broken}")
        sys.stdout.flush()
        for mounted in (home.data, home.folder):
            subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False)
        return found


def _run_in_namespace() -> int:
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        sys.stderr.write("this needs root and unshare, for mounts in a namespace of its own\n")
        return 77
    command = [unshare, "--mount", sys.executable, "-m", "tests.benchmarks.faults", *sys.argv[1:]]
    return subprocess.run(command, check=False, env={**os.environ, _IN_NAMESPACE: "1"}).returncode


if __name__ == "__main__":
    sys.exit(main())
