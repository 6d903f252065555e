"""Lines that are drawn again in place on a terminal, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import NoReturn

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.text import Text

from entrypoints.terminal.layout import Line, wrap_line
from entrypoints.terminal.output import Look

_STYLES = {Look.BOLD: "bold", Look.DIM: "dim"}
LinesAt = Callable[[int], Iterable[Line]]  # the lines for a width


def watch(read: Callable[[], LinesAt], every_s: float) -> NoReturn:
    """Draw what `read` returns on a screen of its own; read again every so many seconds.

    A changed width shows within a second. End with KeyboardInterrupt, with the terminal as it was before.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    view = View(read())
    with Live(
        view,
        console=Console(highlight=False),
        screen=True,
        refresh_per_second=1,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        while True:
            time.sleep(every_s)
            view.lines_at = read()
            live.refresh()


class View:
    """Lines that rich draws in the width that the terminal has then."""

    def __init__(self, lines_at: LinesAt) -> None:
        self.lines_at = lines_at

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for line, look in self.lines_at(options.max_width):
            for part in wrap_line(line, options.max_width):
                yield Text(part, style=_STYLES.get(look, ""), no_wrap=True, overflow="crop")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
