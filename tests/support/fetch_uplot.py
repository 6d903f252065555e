"""Fetch the chart library of the page again: `python -m tests.support.fetch_uplot` (needs npm's client).

For another version change `VERSION`, run it, and put the checksums that it prints into `SHA256` once you have
looked at what changed. npm checks the package against its registry; the checksums, against what was reviewed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from entrypoints.web.rendering import STATIC

VERSION = "1.6.32"
# The files in the package, and what they are called here.
FILES = {
    "package/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "package/dist/uPlot.min.css": "uPlot.min.css",
    "package/LICENSE": "uPlot.LICENSE.txt",
}
SHA256 = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def packed(folder: Path) -> dict[str, bytes]:
    """Return the files of the package by their names here. Raise CalledProcessError, OSError or KeyError."""
    subprocess.run(["npm", "pack", "--silent", f"uplot@{VERSION}"], cwd=folder, check=True)
    with tarfile.open(next(folder.glob("uplot-*.tgz"))) as package:
        members = {name: package.extractfile(path) for path, name in FILES.items()}
        return {name: member.read() for name, member in members.items() if member is not None}


def checksums(files: dict[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def main() -> int:
    """Replace the files in `entrypoints/web/static`; change none if a checksum differs."""
    with TemporaryDirectory() as folder:
        files = packed(Path(folder))
    found = checksums(files)
    if found != SHA256:
        sys.stderr.write(f"uplot {VERSION} has other checksums; nothing was changed: {found}\n")
        return 1
    for name, content in files.items():
        (STATIC / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
