"""Problems in the configuration files: where each one is, and how severe."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import attrs

from domain.errors import SettingsError

KeyPath = tuple[str | int, ...]  # names of keys, and indices of list items
_LONGEST_NAME = 60  # characters of a key that a message quotes


@attrs.frozen(kw_only=True)
class Place:
    """A position in a file, counted from 1, and the path of the key there. Line 0 is the whole file."""

    file: str
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{position}: {self.path}" if self.path else position


def path_text(path: KeyPath) -> str:
    """Return the path as messages show it, such as `collectors.hue.bridges[0].id`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = "".join(letter if letter.isprintable() else "?" for letter in part[:_LONGEST_NAME])
            text += f".{name}" if text else name
    return text


class Severity(IntEnum):
    """What a problem means for the program."""

    WARNING = 1  # it runs, but a value does not count as it is written
    ERROR = 2  # it runs, but a person has to correct something
    FATAL = 3  # it does not start


@attrs.frozen(kw_only=True)
class Problem:
    """What is wrong at a place. `message` never quotes a value that may be a secret."""

    place: Place
    message: str
    severity: Severity

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Report:
    """Collects the problems of a home's files."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}  # in place of a set, to keep the order

    def fatal(self, place: Place, message: str) -> None:
        self._add(place, message, Severity.FATAL)

    def error(self, place: Place, message: str) -> None:
        self._add(place, message, Severity.ERROR)

    def warning(self, place: Place, message: str) -> None:
        self._add(place, message, Severity.WARNING)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All problems, by file and position."""
        return tuple(
            sorted(self._problems, key=lambda each: (each.place.file, each.place.line, each.place.column))
        )

    def _add(self, place: Place, message: str, severity: Severity) -> None:
        self._problems[Problem(place=place, message=message, severity=severity)] = None


def raise_if_fatal(problems: Iterable[Problem]) -> None:
    """Raise SettingsError with all problems, a line each, if one of them is fatal."""
    problems = tuple(problems)
    if any(each.severity is Severity.FATAL for each in problems):
        raise SettingsError(
            "\n".join(
                str(each) if each.severity is Severity.FATAL else f"{each.place}: warning: {each.message}"
                for each in problems
            )
        )
