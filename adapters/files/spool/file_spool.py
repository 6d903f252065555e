"""A spool in several folders, of which the first one that can be written to takes a cycle."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from adapters.files.spool.folder import SpooledLine, SpoolFolder
from adapters.files.spool.lines import encode
from domain.cycle import CycleReport
from domain.errors import SpoolError
from domain.progress import Waiting
from ports.clock import Clock
from ports.journal import Journal, Level


class FileSpool:
    """Keeps up to `max_bytes` of waiting cycles in all files together, not counting quarantined ones.

    `folder` is in the data folder; the `lasting` ones, best first, are where cycles wait while that one
    cannot be written to. Each one has a reserve of `reserve_bytes`. All of them are drained,
    and so are the `former` ones, of where the home was before it was moved. While `is_new`, the data folder
    is one that a found one may replace, and comes last.
    """

    def __init__(
        self,
        folder: Path,
        *lasting: Path,
        former: Sequence[Path] = (),
        clock: Clock,
        journal: Journal,
        max_bytes: int = 64 * 1024 * 1024,
        reserve_bytes: int = 1024 * 1024,
        is_new: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folders = [
            SpoolFolder(each, clock=clock, journal=journal, reserve_bytes=reserve_bytes)
            for each in dict.fromkeys((folder, *lasting))
        ]
        self._drained = self._folders + [
            SpoolFolder(each, clock=clock, journal=journal, reserve_bytes=0)
            for each in former
            if each not in lasting
        ]
        self._journal = journal
        self._is_new = is_new
        self._max_bytes = max_bytes

    def prepare(self, *, is_data_there: bool) -> None:
        """Make the place in the data folder, and the first of the others that can be made."""
        data, *lasting = self._folders
        if is_data_there:
            self._prepare(data, parents=False)
        for folder in lasting:
            if self._prepare(folder, parents=True):
                break

    def problems(self) -> list[str]:
        """Return why a cycle could not wait in the data folder, or in any of the others; changes nothing."""
        data, *lasting = [folder.problem() for folder in self._folders]
        if lasting and all(problem is not None for problem in lasting):
            return [problem for problem in (data, *lasting) if problem is not None]
        return [] if data is None else [data]

    def add(self, report: CycleReport) -> str:
        line = encode(report)
        used = 0
        for folder in self._folders:
            try:
                used += folder.used_bytes()
            except OSError:
                continue
        if used + len(line) > self._max_bytes:
            raise SpoolError(
                f"{self._folders[0].path} is full ({used:,} bytes). Repair the database; "
                "then all of it is stored"
            )
        data, *lasting = self._folders
        problems = []
        for folder in (*lasting, data) if self._is_new() else self._folders:
            try:
                if folder is not data and not folder.is_prepared:
                    folder.prepare(parents=True)
                if folder.is_usable():
                    folder.add(line)
                    return str(folder.path)
                problems.append(f"{folder.path} is not there")
            except OSError as error:
                problems.append(_problem(folder, error))
        raise SpoolError("; ".join(problems))

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        folders = [folder for folder in self._drained if not folder.is_known_empty()]
        if not folders:
            return 0
        taken = 0
        problems: list[str] = []
        streams = [self._undrained(folder, problems) for folder in folders]
        try:
            for folder, spooled in heapq.merge(*streams, key=lambda each: each[1].slot):
                is_stored = spooled.report is not None and take(spooled.report)
                folder.mark_drained(spooled, is_stored=is_stored)
                taken += is_stored
        finally:
            for stream in streams:
                stream.close()  # and its file: an error that ended the loop refers to it for a while
            for folder in folders:
                try:
                    folder.remove_drained()
                except OSError as error:
                    problem = _problem(folder, error)
                    self._journal.record(Level.WARNING, "spool.not_emptied", error=problem)
        if problems:
            raise SpoolError("; ".join(problems))
        return taken

    def waiting(self) -> Waiting:
        waiting = Waiting()
        for folder in self._drained:
            before = waiting.cycles
            for _, spooled in self._undrained(folder, waiting.unreadable):
                if spooled.report is not None:
                    waiting.add(spooled.report)
            if waiting.cycles > before:
                waiting.places.append(str(folder.path))
        return waiting

    def _prepare(self, folder: SpoolFolder, *, parents: bool) -> bool:
        try:
            folder.prepare(parents=parents)
        except OSError as error:
            problem = _problem(folder, error)
            self._journal.record(Level.WARNING, "spool.not_prepared", error=problem)
            return False
        return True

    def _undrained(
        self, folder: SpoolFolder, problems: list[str]
    ) -> Generator[tuple[SpoolFolder, SpooledLine], None, None]:
        """Yield the folder's lines; one that cannot be read is a problem, and does not hide the others."""
        try:
            for spooled in folder.undrained():
                yield folder, spooled
        except OSError as error:
            problems.append(_problem(folder, error))


def _problem(folder: SpoolFolder, error: OSError) -> str:
    return f"{folder.path} cannot be used: {error.strerror or error}"
