"""What `./run` adds to the start of a command: medians of one run, side by side with a bare Python's start.

Usage: ./run bench start_up [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
BIN = CHECKOUT / ".venv" / "bin"
COMMANDS: dict[str, list[str | Path]] = {
    "python -c pass": [BIN / "python", "-c", "pass"],
    "homeclimate --version": [BIN / "homeclimate", "--version"],
    "./run --version": [CHECKOUT / "run", "--version"],
    "homeclimate --help": [BIN / "homeclimate", "--help"],
}


def main(rounds: int) -> None:
    """Start each command in turn, so that a slow moment of the machine meets them all."""
    times_ms: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            times_ms[name].append(_start_ms(command))
    median_ms = {name: statistics.median(times) for name, times in times_ms.items()}
    bare_ms = median_ms["python -c pass"]
    for name, value in median_ms.items():
        print(f"{name:24} {value:7.1f} ms  {value / bare_ms:5.2f} x python -c pass")
    added_ms = median_ms["./run --version"] - median_ms["homeclimate --version"]
    print(f"./run adds {added_ms:.1f} ms to the command itself ({rounds} rounds, medians)")


def _start_ms(command: list[str | Path]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 21)
