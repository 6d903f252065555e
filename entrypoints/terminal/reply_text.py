"""What a source handed over, a line a room, for people."""

from __future__ import annotations

from collections.abc import Iterator

from domain.cycle import SourceReply
from domain.reading import Quantity, Reading

_SHOWN = {
    Quantity.TEMPERATURE: "{:5.1f} °C",
    Quantity.RELATIVE_HUMIDITY: "{:.0f} % humidity",
    Quantity.PM25: "PM2.5 {:.0f} µg/m³",
    Quantity.CARBON_MONOXIDE: "CO {:.1f} ppm",
    Quantity.VOC_INDEX: "VOC index {:.0f}",
    Quantity.IAQ_SCORE: "air quality {:.0f}",
}
_WIDEST_ROOM = 40


def rooms(reply: SourceReply) -> Iterator[str]:
    """A line for each device, by room; then one for each remark of the source."""
    told = [(reading.location, _values(reading)) for reading in reply.readings]
    told += [(unread.detail or unread.device_id, _silent(unread.cause)) for unread in reply.unread]
    width = min(max((len(room) for room, _ in told), default=0), _WIDEST_ROOM)
    for room, values in sorted(told):
        yield f"  {room:{width}}  {values}"
    for note in reply.notes:
        yield f"  note: {note}"


def _values(reading: Reading) -> str:
    values = [shape.format(reading.values[name]) for name, shape in _SHOWN.items() if name in reading.values]
    if reading.battery_percent is not None:
        values.append(f"battery {reading.battery_percent} %")
    return "   ".join(values)


def _silent(cause: str) -> str:
    return f"silent ({cause.replace('_', ' ')})"
