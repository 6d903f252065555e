"""Run `homeclimate` and note what it opens: NOTES CA_FILE ARGUMENT... Each note is a kind and a path."""

from __future__ import annotations

import os
import sys
from urllib.parse import unquote

READ, WRITE, MAKE, DATABASE = "read", "write", "make", "database"
_TEMPORARY = getattr(os, "O_TMPFILE", 0)


def note_into(notes: int) -> None:
    """Write a note to the descriptor for each file that is opened from now on."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(path := arguments[0], str | bytes | os.PathLike):
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            is_temporary = flags & _TEMPORARY == _TEMPORARY
            is_written = flags & (os.O_WRONLY | os.O_RDWR)
            kind = MAKE if is_temporary else WRITE if is_written else READ
            os.write(notes, f"{kind} {os.fsdecode(path)}\n".encode())
        elif event == "sqlite3.connect":
            name = unquote(str(arguments[0]).removeprefix("file:").partition("?")[0])
            os.write(notes, f"{DATABASE} {name}\n".encode())

    sys.addaudithook(hook)


if __name__ == "__main__":
    note_into(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    from entrypoints.cli import main
    from tests.support.collect_simulated import simulated_environment

    sys.exit(main(sys.argv[3:], environment=simulated_environment(sys.argv[2])))
