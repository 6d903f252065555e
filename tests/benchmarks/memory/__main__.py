"""How much memory a collector with both sources holds: ./run bench memory [--cycles 20000].

The bridge and the Alexa service are simulated in a process of their own, on a moved clock. Beside the
collector stands a Python that has imported the same modules of others. Ends with 1 when a limit is passed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.memory.looks import looks_at

ABOVE_IMPORTS_BYTES = 8 * 1024 * 1024
GROWTH_BYTES = 256 * 1024
_EVERY = 1000
# in one process: whatever cannot be imported by itself was no module of its own
_BARE = """
import importlib, json, os, sys
for name in json.load(sys.stdin):
    try:
        importlib.import_module(name)
    except Exception:
        pass
print(int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cycles", type=int, default=20_000)
    cycles: int = parser.parse_args().cycles
    with tempfile.TemporaryDirectory() as folder:
        looks, modules = looks_at(Path(folder), cycles=cycles, every=_EVERY, told=_tell)
    bare_bytes = _bare_bytes(modules)
    first, last = looks[0], looks[-1]
    above, growth = last["resident_bytes"] - bare_bytes, last["resident_bytes"] - first["resident_bytes"]
    _tell(f"the same {len(modules)} modules, imported alone: {bare_bytes / 2**20:.2f} MiB")
    _tell(f"above them {above / 2**20:.2f} MiB, the limit is {ABOVE_IMPORTS_BYTES / 2**20:.0f}")
    since = f"from cycle {first['cycle']:,} on"
    _tell(f"{since} {growth / 1024:.0f} KiB more, the limit is {GROWTH_BYTES / 1024:.0f}")
    return int(above > ABOVE_IMPORTS_BYTES or growth > GROWTH_BYTES)


def _bare_bytes(modules: Sequence[str]) -> int:
    told = subprocess.run(
        [sys.executable, "-c", _BARE], input=json.dumps(modules), capture_output=True, text=True, check=True
    )
    return int(told.stdout)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
