"""The files that this process has open, as Linux lists them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def files_open_in(folder: Path) -> list[Path]:
    """Return a path for each open descriptor of a file in the folder."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(Path(os.readlink(descriptor)))  # noqa: PTH115 - some are no paths
    return [path for path in found if folder in path.parents]
