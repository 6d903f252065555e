"""The room on the disk that a folder lies on."""

from __future__ import annotations

import shutil
from pathlib import Path


class DiskSpace:
    """Asks the operating system, at the nearest folder that is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def free_bytes(self) -> int | None:
        for folder in (self._folder, *self._folder.parents):
            try:
                return shutil.disk_usage(folder).free
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return None
        return None
