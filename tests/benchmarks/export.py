"""What an export takes, compared with `sqlite3 -csv` of the same columns: ./run bench export [--rows N].

They take turns on one file of 20 sensors. Ends with 1 when CSV takes more than 4 times the time of sqlite3,
or CSV or JSON lines more than 150 MB of memory. A million rows take 300 MB of disk, and their exports 400 MB.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import attrs

from tests.support.config_homes import write_home
from tests.support.grown_home import append_in_bulk

MOST_TIMES, MOST_MB = 4.0, 150.0
_SENSORS = 20
_SELECT = """
SELECT
    timestamp, device_id, location, device_type, temperature_celsius, humidity_percent, pm25_ugm3,
    pm10_ugm3, co_ppm, co2_ppm, voc_ppb, iaq_score, battery_level, signal_strength, is_anomalous,
    observed_at, other_values
FROM readings ORDER BY timestamp, id
"""


@attrs.frozen(kw_only=True)
class _Cost:
    wall_s: float
    cpu_s: float
    memory_mb: float
    size_bytes: int


def _wall_s(cost: _Cost) -> float:
    return cost.wall_s


def main(rows: int, rounds: int) -> int:
    """Run all commands in each round; of each, the fastest round counts."""
    if shutil.which("sqlite3") is None:
        print("this needs the command sqlite3. Install the package sqlite3")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        home = write_home(Path(folder) / "home")
        database = home / "data" / "readings.db"
        database.parent.mkdir()
        # By another process: what this one takes of memory is counted for the commands that it starts.
        making = get_context("spawn").Process(
            target=append_in_bulk, args=(database, range(rows // _SENSORS), _SENSORS)
        )
        making.start()
        making.join()
        target = Path(folder) / "out"
        commands = _commands(home, database)
        taken = [{name: _run(command, target) for name, command in commands.items()} for _ in range(rounds)]
        costs = {name: min((one[name] for one in taken), key=_wall_s) for name in commands}
    return _report(costs, rows)


def _commands(home: Path, database: Path) -> Mapping[str, list[str]]:
    export = [sys.executable, "-m", "entrypoints", "export", "--home", str(home), "--force"]
    commands = {
        "sqlite3 -csv": ["sqlite3", "-readonly", "-csv", str(database), _SELECT],
        "csv": [*export, "--format", "csv"],
        "csv --long": [*export, "--format", "csv", "--long"],
        "jsonl": [*export, "--format", "jsonl"],
        "sqlite": [*export, "--format", "sqlite", "--output"],
    }
    if find_spec("duckdb") is not None:
        commands["parquet"] = [*export, "--format", "parquet", "--output"]
    return commands


def _run(command: list[str], target: Path) -> _Cost:
    """Run it to a file; a command that ends with --output writes the file itself."""
    began_s = time.perf_counter()
    names_file = command[-1] == "--output"
    child = os.posix_spawnp(
        command[0],
        [*command, str(target)] if names_file else command,
        os.environ,
        file_actions=[]
        if names_file
        else [(os.POSIX_SPAWN_OPEN, 1, str(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return _Cost(
        wall_s=time.perf_counter() - began_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        memory_mb=usage.ru_maxrss / 1e3 if sys.platform == "linux" else usage.ru_maxrss / 1e6,
        size_bytes=target.stat().st_size,
    )


def _report(costs: Mapping[str, _Cost], rows: int) -> int:
    floor = costs["sqlite3 -csv"]
    print(f"{rows:,} readings of {_SENSORS} sensors\n")
    for name, cost in costs.items():
        print(
            f"{name:14} {cost.wall_s:7.1f} s  {cost.wall_s / floor.wall_s:5.2f} x   CPU {cost.cpu_s:7.1f} s  "
            f"{cost.cpu_s / floor.cpu_s:5.2f} x   memory {cost.memory_mb:6.1f} MB   "
            f"file {cost.size_bytes / 1e6:8.1f} MB"
        )
    faults = [
        f"{name} takes more than {MOST_MB:.0f} MB"
        for name, cost in costs.items()
        if name not in ("sqlite3 -csv", "parquet") and cost.memory_mb > MOST_MB
    ]
    if costs["csv"].wall_s > MOST_TIMES * floor.wall_s:
        faults.append(f"csv takes more than {MOST_TIMES} times the time of sqlite3")
    print("\n".join(["", *(faults or ["all limits are met"])]))
    return 1 if faults else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sys.exit(main(options.rows, options.rounds))
