"""Questions, messages and a countdown for a person at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from entrypoints.terminal.output import print_message

_COUNTDOWN_LINE_EVERY_S = 10  # where a line cannot be redrawn


class Prompts:
    """Ask only when both stdin and stdout are terminals."""

    def __init__(self) -> None:
        self.is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._can_redraw = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def show(self, text: str) -> None:
        """Print on stdout."""
        print_message(text)

    def warn(self, text: str) -> None:
        """Print on stderr."""
        print_message(text, err=True)

    def confirm(self, question: str, *, default: bool) -> bool:
        """Return the answer, or the default without a terminal."""
        return click.confirm(question, default=default) if self.is_interactive else default

    def choose(self, question: str, count: int) -> int:
        """Return a number from 1 to `count`. Call it only when `is_interactive`."""
        number: int = click.prompt(question, type=click.IntRange(1, count))
        return number

    @contextmanager
    def countdown(self, request: str) -> Iterator[Callable[[int], None]]:
        """Yield a function that shows the request with the seconds left, in one line where possible."""
        printed: list[int] = []

        def draw(left_s: int) -> None:
            if self._can_redraw:
                click.echo(f"\r{request} {left_s:2d} s left ", nl=False)
            elif not printed or printed[-1] - left_s >= _COUNTDOWN_LINE_EVERY_S:
                print_message(f"{request} {left_s} s left")
                printed.append(left_s)
            sys.stdout.flush()

        try:
            yield draw
        finally:
            if self._can_redraw:
                click.echo()
