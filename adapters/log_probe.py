"""Whether the log has a place to be written to, within its bound."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from domain.health import Answer, failed, passed

_BOUND_BYTES = 60_000_000


def log_folder(folder: Path, *, max_bytes: int, backups: int) -> Answer:
    """Write a file into the folder, or into the one that it would be made in; nothing is left of it."""
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        TemporaryFile(dir=nearest).close()
    except OSError as error:
        return failed(
            f"{nearest} cannot be written to: {error.strerror}",
            f"Let the user who collects write there: `ls -la {nearest}`, or edit logging.log_file_path.",
        )
    taken = sum(path.stat().st_size for path in folder.glob("*") if path.is_file())
    most = max_bytes * (1 + backups)
    told = f"{folder} can be written to: {taken / 1e6:.1f} MB of {most / 1e6:.0f} MB at most"
    if max(taken, most) > _BOUND_BYTES:
        return failed(told, f"Remove what does not belong into {folder}: 60 MB is the bound of all of it.")
    return passed(told)
