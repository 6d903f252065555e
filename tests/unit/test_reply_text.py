"""What a source handed over, as a person reads it."""

from __future__ import annotations

import attrs

from domain.cycle import Cause
from domain.reading import Quantity
from entrypoints.terminal.reply_text import rooms
from tests.support.builders import a_reading, a_reply, an_unread


def test_rooms_come_in_order_with_what_they_have() -> None:
    reply = a_reply(
        a_reading("hue:2", location="Kitchen", temperature=21.46, battery_percent=80),
        a_reading("hue:1", location="Attic", temperature=-3.0, battery_percent=None),
    )
    assert list(rooms(reply)) == ["  Attic     -3.0 °C", "  Kitchen   21.5 °C   battery 80 %"]


def test_who_is_silent_is_listed_with_the_cause() -> None:
    unread = (an_unread("hue:3", Cause.SWITCHED_OFF, "Cellar"), an_unread("hue:4"))
    reply = attrs.evolve(a_reply(), readings=(), unread=unread)
    assert list(rooms(reply)) == ["  Cellar  silent (switched off)", "  hue:4   silent (unreachable)"]


def test_air_is_told_with_its_units_and_remarks_come_last() -> None:
    values = {Quantity.TEMPERATURE: 20.0, Quantity.RELATIVE_HUMIDITY: 41.2, Quantity.PM25: 3.0}
    reply = a_reply(a_reading("alexa:1", location="Hall", values=values), notes=("a remark",))
    assert list(rooms(reply)) == [
        "  Hall   20.0 °C   41 % humidity   PM2.5 3 µg/m³",
        "  note: a remark",
    ]
