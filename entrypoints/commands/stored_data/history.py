"""`homeclimate history`: the course of a quantity in a room, as a plot and by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from config.loading import load_to_read
from config.source_names import intervals
from domain.device_settings import matching_ids
from domain.printable import printable
from domain.reading import Quantity, Reading
from domain.services.device_history import HistoryReader
from entrypoints.commands.options import home_option, json_option, parse_span
from entrypoints.process import find_home
from entrypoints.terminal.layout import print_lines, terminal_width
from entrypoints.terminal.output import as_json, print_message
from entrypoints.terminal.stored_data.history_text import as_object, lines
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import home_of
from entrypoints.wiring.storage import history, ledger, local_zone

_MOST_DEVICES = 4  # that a part of a name may stand for


@click.command()
@click.argument("room", default="", metavar="ROOM")
@click.option(
    "--since",
    default="24h",
    show_default=True,
    metavar="WHEN",
    help="Where it begins: 12h, 30d ago, or 2026-11-18T14:30 (UTC).",
)
@click.option("--until", metavar="WHEN", help="Where it ends.  [default: now]")
@click.option(
    "--quantity",
    "name",
    type=click.Choice([quantity.value for quantity in Quantity]),
    default=Quantity.TEMPERATURE.value,
    show_default=True,
)
@json_option
@home_option
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    room: str,
    since: str,
    until: str | None,
    name: str,
    is_json: bool,
    home: Path | None,
) -> int:
    """Plot the course of a quantity in ROOM, list the gaps with their reasons, and each day's range.

    ROOM is a name or a part of it, or the id of a device. Exit code: 0 shown, 1 the database cannot be read,
    64 wrong usage, 78 wrong configuration.
    """
    home_now = home_of(load_to_read(find_home(home)), environment or Environment())
    now = home_now.clock.now()
    span = parse_span(since, until, home_now.clock)
    quantity, stored = Quantity(name), history(home_now)
    reader = HistoryReader(
        history=stored,
        ledger=ledger(home_now),
        intervals=intervals(home_now.settings),
        zone=local_zone(),
    )
    found = reader.read(choose_devices(stored.newest(now), room, quantity), quantity, span, now)
    if is_json:
        print_message(as_json(as_object(found, reader.zone)))
        return 0
    for number, one in enumerate(found):
        print_message(*([""] if number else []))
        print_lines(lines(one, reader.zone, terminal_width()))
    return 0


def choose_devices(newest: Sequence[Reading], room: str, quantity: Quantity) -> Sequence[Reading]:
    """Return the devices that the room stands for and that measure the quantity. Raise UsageError."""
    by_id: Mapping[str, Reading] = {reading.device_id: reading for reading in newest}
    found = [by_id[each] for each in matching_ids(room, {each: one.location for each, one in by_id.items()})]
    rooms = {one.location for one in found}
    if not found:
        known = _listed({one.location for one in newest})
        wrong = f"there is no room or device {room!r}" if room else "name a room, or a part of its name"
        raise click.UsageError(f"{wrong}. Rooms: {known}")
    if len(rooms) > 1 and len(found) > _MOST_DEVICES:
        raise click.UsageError(
            f"{room!r} is a part of {len(rooms)} names: {_listed(rooms)}. Write more of it"
        )
    measuring = [one for one in found if quantity in one.values]
    if not measuring:
        measured = sorted({each.value for one in found for each in one.values})
        raise click.UsageError(
            f"{_listed(rooms)} does not measure {quantity.value}. Name one of {', '.join(measured)}"
        )
    return measuring


def _listed(rooms: set[str]) -> str:
    return ", ".join(sorted(map(printable, rooms), key=str.casefold)) or "none"
