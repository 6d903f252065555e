"""Holes of the ledger, as properties of the database: what is left to write of missed slots."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import lru_cache

from cattrs.preconf.json import make_converter

from domain.gaps import Hole

PREFIX = "gap."
DELETE_HOLE = "DELETE FROM properties WHERE name = ?"
INSERT_HOLE = "INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
# The next character follows the prefix's last one, so that all that begin with it lie between.
_SELECT_HOLES = "SELECT name, value FROM properties WHERE name >= 'gap.' AND name < 'gap/' ORDER BY name DESC"

_converter = make_converter()


def kept_holes(connection: sqlite3.Connection) -> Iterator[tuple[str, Hole]]:
    """Yield the properties that are holes, and the holes; skip what is damaged."""
    for name, value in connection.execute(_SELECT_HOLES).fetchall():
        try:
            yield name, _hole_of(value)
        except Exception:  # noqa: BLE001, S112 - cattrs raises many kinds
            continue


@lru_cache(maxsize=100)
def _hole_of(value: str) -> Hole:
    return _converter.loads(value, Hole)


def named(hole: Hole) -> tuple[str, str]:
    """Return the property that keeps the hole."""
    return f"{PREFIX}{hole.gap.source}.{hole.before.isoformat()}", _converter.dumps(hole)
