"""`homeclimate export`: the stored readings as CSV, JSON lines or Parquet."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from config.loading import load
from domain.export import LONG_COLUMNS, Row, Selection, headings, long_rows
from domain.reading import Quantity
from entrypoints.commands.options import home_option, parse_instant
from entrypoints.process import find_home
from entrypoints.terminal.export_text import printable, write_csv, write_json_lines
from entrypoints.terminal.output import discard_stdout
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.export import exported_rows, text_file
from entrypoints.wiring.home import home_of
from ports.stored_data import ExportedRows

_CLOSED_PIPE = 141  # what a shell reports of a program that SIGPIPE has ended
_FORMATS = ("csv", "jsonl")
_ROWS_A_STEP = 5000


@click.command()
@click.option("--since", metavar="WHEN", help="From then on: 12h, 30d ago, or 2026-11-18T14:30 (UTC).")
@click.option("--until", metavar="WHEN", help="Only before then.")
@click.option(
    "--device",
    "names",
    multiple=True,
    metavar="ID|ROOM",
    help="Only this device, or those of this room; may be repeated.",
)
@click.option(
    "--quantity",
    "quantities",
    multiple=True,
    type=click.Choice([quantity.value for quantity in Quantity]),
    help="Only this quantity; may be repeated.",
)
@click.option(
    "--long", "is_long", is_flag=True, help="A row for each value, instead of one for each reading."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="How it is written.  [default: by the ending of --output, else csv]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where it is written, complete or not at all.  [default: stdout]",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@home_option
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    since: str | None,
    until: str | None,
    names: tuple[str, ...],
    quantities: tuple[str, ...],
    is_long: bool,
    form: str | None,
    output: Path | None,
    force: bool,
    home: Path | None,
) -> int:
    """Write the stored readings in the order of time, all of them or a selection.

    Times are in UTC. Exit code: 0 written, 1 the database cannot be read or the file cannot be written, 64
    wrong usage, 78 wrong configuration, 141 the reader of stdout went away.
    """
    home_now = home_of(load(find_home(home)), environment or Environment())
    stored = exported_rows(home_now)
    selection = Selection(
        since=None if since is None else parse_instant(since, home_now.clock),
        until=None if until is None else parse_instant(until, home_now.clock),
        device_ids=_device_ids(stored, names),
        quantities=[one for one in Quantity if one.value in quantities] or tuple(Quantity),
    )
    if selection.since and selection.until and selection.since >= selection.until:
        raise click.UsageError("--since is not before --until")
    if output is not None and output.exists() and not output.is_file():
        raise click.UsageError(f"{output} is not a file. Leave --output out to write to stdout")
    if output is not None and output.exists() and not force:
        raise click.UsageError(f"{output} exists already. Name a new file, or add --force to replace it")
    target = _stdout() if output is None else text_file(output)
    try:
        with target as file, _with_progress(stored, selection) as rows:
            _write(file, rows, selection, form or _format_of(output), is_long=is_long)
    except BrokenPipeError:
        discard_stdout()
        return _CLOSED_PIPE
    return 0


def _write(file: TextIO, rows: Iterator[Row], selection: Selection, form: str, *, is_long: bool) -> None:
    if form == "jsonl":
        columns = LONG_COLUMNS if is_long else selection.columns
        write_json_lines(file, columns, long_rows(rows, selection) if is_long else rows)
    elif is_long:
        write_csv(file, LONG_COLUMNS, long_rows(rows, selection))
    else:
        write_csv(file, headings(selection), rows)


def _format_of(output: Path | None) -> str:
    return "jsonl" if output is not None and output.suffix in (".jsonl", ".ndjson") else "csv"


def _device_ids(stored: ExportedRows, names: Sequence[str]) -> Sequence[str]:
    """Return the ids that the names stand for: ids themselves, or rooms. Both are compared without case."""
    if not names:
        return ()
    devices = stored.devices()
    found: list[str] = []
    for name in names:
        ids = [one for one, room in devices.items() if name.casefold() in (one.casefold(), room.casefold())]
        if not ids:
            known = ", ".join(sorted({printable(room) for room in devices.values()})) or "none"
            raise click.UsageError(f"there is no device or room {name!r}. Rooms: {known}")
        found += ids
    return sorted(set(found))


@contextmanager
def _with_progress(stored: ExportedRows, selection: Selection) -> Iterator[Iterator[Row]]:
    """Yield the rows; show on stderr how many have been taken, if it is a terminal."""
    if not sys.stderr.isatty():
        yield stored.rows(selection)
        return
    length = stored.count(selection)
    with click.progressbar(
        stored.rows(selection),
        length=length,
        file=sys.stderr,
        label="readings",
        show_pos=True,
        update_min_steps=_ROWS_A_STEP,
    ) as bar:
        yield iter(bar)


@contextmanager
def _stdout() -> Iterator[TextIO]:
    file = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
    try:
        yield file
        file.flush()
    finally:
        file.detach()
