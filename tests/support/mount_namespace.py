"""Another view of the disks, for a child process: mounts that nobody else sees and that end with it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def in_mounts(mounts: str, command: Sequence[str], afterwards: str = "") -> list[str]:
    """The command line that makes the mounts, runs the command, and does what comes afterwards.

    Its exit code is the command's. Skips where mounts cannot be made.
    """
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        pytest.skip("mounts need unshare, and root")
    if subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no namespace of mounts can be made here")
    script = f"set -e\n{mounts}\nset +e\n{shlex.join(command)}\ncode=$?\n{afterwards}\nexit $code"
    return [unshare, "--mount", "sh", "-c", script]


def small_disk(folder: Path, size: str) -> str:
    """A disk of that size in the place of the folder, with the same content."""
    place, kept = shlex.quote(str(folder)), shlex.quote(f"{folder}-kept")
    mounted = f"mount -t tmpfs -o size={size} tmpfs {place}"
    return f"mv {place} {kept}\nmkdir {place}\n{mounted}\ncp -a {kept}/. {place}"


def read_only(folder: Path) -> str:
    """The folder as on a disk that takes nothing."""
    named = shlex.quote(str(folder))
    return f"mount --bind {named} {named}\nmount -o remount,bind,ro {named}"


def filled(folder: Path) -> str:
    """Nothing more fits on the folder's disk, until `ballast` goes."""
    return f"dd if=/dev/zero of={shlex.quote(str(folder / 'ballast'))} bs=4096 2>/dev/null || true"
