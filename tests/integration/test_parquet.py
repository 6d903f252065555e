"""Parquet files, where DuckDB is installed; and what is said where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adapters.files.parquet import require_duckdb, write_parquet
from domain.errors import HomeclimateError
from domain.history.export import LONG_COLUMNS, Selection, units
from domain.printable import printable
from domain.reading import Quantity
from entrypoints.terminal.export_text import write_csv

TIME, SEEN = "2026-03-01T12:00:00+00:00", "2026-03-01T11:59:00.5+00:00"
SELECTION = Selection(quantities=(Quantity.TEMPERATURE,))


def test_parquet_has_types_and_units(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    rows = [
        (TIME, "hue:a", '=Attic, "n"', "hue_sensor", -3.5, 80, 1, 0, SEEN, '{"tvoc": 7}'),
        (SEEN, "hue:a", "Attic", "hue_sensor", None, None, None, 1, None, None),
    ]
    source, target = tmp_path / "it's.csv", tmp_path / "it's.parquet"
    with source.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, SELECTION.columns, iter(rows), printable)
    write_parquet(source, target, units(SELECTION.columns))
    file = duckdb.read_parquet(str(target))
    found = file.project("epoch_ms(collected_at), * EXCLUDE (collected_at, observed_at)").fetchall()
    kinds = dict(zip(file.columns, map(str, file.types), strict=True))
    known = duckdb.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(target)]).fetchall()
    assert found == [
        (1772366400000, "hue:a", '=Attic, "n"', "hue_sensor", -3.5, 80, True, False, '{"tvoc": 7}'),
        (1772366340500, "hue:a", "Attic", "hue_sensor", None, None, None, True, None),
    ]
    assert kinds["collected_at"] == kinds["observed_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (b"temperature", b"Cel") in known


def test_a_long_row_has_its_unit_in_a_column(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    source, target = tmp_path / "a.csv", tmp_path / "a.parquet"
    row = (TIME, "hue:a", "Attic", "hue_sensor", "temperature", "Cel", 21.5, 0, SEEN)
    with source.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, LONG_COLUMNS, iter([row]), printable)
    write_parquet(source, target, units(LONG_COLUMNS))
    assert duckdb.read_parquet(str(target)).project("unit, value").fetchall() == [("Cel", 21.5)]


def test_a_file_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    with pytest.raises(HomeclimateError, match=r"could not write a\.parquet"):
        write_parquet(tmp_path / "absent.csv", tmp_path / "a.parquet", units(LONG_COLUMNS))


def test_what_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(HomeclimateError, match=r"homeclimate\[parquet\]"):
        require_duckdb()
