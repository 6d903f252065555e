"""What the system denies a process: no memory, no threads, no working folder; each with the next step."""

from __future__ import annotations

import errno
import resource
import threading

from domain.errors import HomeclimateError

_FILES_NEEDED = 40  # at once, by a collector with several sources
_RAISE_FILES = "Raise the limit, `ulimit -n 1024`, or LimitNOFILE= of the service"
_RAISE_THREADS = "Raise the limit, `ulimit -u`, or TasksMax= of the service, or end some processes"
_NO_TEMPORARY_FOLDER = "No usable temporary directory"
_NO_HOME = "home directory"


def check_limits() -> None:
    """Raise `HomeclimateError` if this process may open too few files, or start no thread."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < _FILES_NEEDED:
        raise HomeclimateError(
            f"this process may open {allowed} files at once, and needs {_FILES_NEEDED}. {_RAISE_FILES}"
        )
    try:
        thread = threading.Thread(target=int, daemon=True)
        thread.start()
        thread.join()
    except RuntimeError:
        raise HomeclimateError(f"this process may not start a thread. {_RAISE_THREADS}") from None


def explain(error: BaseException) -> str | None:
    """Return what the system denies, then what to do; None if it is a fault of the program."""
    match error:
        case MemoryError():
            return "there is not enough memory. End other programs, or raise the limit of the service"
        case RuntimeError() if "start new thread" in str(error):
            return f"this process may not start a thread. {_RAISE_THREADS}"
        case RuntimeError() if _NO_HOME in str(error).lower():
            return "the user's home folder is unknown. Set HOME, or name the home with --home"
        case FileNotFoundError() if _NO_TEMPORARY_FOLDER in str(error):
            return "no folder takes temporary files. Make /tmp writable, or set TMPDIR to a folder that is"
        case FileNotFoundError() if error.filename is None:
            return "the working folder has been deleted. Change to another one, `cd`, then run this again"
        case OSError():
            return f"{_named(error)}. {_STEPS.get(error.errno, _LOOK)}"
        case _:
            return None


def _named(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename is not None else reason


_LOOK = "Look at the disk, and at who owns the folder"
_ROOM = "Make room on the disk"
_STEPS: dict[int | None, str] = {
    errno.EMFILE: _RAISE_FILES,
    errno.ENFILE: "The whole system has too many files open: end other programs",
    errno.EAGAIN: _RAISE_THREADS,
    errno.ENOMEM: "End other programs, or raise the limit of the service",
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "The disk is read-only: mount it for writing, or use another folder",
    errno.EACCES: "Run this as the user who owns it, or change its owner",
    errno.EPERM: "Run this as the user who owns it, or change its owner",
}
