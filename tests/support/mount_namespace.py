"""Mounts for a child process: no other process sees them, and they end with it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def in_mounts(mounts: str, command: Sequence[str], afterwards: str = "") -> list[str]:
    """Return a command that makes the mounts, runs `command` and then `afterwards`, with its exit code.

    Skip where mounts cannot be made.
    """
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        pytest.skip("mounts need unshare, and root")
    if subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mount namespaces cannot be made here")
    script = f"set -e\n{mounts}\nset +e\n{shlex.join(command)}\ncode=$?\n{afterwards}\nexit $code"
    return [unshare, "--mount", "sh", "-c", script]


def small_disk(folder: Path, size: str) -> str:
    """Replace the folder by a disk of that size with the same content."""
    place, kept = shlex.quote(str(folder)), shlex.quote(f"{folder}-kept")
    mounted = f"mount -t tmpfs -o size={size} tmpfs {place}"
    return f"mv {place} {kept}\nmkdir {place}\n{mounted}\ncp -a {kept}/. {place}"


def read_only(folder: Path) -> str:
    """Make the folder read-only."""
    named = shlex.quote(str(folder))
    return f"mount --bind {named} {named}\nmount -o remount,bind,ro {named}"


def filled(folder: Path) -> str:
    """Fill the folder's disk with a file `ballast`."""
    return f"dd if=/dev/zero of={shlex.quote(str(folder / 'ballast'))} bs=4096 2>/dev/null || true"
