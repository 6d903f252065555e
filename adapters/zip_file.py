"""An archive of texts, that is there as a whole or not at all."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from adapters.atomic_file import write_atomically

_MODE = 0o600  # what it tells of a home is for those whom its owner gives it


def write_zip(path: Path, texts: Mapping[str, str]) -> None:
    """Write the texts under their names into a new archive. Raises `OSError`, also where one is there."""
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        for name, text in texts.items():
            members.writestr(name, text.encode(errors="backslashreplace"))
    write_atomically(path, archive.getvalue(), mode=_MODE)
