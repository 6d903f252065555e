"""Exported rows as text: quotes, formulas, control characters, and a row for each value."""

from __future__ import annotations

import csv
import io
import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.history.export import LONG_COLUMNS, Row, Selection, adjusted, headings, in_zone, long_rows
from domain.printable import printable
from domain.reading import Quantity
from entrypoints.terminal.export_text import safe_cell, write_csv, write_json_lines

SELECTION = Selection(quantities=(Quantity.TEMPERATURE, Quantity.PM25))
TIME, SEEN = "2026-03-01T12:00:00+00:00", "2026-03-01T11:59:00+00:00"
READING: Row = (
    *(TIME, "hue:a", "Attic", "hue_sensor"),
    *(-3.5, None),
    *(80, 1, 0, SEEN, '{"pm25": -1.0, "tvoc": 7}'),
)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Kitchen", "Kitchen"),
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1+1", "'  =1+1"),
        ("\t=1", "'\ufffd=1"),
        ("\uff1d1", "'\uff1d1"),
        ("|cmd", "'|cmd"),
        ("a\x1b[2J\r\nb\x9b", "a\ufffd[2J\ufffd\ufffdb\ufffd"),
        ("K\u00fcche = warm", "K\u00fcche = warm"),
        ("\ud800", "\ufffd"),
    ],
)
def test_no_cell_is_run_by_a_spreadsheet_or_controls_a_terminal(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


def test_csv_is_that_of_rfc_4180() -> None:
    file = io.StringIO()
    write_csv(file, headings(SELECTION.columns), iter([(*READING[:2], '=Attic, "north"', *READING[3:])]))
    first, second, end = file.getvalue().split("\r\n")
    assert first == (
        "collected_at,device_id,location,device_type,temperature (Cel),pm25 (ug/m3),"
        "battery_percent (%),is_reachable,is_anomalous,observed_at,other_values"
    )
    assert second.startswith(f'{TIME},hue:a,"\'=Attic, ""north""",hue_sensor,-3.5,,80,1,0,{SEEN},')
    assert end == ""
    (_, row) = csv.reader(file.getvalue().splitlines())
    assert json.loads(row[-1]) == {"pm25": -1.0, "tvoc": 7}


def test_json_lines_have_the_cells_that_are_not_empty() -> None:
    file = io.StringIO()
    write_json_lines(file, SELECTION.columns, iter([READING]))
    assert json.loads(file.getvalue()) == {
        "collected_at": TIME,
        "device_id": "hue:a",
        "location": "Attic",
        "device_type": "hue_sensor",
        "temperature": -3.5,
        "battery_percent": 80,
        "is_reachable": True,
        "is_anomalous": False,
        "observed_at": SEEN,
        "other_values": {"pm25": -1.0, "tvoc": 7},
    }


def test_a_long_row_for_each_value_has_its_unit() -> None:
    found = [row[4:7] for row in long_rows(iter([READING]), SELECTION)]
    assert found == [("temperature", "Cel", -3.5), ("pm25", "ug/m3", -1.0)]
    everything = (*READING[:4], *(None,) * len(Quantity), *READING[6:])
    found = [row[4:7] for row in long_rows(iter([everything]), Selection())]
    assert found == [("pm25", "ug/m3", -1.0), ("tvoc", None, 7)]


def test_times_are_those_of_the_zone() -> None:
    odd = (*READING[:-2], "soon", None)
    found = [(row[0], row[-2]) for row in in_zone(iter([READING, odd]), ZoneInfo("Asia/Kolkata"))]
    local = "2026-03-01T17:30:00+05:30"
    assert found == [(local, "2026-03-01T17:29:00+05:30"), (local, "soon")]


def test_a_long_name_from_outside_is_safe_too() -> None:
    file = io.StringIO()
    row = (*READING[:4], *(None,) * len(Quantity), *READING[6:-1], '{"=cmd()": 1}')
    write_csv(file, LONG_COLUMNS, long_rows(iter([row]), Selection()))
    assert ",'=cmd(),,1,0," in file.getvalue()


@example(['"a"', 'b"c', '"'])
@given(st.lists(st.text(), min_size=3, max_size=3))
def test_any_names_are_read_again_as_they_were_made_safe(names: list[str]) -> None:
    file = io.StringIO()
    write_csv(file, headings(SELECTION.columns), iter([(TIME, *names, *READING[4:])]))
    (_, row) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert row[1:4] == [safe_cell(name) for name in names]
    file = io.StringIO()
    write_json_lines(file, SELECTION.columns, iter([(TIME, *names, *READING[4:])]))
    found = json.loads(file.getvalue())
    assert [found[name] for name in SELECTION.columns[1:4]] == [printable(name) for name in names]


def test_offsets_are_added_to_cells_and_other_values_of_their_device() -> None:
    other = (TIME, "hue:b", *READING[2:])
    offsets = {"hue:a": {Quantity.TEMPERATURE: -1.3, Quantity.PM25: 2.0, Quantity.PM10: 1.0}}
    first, second = adjusted(iter([READING, other]), SELECTION, offsets)
    assert first[:6] == (TIME, "hue:a", "Attic", "hue_sensor", -4.8, None)
    assert json.loads(str(first[-1])) == {"pm25": 1.0, "tvoc": 7}
    assert second == other
