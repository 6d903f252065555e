"""A disk that forgets: what is left of files when the power goes, and what when only the process is killed.

What was synced is there. Of the writes to a file since then, each may be on the disk or not, whole or in
sectors, in any order; so may its length, and each change of a name until its folder is synced.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from tests.support.power.events import (
    Acknowledged,
    Content,
    Event,
    Named,
    Naming,
    Renamed,
    Resized,
    Synced,
    SyncedFolder,
    Unlinked,
    Wrote,
    folder_of,
)

_SECTORS = (512, 512, 4096)
_INDEX_OF_A_WAL = "-shm"  # written through a mapping; no byte of it is certain after a power cut


class Disk:
    """The files of a folder while events happen to them."""

    def __init__(self, before: Mapping[str, bytes]) -> None:
        self._contents = {number: bytearray(content) for number, content in enumerate(before.values())}
        self._unsynced: dict[int, list[Content]] = {number: [] for number in self._contents}
        self._names = {name: number for number, name in enumerate(before)}
        self._unsynced_names: list[Naming] = []

    def happen(self, event: Event) -> None:
        match event:
            case Wrote() | Resized():
                self._unsynced[event.file].append(event)
            case Synced():
                for change in self._unsynced[event.file]:
                    _apply(change, self._contents[event.file])
                self._unsynced[event.file].clear()
            case Named() | Renamed() | Unlinked():
                if isinstance(event, Named):
                    self._contents[event.file], self._unsynced[event.file] = bytearray(), []
                self._unsynced_names.append(event)
            case SyncedFolder():
                self._sync_names(event.folder)
            case Acknowledged():
                pass

    def after_kill(self) -> dict[str, bytes]:
        """What others see when only the process is gone: all that it wrote."""
        names = dict(self._names)
        for change in self._unsynced_names:
            _rename(change, names)
        return {name: self._with(self._unsynced[file], file) for name, file in names.items()}

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """What may be there when the power is back."""
        names = dict(self._names)
        for naming in _some(self._unsynced_names, chance):
            _rename(naming, names)
        return {
            name: chance.randbytes(chance.choice((0, 4096, 32768)))
            if name.endswith(_INDEX_OF_A_WAL)
            else self._cut(file, chance)
            for name, file in names.items()
        }

    def _cut(self, file: int, chance: random.Random) -> bytes:
        unsynced = self._unsynced[file]
        content = self._with(_survivors(unsynced, chance), file)
        length = len(self._with(unsynced, file))
        if chance.random() < 0.25 and length > len(content):  # the length came to the disk, the content not
            missing = length - len(content)
            content += chance.choice((bytes(missing), chance.randbytes(missing)))
        return content

    def _with(self, changes: Sequence[Content] | Iterator[Content], file: int) -> bytes:
        content = bytearray(self._contents[file])
        for change in changes:
            _apply(change, content)
        return bytes(content)

    def _sync_names(self, folder: str) -> None:
        for change in self._unsynced_names:
            if folder in _folders(change):
                _rename(change, self._names)
        self._unsynced_names = [each for each in self._unsynced_names if folder not in _folders(each)]


def _survivors(unsynced: Sequence[Content], chance: random.Random) -> Iterator[Content]:
    """Of the unsynced changes to a file: nothing, all, the first ones, or any of them; torn into sectors."""
    way = chance.choice(("nothing", "all", "prefix", "prefix", "torn", "torn", "torn"))
    if way == "all":
        yield from unsynced
    elif way == "prefix" and unsynced:
        last = chance.randrange(len(unsynced))
        yield from unsynced[:last]
        yield from _torn(unsynced[last], chance, share=0.5)
    elif way == "torn":
        share = chance.choice((0.1, 0.5, 0.9, 0.99))
        for change in unsynced:
            yield from _torn(change, chance, share)


def _torn(change: Content, chance: random.Random, share: float) -> Iterator[Content]:
    """The pieces of it that came to the disk; a sector at times only in its first part."""
    if isinstance(change, Resized):
        if chance.random() < share:
            yield change
        return
    sector, start, end = chance.choice(_SECTORS), change.offset, change.offset + len(change.content)
    while start < end:
        stop = min(end, (start // sector + 1) * sector)
        stop_here = start if chance.random() > share else stop
        if chance.random() < 0.02:
            stop_here = chance.randint(start, stop_here)
        if stop_here > start:
            yield Wrote(change.file, start, change.content[start - change.offset : stop_here - change.offset])
        start = stop


def _some(changes: Sequence[Naming], chance: random.Random) -> Sequence[Naming]:
    """Of the unsynced changes of names: the first ones, or any of them."""
    if chance.random() < 0.5:
        return changes[: chance.randint(0, len(changes))]
    return [change for change in changes if chance.random() < 0.5]


def _apply(change: Content, content: bytearray) -> None:
    if isinstance(change, Resized):
        del content[change.length :]
        content.extend(bytes(change.length - len(content)))
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.content)] = change.content


def _rename(change: Naming, names: dict[str, int]) -> None:
    match change:
        case Named():
            names[change.name] = change.file
        case Unlinked():
            names.pop(change.name, None)
        case Renamed():
            if change.old in names:
                names[change.new] = names.pop(change.old)


def _folders(change: Naming) -> set[str]:
    if isinstance(change, Renamed):
        return {folder_of(change.old), folder_of(change.new)}
    return {folder_of(change.name)}
