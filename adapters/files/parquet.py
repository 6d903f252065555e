"""Parquet files, which DuckDB makes of CSV. It is an extra: `homeclimate[parquet]`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

from domain.errors import HomeclimateError
from domain.history.export import IS_SIMULATED
from domain.reading import Quantity

_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("collected_at", "observed_at"), "TIMESTAMPTZ"),
    **dict.fromkeys(("is_reachable", "is_anomalous", IS_SIMULATED), "BOOLEAN"),
    **dict.fromkeys((*(quantity.value for quantity in Quantity), "value"), "DOUBLE"),
    "battery_percent": "BIGINT",
}
_MEMORY = "100MB"
_COPY = """
COPY (
    SELECT * FROM read_csv(
        {source}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"',
        columns = {{{columns}}}
    )
) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480{metadata})
"""


def require_duckdb() -> ModuleType:
    """Return the library. Raise `HomeclimateError` if it is not installed."""
    try:
        return import_module("duckdb")
    except ImportError as error:
        raise HomeclimateError(
            "Parquet needs DuckDB, which is not installed. Install homeclimate[parquet], in a checkout with "
            ".venv/bin/pip install duckdb"
        ) from error


def write_parquet(csv_file: Path, target: Path, units: Mapping[str, str | None]) -> None:
    """Write the file of a CSV file with these columns. Their units, if known, become its metadata.

    Raise `HomeclimateError`.
    """
    duckdb = require_duckdb()
    types = {name: _TYPES.get(name, "VARCHAR") for name in units}
    known = ", ".join(f'"{name}": {_literal(unit)}' for name, unit in units.items() if unit)
    statement = _COPY.format(
        source=_literal(str(csv_file)),
        columns=", ".join(f"{_literal(name)}: '{kind}'" for name, kind in types.items()),
        target=_literal(str(target)),
        metadata=f", KV_METADATA {{{known}}}" if known else "",  # DuckDB 1.1 takes no empty one
    )
    try:
        with duckdb.connect(config={"memory_limit": _MEMORY, "threads": 1}) as connection:
            connection.execute(statement)
    except duckdb.Error as error:
        raise HomeclimateError(f"DuckDB could not write {target.name}: {error}") from error


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
