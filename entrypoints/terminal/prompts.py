"""Questions, messages and a countdown for a person at a terminal."""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from entrypoints.terminal.output import as_shown, can_redraw, print_message

_LOCAL_MODES, _CHARACTERS = 3, 6  # places in what tcgetattr returns
_PASTE_PAUSE_S = 0.5  # lines of one paste come faster
_MOST_READ = 65_536
_BACKSPACES, _END_OF_INPUT = (b"\x7f", b"\x08"), b"\x04"  # as a terminal without line editing sends them
_COUNTDOWN_LINE_EVERY_S = 10  # where a line cannot be redrawn


class Prompts:
    """Ask only when both stdin and stdout are terminals."""

    def __init__(self) -> None:
        self.is_interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._can_redraw = can_redraw()

    def show(self, *lines: str) -> None:
        """Print lines on stdout."""
        print_message(*lines)

    def warn(self, *lines: str) -> None:
        """Print lines on stderr."""
        print_message(*lines, err=True)

    def confirm(self, question: str, *, default: bool) -> bool:
        """Return the answer, or the default without a terminal."""
        return click.confirm(as_shown(question), default=default) if self.is_interactive else default

    def choose(self, question: str, count: int) -> int:
        """Return a number from 1 to `count`. Call it only when `is_interactive`."""
        number: int = click.prompt(as_shown(question), type=click.IntRange(1, count))
        return number

    def paste(self, question: str) -> str:
        """Return what is pasted, without an echo: lines that come at once, up to Enter.

        Call it only when `is_interactive`.
        """
        terminal = sys.stdin.fileno()
        before, unseen = termios.tcgetattr(terminal), termios.tcgetattr(terminal)
        unseen[_LOCAL_MODES] &= ~(termios.ECHO | termios.ICANON)
        unseen[_CHARACTERS][termios.VMIN], unseen[_CHARACTERS][termios.VTIME] = 1, 0
        pasted = b""
        termios.tcsetattr(terminal, termios.TCSADRAIN, unseen)
        try:
            click.echo(f"{as_shown(question)}: ", nl=False)
            while not pasted.endswith(b"\n") or select.select([terminal], [], [], _PASTE_PAUSE_S)[0]:
                some = os.read(terminal, _MOST_READ)
                pasted = pasted[:-1] if some in _BACKSPACES else pasted + some
                if not some or some.endswith(_END_OF_INPUT):
                    break
        finally:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
            click.echo()
        return pasted.rstrip(_END_OF_INPUT).decode(errors="replace")

    @contextmanager
    def countdown(self, request: str) -> Iterator[Callable[[int], None]]:
        """Yield a function that shows the request with the seconds left, in one line where possible."""
        printed: list[int] = []

        def draw(left_s: int) -> None:
            if self._can_redraw:
                click.echo(f"\r{as_shown(request)} {left_s:2d} s left ", nl=False)
            elif not printed or printed[-1] - left_s >= _COUNTDOWN_LINE_EVERY_S:
                print_message(f"{request} {left_s} s left")
                printed.append(left_s)
            sys.stdout.flush()

        try:
            yield draw
        finally:
            if self._can_redraw:
                click.echo()
