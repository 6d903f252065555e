"""What a process does to the files of a folder, as far as a power cut cares."""

from __future__ import annotations

import attrs


@attrs.frozen
class Wrote:
    """The bytes are in the file for readers, and not on the disk yet."""

    file: int
    offset: int
    content: bytes


@attrs.frozen
class Resized:
    file: int
    length: int


@attrs.frozen
class Synced:
    """All that was done to the file's content before is on the disk."""

    file: int


@attrs.frozen
class Named:
    """A new file, empty, got a name."""

    name: str
    file: int


@attrs.frozen
class Renamed:
    old: str
    new: str


@attrs.frozen
class Unlinked:
    name: str


@attrs.frozen
class SyncedFolder:
    """All that was done to the names in the folder before is on the disk."""

    folder: str


@attrs.frozen
class Acknowledged:
    """A line on stdout: from here on the process has given its word."""

    line: str


Event = Wrote | Resized | Synced | Named | Renamed | Unlinked | SyncedFolder | Acknowledged
Content = Wrote | Resized
Naming = Named | Renamed | Unlinked


def folder_of(name: str) -> str:
    """The folder that holds the name, relative to the recorded one, whose own is empty."""
    return name.rpartition("/")[0]
