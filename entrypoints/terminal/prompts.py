"""The person at the terminal: what a command tells and asks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

_LINE_EVERY_S = 10  # of a countdown that cannot be drawn


class Person:
    """Is asked only where somebody can answer: with both ends at a terminal."""

    def __init__(self) -> None:
        self.can_answer = sys.stdin.isatty() and sys.stdout.isatty()
        self._can_draw = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def tell(self, text: str) -> None:
        """Say it on stdout."""
        click.echo(text)

    def warn(self, text: str) -> None:
        """Say it on stderr."""
        click.echo(text, err=True)

    def agrees(self, question: str, *, default: bool) -> bool:
        """The answer; the default where nobody can give one."""
        return click.confirm(question, default=default) if self.can_answer else default

    def chooses(self, question: str, count: int) -> int:
        """A number from 1 on. Only for a person who can answer."""
        number: int = click.prompt(question, type=click.IntRange(1, count))
        return number

    @contextmanager
    def counting_down(self, request: str) -> Iterator[Callable[[int], None]]:
        """Tells the request, and the seconds that are left for it, in one line where one can be redrawn."""
        told: list[int] = []

        def draw(left_s: int) -> None:
            if self._can_draw:
                click.echo(f"\r{request} {left_s:2d} s left ", nl=False)
            elif not told or told[-1] - left_s >= _LINE_EVERY_S:
                click.echo(f"{request} {left_s} s left")
                told.append(left_s)
            sys.stdout.flush()

        try:
            yield draw
        finally:
            if self._can_draw:
                click.echo()
