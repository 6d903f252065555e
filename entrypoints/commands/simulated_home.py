"""The process that the demo's simulated home runs in; its arguments are the seed and the clock's file."""

from __future__ import annotations

import sys
from pathlib import Path

from entrypoints.wiring.collecting import follow_orders

if __name__ == "__main__":
    follow_orders(seed=int(sys.argv[1]), clock_file=Path(sys.argv[2]))
