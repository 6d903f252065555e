"""Where in a file something stands, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from domain.errors import SettingsError
from domain.values import frozen

_LONGEST_NAME = 60  # characters of a key that a message shows


@frozen(kw_only=True)
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


class Gravity(IntEnum):
    """What a remark means for who runs the program."""

    WARNING = 1  # it goes on, and it is not what was asked for
    MISTAKE = 2  # it goes on, and somebody has to mend it
    FAULT = 3  # it does not start


@frozen(kw_only=True)
class Remark:
    """What is said of a place in a file."""

    place: Place
    message: str
    gravity: Gravity

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Report:
    """Gathers what is to be said about the files: faults stop the program, mistakes and warnings do not."""

    def __init__(self) -> None:
        self._remarks: list[Remark] = []

    def fault(self, place: Place, message: str) -> None:
        self._add(Remark(place=place, message=message, gravity=Gravity.FAULT))

    def mistake(self, place: Place, message: str) -> None:
        self._add(Remark(place=place, message=message, gravity=Gravity.MISTAKE))

    def warn(self, place: Place, message: str) -> None:
        self._add(Remark(place=place, message=message, gravity=Gravity.WARNING))

    def misfits(self, error: Exception) -> None:
        """Take over every misfit of an exception group; anything else in it is our mistake, and is raised."""
        for leaf in _leaves(error):
            if not isinstance(leaf, Misfit):
                raise leaf
            self.fault(leaf.place, leaf.message)

    def take_over(self, other: Report, *, of_sections: frozenset[str]) -> None:
        """Take the faults of another report that concern the file as a whole, or one of these sections."""
        for remark in other.faults:
            section = remark.place.path.partition(".")[0].partition("[")[0]
            if section in of_sections or not section:
                self._add(remark)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """All of them, by file and position."""
        return tuple(sorted(self._remarks, key=_position))

    @property
    def faults(self) -> tuple[Remark, ...]:
        """Those that stop the program."""
        return tuple(remark for remark in self.remarks if remark.gravity is Gravity.FAULT)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The others, a line each."""
        return tuple(str(remark) for remark in self.remarks if remark.gravity is not Gravity.FAULT)

    def _add(self, remark: Remark) -> None:
        if remark not in self._remarks:  # two sources may share what is said of a setting
            self._remarks.append(remark)


def stop_on_faults(remarks: tuple[Remark, ...]) -> None:
    """Raises SettingsError with all faults, a line each; warnings come along, since they may explain."""
    if any(remark.gravity is Gravity.FAULT for remark in remarks):
        raise SettingsError(
            "\n".join(
                str(remark)
                if remark.gravity is Gravity.FAULT
                else f"{remark.place}: warning: {remark.message}"
                for remark in remarks
            )
        )


def _leaves(error: Exception) -> Iterator[Exception]:
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for inner in error.exceptions:
        yield from _leaves(inner)


def _position(remark: Remark) -> tuple[str, int, int]:
    return remark.place.file, remark.place.line, remark.place.column
