"""Records what a process does to the files of a folder, with strace, in the order in which it happens."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from tests.support.power.events import (
    Acknowledged,
    Event,
    Named,
    Renamed,
    Resized,
    Synced,
    SyncedFolder,
    Unlinked,
    Wrote,
)

_CHECKOUT = Path(__file__).parents[2]
# Whatever changes content or names; what is not modelled is recorded too, so that it is not overlooked.
_UNMODELLED = (
    *("truncate", "creat", "writev", "pwritev", "pwritev2", "fallocate", "sendfile", "copy_file_range"),
    *("link", "linkat", "symlink", "symlinkat", "renameat2", "msync", "sync_file_range"),
)
_MODELLED = (
    *(
        "open",
        "openat",
        "write",
        "pwrite64",
        "lseek",
        "ftruncate",
        "rename",
        "renameat",
        "unlink",
        "unlinkat",
    ),
    *("fsync", "fdatasync", "mmap"),
)
_SYNCS = ("open", "openat", "rename", "unlink", "fsync", "fdatasync")
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|0x[0-9a-f]+)")
_STRING = r'"(?P<{}>(?:\\x[0-9a-f]{{2}})*)"'
_DESCRIPTOR = r"(?P<number>\d+)<(?P<path>[^>]*)>(?P<deleted>\(deleted\))?"
_ON_DESCRIPTOR = re.compile(f"^{_DESCRIPTOR}(?:, )?(?P<rest>.*)$")
_OPENED = re.compile(f"^(?:AT_FDCWD<[^>]*>, )?{_STRING.format('path')}, (?P<flags>[A-Z_|]+)")
_NAMES = re.compile(_STRING.format("first") + "(?:.*?" + _STRING.format("second") + ")?")
_MAPPED = re.compile(rf"PROT_WRITE[^,]*, MAP_SHARED[^,]*, {_DESCRIPTOR}")


@attrs.frozen(kw_only=True)
class Recording:
    """The files that there were before, and all that happened; file numbers go on from theirs."""

    before: Mapping[str, bytes]
    events: Sequence[Event]

    def syncs(self) -> int:
        """How often the process waited for the disk."""
        return sum(isinstance(event, (Synced, SyncedFolder)) for event in self.events)


def record(folder: Path, *command: str, is_content_wanted: bool = True) -> Recording:
    """Run `python -m COMMAND...` to its end, and return what it did to the folder's files.

    Without the content it is cheaper, and serves to count.
    """
    before, calls = contents(folder), (*_MODELLED, *_UNMODELLED) if is_content_wanted else _SYNCS
    with TemporaryDirectory() as scratch:
        trace = Path(scratch) / "trace"
        subprocess.run(
            [
                *("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "10000000", "-a", "1"),
                *("-e", f"trace={','.join(f'?{name}' for name in calls)}"),
                *("-e", "signal=none", "-o", str(trace), sys.executable, "-m", *command),
            ],
            cwd=_CHECKOUT,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=600,
        )
        with trace.open(errors="replace") as lines:
            reader = _Reader(folder, before)
            return Recording(before=before, events=[event for line in lines for event in reader.events(line)])


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below the folder, by its relative name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


class _Reader:
    """Knows which file has which name at each line of the trace."""

    def __init__(self, folder: Path, before: Mapping[str, bytes]) -> None:
        self._prefix = f"{folder.resolve()}/"
        self._files = {name: number for number, name in enumerate(before)}
        self._lengths = {number: len(content) for number, content in enumerate(before.values())}
        self._positions: dict[int, int | None] = {}  # by descriptor; None: always at the end

    def events(self, line: str) -> Iterator[Event]:
        if "unfinished" in line or "resumed" in line:
            raise AssertionError(f"two threads at once are not modelled: {line[:300]}")
        if (call := _CALL.match(line)) is None or call["result"].startswith("-"):
            return
        name, arguments, result = call["name"], call["arguments"], int(call["result"], 0)
        if name in ("open", "openat"):
            yield from self._opened(arguments, result)
        elif name in ("rename", "renameat", "unlink", "unlinkat"):
            yield from self._named_anew(arguments)
        elif name == "mmap":
            mapped = _MAPPED.search(arguments)
            if mapped and (path := self._relative(_text(mapped["path"]))) and not path.endswith("-shm"):
                raise AssertionError(f"{path} is written through a mapping, which cannot be recorded")
        elif found := _ON_DESCRIPTOR.match(arguments):
            yield from self._on_descriptor(name, found, result)
        elif name in _UNMODELLED and self._prefix in _text(arguments):
            raise AssertionError(f"{name} is not modelled: {line[:300]}")

    def _opened(self, arguments: str, descriptor: int) -> Iterator[Event]:
        found = _OPENED.match(arguments)
        if found is None or (name := self._relative(_text(found["path"]))) is None:
            return
        flags = found["flags"].split("|")
        if "O_CREAT" in flags and name not in self._files:
            self._files[name] = file = len(self._lengths)
            self._lengths[file] = 0
            yield Named(name, file)
        elif "O_TRUNC" in flags:
            yield self._resized(self._files[name], 0)
        self._positions[descriptor] = None if "O_APPEND" in flags else 0

    def _named_anew(self, arguments: str) -> Iterator[Event]:
        found = _NAMES.search(arguments)
        assert found is not None
        first = self._relative(_text(found["first"]))
        second = self._relative(_text(found["second"])) if found["second"] is not None else None
        if first is None and second is None:
            return
        assert first is not None, f"moved in from another folder: {second}"
        file = self._files.pop(first)
        if found["second"] is None:
            yield Unlinked(first)
        else:
            assert second is not None, f"moved out to another folder: {first}"
            self._files[second] = file
            yield Renamed(first, second)

    def _on_descriptor(self, call: str, found: re.Match[str], result: int) -> Iterator[Event]:
        descriptor, rest = int(found["number"]), found["rest"]
        if call == "write" and descriptor == 1:
            yield Acknowledged(_content(rest, result).decode().strip())
            return
        path = _text(found["path"])
        if call in ("fsync", "fdatasync") and f"{path}/".startswith(self._prefix) and Path(path).is_dir():
            yield SyncedFolder(f"{path}/".removeprefix(self._prefix).rstrip("/"))
        elif found["deleted"] is None and (file := self._files.get(self._relative(path) or "")) is not None:
            yield from self._to_file(call, file, descriptor, rest, result)

    def _to_file(self, call: str, file: int, descriptor: int, rest: str, result: int) -> Iterator[Event]:
        match call:
            case "fsync" | "fdatasync":
                yield Synced(file)
            case "ftruncate":
                yield self._resized(file, int(rest))
            case "pwrite64":
                yield self._wrote(file, int(rest.rpartition(", ")[2]), _content(rest, result))
            case "write":
                position = self._positions[descriptor]
                offset = self._lengths[file] if position is None else position
                self._positions[descriptor] = None if position is None else offset + result
                yield self._wrote(file, offset, _content(rest, result))
            case "lseek":
                if self._positions[descriptor] is not None:
                    self._positions[descriptor] = result
            case _:
                raise AssertionError(f"{call} is not modelled: {rest[:100]}")

    def _wrote(self, file: int, offset: int, content: bytes) -> Event:
        self._lengths[file] = max(self._lengths[file], offset + len(content))
        return Wrote(file, offset, content)

    def _resized(self, file: int, length: int) -> Event:
        self._lengths[file] = length
        return Resized(file, length)

    def _relative(self, path: str) -> str | None:
        """The name below the folder; None of a path elsewhere."""
        return path.removeprefix(self._prefix) if path.startswith(self._prefix) else None


def _text(hexadecimal: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), hexadecimal)


def _content(rest: str, length: int) -> bytes:
    """The first string among the arguments, as far as the call took it."""
    found = _NAMES.match(rest)
    assert found is not None
    return bytes.fromhex(found["first"].replace("\\x", ""))[:length]
