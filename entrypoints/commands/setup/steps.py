"""What the setup of every source has in common: load, check, talk, save, and show the rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from config.draft import Draft, draft_of
from config.loading import Loaded
from domain.cycle import SourceReply
from domain.reading import Quantity, Reading
from entrypoints.terminal.prompts import Prompts
from entrypoints.wiring.setup import check_writable, forget_refusals, save

_FORMATS = {
    Quantity.TEMPERATURE: "{:5.1f} °C",
    Quantity.RELATIVE_HUMIDITY: "{:.0f} % humidity",
    Quantity.PM25: "PM2.5 {:.0f} µg/m³",
    Quantity.CARBON_MONOXIDE: "CO {:.1f} ppm",
    Quantity.VOC_INDEX: "VOC index {:.0f}",
    Quantity.IAQ_SCORE: "air quality {:.0f}",
}
_MAX_ROOM_WIDTH = 40


def set_up(
    home: Path,
    prompts: Prompts,
    dialogue: Callable[[Draft], Draft | None],
    *,
    is_collecting_next: bool = True,
    forget: Callable[[Loaded], None] = forget_refusals,
) -> int:
    """Run the dialogue on the home's files, and save the draft that it returns; return the exit code.

    The dialogue returns None when it failed and has shown why. Nothing is written before it has ended; Ctrl-C
    leaves every file as it was. `forget` removes from the state what is no longer true then.
    """
    try:
        draft = draft_of(home)
        for warning in draft.loaded.warnings:
            prompts.warn(f"warning: {warning}")
        check_writable(home)
        result = dialogue(draft)
    except (KeyboardInterrupt, click.Abort):
        prompts.warn("", "stopped; nothing is changed")
        raise click.Abort from None
    if result is None:
        return 1
    if changed := result.changed_files:
        save(result)
        prompts.show(f"Saved {' and '.join(str(file.path) for file in changed)}.")
    else:
        prompts.show("The files are up to date; nothing is changed.")
    forget(result.loaded)  # the dialogue has just tested the credentials, or signed out
    if is_collecting_next:
        prompts.show("Next: homeclimate collect --once")
    return 0


def show_devices(
    prompts: Prompts, reply: SourceReply, *, found: str, kinds: Mapping[str, str], if_none: str
) -> None:
    """Show what a source has: `found` it has, how many devices of each kind, and each of them by room.

    `kinds` are by the beginning of the device ids, the source's own kind first.
    """
    ids = [*(one.device_id for one in reply.readings), *(one.device_id for one in reply.unread)]
    counts = {kind: sum(one.startswith(prefix) for one in ids) for prefix, kind in kinds.items()}
    own = next(iter(counts))
    parts = [f"{n} {kind}{'' if n == 1 else 's'}" for kind, n in counts.items() if n or kind == own]
    prompts.show(f"{found} {' and '.join(parts)}:")
    for line in reply_lines(reply):
        prompts.show(line)
    if not counts[own]:
        prompts.warn(if_none)


def reply_lines(reply: SourceReply) -> Iterator[str]:
    """Yield a line for each device, by room, then one for each note of the source."""
    rows = [(reading.location, _values(reading)) for reading in reply.readings]
    rows += [
        (unread.detail or unread.device_id, f"silent ({unread.cause.replace('_', ' ')})")
        for unread in reply.unread
    ]
    width = min(max((len(room) for room, _ in rows), default=0), _MAX_ROOM_WIDTH)
    for room, values in sorted(rows):
        yield f"  {room:{width}}  {values}"
    for note in reply.notes:
        yield f"  note: {note}"


def _values(reading: Reading) -> str:
    values = [text.format(reading.values[name]) for name, text in _FORMATS.items() if name in reading.values]
    if reading.battery_percent is not None:
        values.append(f"battery {reading.battery_percent} %")
    return "   ".join(values)
