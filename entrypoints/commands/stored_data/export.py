"""`homeclimate export`: the stored readings as CSV, JSON lines or Parquet, or the database as one file."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
import click

from config.loading import load_to_read
from domain.device_settings import SettingsByDevice
from domain.history.export import (
    LONG_COLUMNS,
    Row,
    Selection,
    adjusted,
    headings,
    in_zone,
    long_rows,
    simulated_columns,
    simulated_rows,
    units,
)
from domain.printable import printable
from domain.reading import Quantity
from entrypoints.commands.options import home_option, parse_instant
from entrypoints.process import find_home
from entrypoints.terminal.export_text import write_csv, write_json_lines
from entrypoints.terminal.output import print_message
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.export import (
    exported_rows,
    holds_simulated,
    replacement,
    require_duckdb,
    write_copy,
    write_parquet,
)
from entrypoints.wiring.home import home_as_found
from entrypoints.wiring.storage import device_settings
from ports.stored_data import ExportedRows

_CSV, _JSON_LINES, _PARQUET, _SQLITE = "csv", "jsonl", "parquet", "sqlite"
_ENDINGS = {
    **dict.fromkeys((".jsonl", ".ndjson"), _JSON_LINES),
    ".parquet": _PARQUET,
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), _SQLITE),
}
_SIMULATED = "The home is simulated: none of these values was measured."
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
@click.option("--zone", metavar="NAME", help="Times in this zone, such as Europe/Berlin, instead of UTC.")
@click.option("--long", "is_long", is_flag=True, help="A row for each value instead of each reading.")
@click.option(
    "--format",
    "form",
    type=click.Choice([_CSV, _JSON_LINES, _PARQUET, _SQLITE]),
    help="How it is written; sqlite is the whole database.  [default: by the ending of FILE, else csv]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where it is written, complete or not at all.  [default: stdout]",
)
@click.option("--raw", "is_raw", is_flag=True, help="Values as measured, without the offsets of devices.")
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
    zone: str | None,
    is_long: bool,
    form: str | None,
    output: Path | None,
    is_raw: bool,
    force: bool,
    home: Path | None,
) -> int:
    """Write the stored readings in the order of time, all of them or a selection.

    Exit code: 0 written, 1 the database cannot be read or the file cannot be written, 64
    wrong usage, 78 wrong configuration, 141 the reader of stdout went away.
    """
    home_now = home_as_found(load_to_read(find_home(home)), environment)
    form = form or _ENDINGS.get("" if output is None else output.suffix.lower(), _CSV)
    _check_output(output, form, is_forced=force)
    is_simulated = holds_simulated(home_now)
    if form == _SQLITE and output is not None:
        if is_long or is_raw or any((since, until, names, quantities, zone)):
            raise click.UsageError(
                "sqlite is the whole database. Leave out --long, --raw, --zone and what selects readings"
            )
        if is_simulated:
            print_message(_SIMULATED, err=True)
        with replacement(output) as made:
            write_copy(home_now, made)
        return 0
    stored, settings = exported_rows(home_now), device_settings(home_now).current()
    devices = stored.devices() if names or settings.by_id else {}
    selection = Selection(
        since=None if since is None else parse_instant(since, home_now.clock),
        until=None if until is None else parse_instant(until, home_now.clock),
        device_ids=_device_ids(devices, names, settings),
        without=[] if names else [one for one in devices if settings.is_ignored(one)],
        quantities=[one for one in Quantity if one.value in quantities] or tuple(Quantity),
    )
    if selection.since and selection.until and selection.since >= selection.until:
        raise click.UsageError("--since is not before --until")
    export = _Export(
        stored=stored,
        selection=selection,
        offsets={one: own for one in devices if not is_raw and (own := settings.of(one).offsets)},
        zone=None if zone is None else _zone_of(zone),
        form=form,
        is_long=is_long,
        is_simulated=is_simulated,
        shows_progress=sys.stderr.isatty() and (output is not None or not sys.stdout.isatty()),
    )
    if is_simulated:
        print_message(_SIMULATED, err=True)
    if output is None:
        with _stdout() as file:
            export.write_text(file)
    else:
        with replacement(output) as made:
            export.write(made)
    return 0


@attrs.frozen(kw_only=True)
class _Export:
    stored: ExportedRows
    selection: Selection
    offsets: Mapping[str, Mapping[Quantity, float]]
    zone: ZoneInfo | None
    form: str
    is_long: bool
    is_simulated: bool
    shows_progress: bool

    def write(self, made: Path) -> None:
        """Write the file. Parquet is made of CSV, which is in the same folder meanwhile."""
        text = made.with_name(f"{made.name}.csv") if self.form == _PARQUET else made
        with text.open("w", encoding="utf-8", newline="") as file:
            self.write_text(file)
        if self.form == _PARQUET:
            write_parquet(text, made, units(self._columns))

    def write_text(self, file: TextIO) -> None:
        with self._rows() as rows:
            if self.form == _JSON_LINES:
                write_json_lines(file, self._columns, rows)
            elif self.form == _PARQUET:
                write_csv(file, self._columns, rows, printable)
            else:
                write_csv(file, headings(self._columns), rows)

    @property
    def _columns(self) -> Sequence[str]:
        return simulated_columns(self._usual_columns) if self.is_simulated else self._usual_columns

    @property
    def _usual_columns(self) -> Sequence[str]:
        return LONG_COLUMNS if self.is_long else self.selection.columns

    @contextmanager
    def _rows(self) -> Iterator[Iterator[Row]]:
        with self._with_progress(self.stored.rows(self.selection)) as rows:
            shown = adjusted(rows, self.selection, self.offsets) if self.offsets else rows
            converted = shown if self.zone is None else in_zone(shown, self.zone)
            shaped = long_rows(converted, self.selection) if self.is_long else converted
            yield simulated_rows(shaped, self._usual_columns) if self.is_simulated else shaped

    @contextmanager
    def _with_progress(self, rows: Iterator[Row]) -> Iterator[Iterator[Row]]:
        """Show on stderr how many of the rows have been taken."""
        if not self.shows_progress:
            yield rows
            return
        with click.progressbar(
            rows,
            length=self.stored.count(self.selection),
            file=sys.stderr,
            label="readings",
            show_pos=True,
            update_min_steps=_ROWS_A_STEP,
        ) as bar:
            yield iter(bar)


def _check_output(output: Path | None, form: str, *, is_forced: bool) -> None:
    """Raise a message for the person if the file cannot be written so."""
    if output is None:
        if form in (_PARQUET, _SQLITE):
            raise click.UsageError(f"{form} needs a file. Name it with --output")
    elif output.exists() and not output.is_file():
        raise click.UsageError(f"{output} is not a file. Leave --output out to write to stdout")
    elif not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {output.parent}. Make it, or name another file")
    elif output.exists() and not is_forced:
        raise click.UsageError(f"{output} exists already. Name a new file, or add --force to replace it")
    if form == _PARQUET:
        require_duckdb()


def _device_ids(
    devices: Mapping[str, str], names: Sequence[str], settings: SettingsByDevice
) -> Sequence[str]:
    """Return the ids that the names stand for: ids themselves, or rooms. Both are compared without case.

    A room is the stored one of the last reading, or the name that is set for the device.
    """
    found: list[str] = []
    for name in names:
        ids = [
            one
            for one, room in devices.items()
            if name.casefold() in {text.casefold() for text in (one, room, settings.of(one).name or room)}
        ]
        if not ids:
            known = ", ".join(sorted({printable(room) for room in devices.values()})) or "none"
            raise click.UsageError(f"there is no device or room {name!r}. Rooms: {known}")
        found += ids
    return sorted(set(found))


def _zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.UsageError(f"{name!r} is not a time zone. Write one like Europe/Berlin") from error


@contextmanager
def _stdout() -> Iterator[TextIO]:
    file = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield file
        file.flush()
    finally:
        file.detach()
