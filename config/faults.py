"""Where in a file something stands, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from domain.errors import SettingsError

_LONGEST_NAME = 60  # characters of a key that a message shows


@attrs.frozen(kw_only=True)
class Place:
    """A position in a file, counted from 1, and the path of the key there. Line 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{position}: {self.path}" if self.path else position

    def below(self, name: str | int) -> str:
        """The path of what stands under this place by that name or number."""
        if isinstance(name, int):
            return f"{self.path}[{name}]"
        legible = "".join(letter if letter.isprintable() else "?" for letter in name[:_LONGEST_NAME])
        return f"{self.path}.{legible}" if self.path else legible


class Misfit(Exception):
    """A value that cannot be taken. `message` never holds the value of a text: it may be a secret."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


class Report:
    """Gathers what is to be said about the files: faults stop the program, warnings do not."""

    def __init__(self) -> None:
        self._faults: list[tuple[Place, str]] = []
        self._warnings: list[tuple[Place, str]] = []

    def fault(self, place: Place, message: str) -> None:
        self._faults.append((place, message))

    def warn(self, place: Place, message: str) -> None:
        if (place, message) not in self._warnings:  # two sources may share what is warned of
            self._warnings.append((place, message))

    def misfits(self, error: Exception) -> None:
        """Take over every misfit of an exception group; anything else in it is our mistake, and is raised."""
        for leaf in _leaves(error):
            if not isinstance(leaf, Misfit):
                raise leaf
            self.fault(leaf.place, leaf.message)

    def take_over(self, other: Report, *, of_sections: frozenset[str]) -> None:
        """Take the faults of another report that concern the file as a whole, or one of these sections."""
        for place, message in other._faults:
            section = place.path.partition(".")[0].partition("[")[0]
            if section in of_sections or not section:
                self.fault(place, message)

    @property
    def warnings(self) -> tuple[str, ...]:
        return _lines(self._warnings)

    def stop_on_faults(self) -> None:
        """Raises SettingsError with all faults, a line each; warnings come along, since they may explain."""
        if self._faults:
            warnings = [(place, f"warning: {message}") for place, message in self._warnings]
            raise SettingsError("\n".join(_lines([*self._faults, *warnings])))


def _leaves(error: Exception) -> Iterator[Exception]:
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)


def _lines(remarks: list[tuple[Place, str]]) -> tuple[str, ...]:
    in_order = sorted(remarks, key=lambda remark: (remark[0].file, remark[0].line, remark[0].column))
    return tuple(f"{place}: {message}" for place, message in in_order)
