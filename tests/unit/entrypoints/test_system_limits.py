"""What the system denies is explained, with the next step; a fault of the program is not."""

from __future__ import annotations

import errno
import os

import pytest

from entrypoints.system_limits import explain


def denied(number: int, path: str | None = "/home/me/x") -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (denied(errno.EMFILE), "ulimit -n"),
        (denied(errno.ENFILE), "too many files open"),
        (denied(errno.EAGAIN), "ulimit -u"),
        (denied(errno.ENOSPC), "/home/me/x: No space left on device. Make room"),
        (denied(errno.EROFS), "read-only"),
        (denied(errno.EACCES), "/home/me/x: Permission denied. Run this as the user"),
        (denied(errno.EIO), "Look at the disk"),
        (denied(errno.ENOENT, None), "working folder has been deleted"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "TMPDIR"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (RuntimeError("Could not determine home directory."), "Set HOME"),
        (MemoryError(), "memory"),
    ],
)
def test_what_the_system_denies_has_a_next_step(error: BaseException, words: str) -> None:
    assert words in str(explain(error))


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), ZeroDivisionError(), TypeError("a bug"), KeyError("x")]
)
def test_fault_of_the_program_is_not_explained_away(error: BaseException) -> None:
    assert explain(error) is None
