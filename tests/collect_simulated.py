"""`homeclimate` in a process of its own, with a simulated home's certificates: CA_FILE ARGUMENT..."""

from __future__ import annotations

import sys
from pathlib import Path

from entrypoints.cli import main
from entrypoints.wiring import World

if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], world=World(hue_roots=Path(sys.argv[1]))))
