"""Many processes that store into one file, with readers at work: ./run bench many_writers [--cycles N].

Eight processes store 1,000 cycles each, while one reader asks for the newest readings again and again and
another keeps a read transaction open. Ends with 1 when a cycle is missing or a writer met a locked database.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.sqlite.history.queries import SqliteHistory
from tests.support.databases import a_store, rows

WRITERS = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cycles", type=int, default=1000)
    cycles: int = parser.parse_args().cycles
    with TemporaryDirectory() as folder:
        path = Path(folder) / "readings.db"
        codes, stored, looks, wal_bytes = write_and_read(path, cycles)
        sound = rows(path, "PRAGMA integrity_check") == [("ok",)]
    sys.stdout.write(
        f"{WRITERS} writers ended with {codes}; {stored} of {WRITERS * cycles} cycles are there; "
        f"sound: {sound}; {looks} looks meanwhile; WAL at most {wal_bytes:,} bytes\n"
    )
    return int(any(codes) or stored != WRITERS * cycles or not sound)


def write_and_read(path: Path, cycles: int) -> tuple[list[int], int, int, int]:
    """How the writers ended, how many cycles are there, how often was looked, and how long the WAL became."""
    made = a_store(path)
    made.open()
    made.close()
    writers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.store_process",
                "append",
                str(path),
                f"writer-{number}",
                str(cycles),
            ],
            stdout=subprocess.DEVNULL,
        )
        for number in range(WRITERS)
    ]
    looks = wal_bytes = 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as staying:
        staying.execute("BEGIN")
        staying.execute("SELECT count(*) FROM readings").fetchone()
        while any(writer.poll() is None for writer in writers):
            SqliteHistory(path).newest()
            looks += 1
            log = path.with_name(f"{path.name}-wal")
            wal_bytes = max(wal_bytes, log.stat().st_size if log.exists() else 0)
            time.sleep(0.02)
    ((stored,),) = rows(path, "SELECT count(*) FROM outcomes WHERE state = 'stored' AND readings = 3")
    ((readings,),) = rows(path, "SELECT count(*) FROM readings")
    return [writer.wait() for writer in writers], stored if readings == 3 * stored else -1, looks, wal_bytes


if __name__ == "__main__":
    sys.exit(main())
