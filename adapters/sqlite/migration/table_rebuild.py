"""The definition of the `readings` table, as text: what it refuses, and how it reads once it is relaxed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

import attrs

from adapters.sqlite.migration.migrations import PRUNED, RELAXED, migrate
from adapters.sqlite.migration.table_comparison import Table, columns_of, differ
from adapters.sqlite.schema import CREATE_RARE_KINDS_INDEX
from domain.errors import StoreError

_TOKEN = re.compile(
    r"""
    --[^\n]* | /\*.*?(?:\*/|\Z) | \s+                                   # what means nothing
    | '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]     # what is quoted
    | \w+ | .
    """,
    re.DOTALL | re.VERBOSE,
)
_MEANS_NOTHING = re.compile(r"--|/\*|\s")
_INSERT_PROBE = """
INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type, created_at)
VALUES ('2026-03-01T12:00:00+00:00', ?, NULL, 'Living room', ?, '2026-03-01 12:00:00')
"""
_PROBES = (("hue:00:17:88:01:02:03:04:05-02-0402", "hue_sensor"), ("alexa:GAJ23005314600H3", "alexa_aqm"))
_TEMPERATURE = "temperature_celsius"

Edit = tuple[int, int, str]  # from, to, and what stands there then


def refusal(definition: str) -> str | None:
    """Why such a table refuses a row without a temperature, or a monitor's; None when it takes them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(definition)
            connection.executemany(_INSERT_PROBE, _PROBES)
        except sqlite3.Error as error:
            return str(error)
    return None


def relaxed(definition: str) -> str:
    """The definition with a temperature that may be NULL and the kind of the monitors; all else as it was.

    Raises `StoreError` when it is of a form that cannot be relaxed with certainty.
    """
    tokens = tuple(_tokens(definition))
    result = _edited(definition, [*_dropped_not_null(tokens), *_added_kind(tokens)])
    if (why := refusal(result)) is not None:
        raise StoreError(f"the readings table is defined in a way that is not known here ({why})")
    wanted = [
        (number, name, kind, 0 if str(name).lower() == _TEMPERATURE else not_null, *rest)
        for number, name, kind, not_null, *rest in _columns(definition)
    ]
    if _columns(result) != wanted:
        raise StoreError("the readings table is defined in a way that is not known here")
    return result


def renamed(definition: str, name: str) -> str:
    """The definition of the same table by another name."""
    _create, _table, present, *_ = _tokens(definition)
    return _edited(definition, [(present.start, present.end, name)])


@attrs.frozen(kw_only=True)
class _Token:
    text: str
    start: int
    end: int
    depth: int  # of parentheses around it

    @property
    def word(self) -> str:
        return self.text.upper()

    @property
    def content(self) -> str:
        """What it names or says, without its quotes."""
        return self.text[1:-1] if self.text[0] in "'\"`[" else self.text


def _tokens(definition: str) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(definition):
        text = match.group()
        if _MEANS_NOTHING.match(text):
            continue
        depth -= text == ")"
        yield _Token(text=text, start=match.start(), end=match.end(), depth=depth)
        depth += text == "("


def _dropped_not_null(tokens: Sequence[_Token]) -> Iterator[Edit]:
    column = ""
    for number, token in enumerate(tokens[:-1]):
        if token.depth == 1 and (tokens[number - 1].text, tokens[number - 1].depth) in (("(", 0), (",", 1)):
            column = token.content.lower()
        if (token.word, token.depth, tokens[number + 1].word) != ("NOT", 1, "NULL") or column != _TEMPERATURE:
            continue
        first = number - 2 if tokens[number - 2].word == "CONSTRAINT" else number
        is_followed = [following.word for following in tokens[number + 2 : number + 4]] == ["ON", "CONFLICT"]
        last = number + 4 if is_followed else number + 1
        yield tokens[first - 1].end, tokens[last].end, ""


def _added_kind(tokens: Sequence[_Token]) -> Iterator[Edit]:
    for number, token in enumerate(tokens[:-1]):
        if token.word != "IN" or tokens[number + 1].text != "(":
            continue
        closing_one = next(following for following in tokens[number:] if _closes(following, token))
        kinds = {kind.content for kind in tokens[number + 2 :] if kind.end <= closing_one.start}
        if "hue_sensor" in kinds and "alexa_aqm" not in kinds:
            yield closing_one.start, closing_one.start, ", 'alexa_aqm'"


def _closes(token: _Token, opening: _Token) -> bool:
    return token.text == ")" and token.depth == opening.depth and token.start > opening.start


def _edited(text: str, edits: Sequence[Edit]) -> str:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _columns(definition: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(definition)
        return connection.execute("PRAGMA table_xinfo(readings)").fetchall()


# The fourth migration: `readings` without the indexes that cost more room than they save time.

_IDENTITY = ("device_id", "timestamp")
_KINDS_INDEX = "idx_readings_device_type"
# As the earlier program made them. What has another name, or other columns, is somebody else's and stays.
_EARLIER: Mapping[str, Sequence[str]] = {
    "idx_readings_device_id": ("device_id",),
    "idx_readings_device_timestamp": _IDENTITY,
    _KINDS_INDEX: ("device_type",),
}
_SELECT_INDEXES = "SELECT name, \"unique\", partial FROM pragma_index_list('readings')"
_SELECT_COLUMNS = 'SELECT name, "desc", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno'

Columns = tuple[tuple[str | None, int, str], ...]  # each with its direction and its collation


def superfluous(connection: sqlite3.Connection) -> Sequence[str]:
    """The indexes of the earlier program that another one stands for, or a smaller one could."""
    unique, plain = _indexes(connection)
    keys = [columns for columns in unique if tuple(name for name, *_ in columns) == _IDENTITY]
    found = []
    for index, names in _EARLIER.items():
        columns = plain.get(index, ())
        is_as_made = columns == tuple((name, 0, "BINARY") for name in names)
        is_in_key = any(key[: len(columns)] == columns for key in keys)
        if is_as_made and (is_in_key or index == _KINDS_INDEX):
            found.append(index)
    return found


def drop_superfluous(connection: sqlite3.Connection) -> None:
    """Let go of them, in the caller's transaction. No row is touched."""
    for index in superfluous(connection):
        connection.execute(f"DROP INDEX {index}")
        if index == _KINDS_INDEX:
            connection.execute(CREATE_RARE_KINDS_INDEX)


def prune(connection: sqlite3.Connection) -> None:
    """4: all or nothing. Raises what SQLite raises; then nothing has changed."""
    # what an index held stands in the table too: writing zeros over it would only take long
    connection.execute("PRAGMA secure_delete=OFF")
    migrate(connection, drop_superfluous, PRUNED, lambda: None)


def _indexes(connection: sqlite3.Connection) -> tuple[Sequence[Columns], Mapping[str, Columns]]:
    """The columns of the unique indexes, and of the others by name; both without those of some rows only."""
    unique: list[Columns] = []
    plain: dict[str, Columns] = {}
    for name, is_unique, is_partial in connection.execute(_SELECT_INDEXES).fetchall():
        columns = tuple(connection.execute(_SELECT_COLUMNS, (name,)).fetchall())
        if is_partial:
            continue
        if is_unique:
            unique.append(columns)
        else:
            plain[name] = columns
    return unique, plain


# The second migration: `readings` rebuilt, so that it takes monitors and rows without a temperature.

# Of the connection, and gone with it. A foreign key would take dropping the table for deleting its rows; a
# view or a trigger that names the table must not be looked into while there is none; and an old row that a
# check would refuse today is copied all the same.
_SETTINGS = ("foreign_keys=OFF", "legacy_alter_table=ON", "ignore_check_constraints=ON")

_OLD, _NEW = Table("main", "readings"), Table("main", "readings_relaxed")
_SELECT_DEFINITION = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'readings'"
_SELECT_OBJECTS = """
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE sql IS NOT NULL AND NOT (type = 'table' AND name = 'readings') ORDER BY rowid
"""
_OWN = ("index", "trigger")  # what is dropped with its table
# What SQLite notes about a table, and forgets when it is dropped: the id that was given last, so that none is
# given twice, and what ANALYZE found, so that queries go on being answered in the same way.
_NOTES = {"sqlite_sequence": "name", "sqlite_stat1": "tbl", "sqlite_stat4": "tbl"}


def is_relaxed(connection: sqlite3.Connection) -> bool:
    """Whether the table takes these rows already. Raises `StoreError` when it could not be made to."""
    definition = _definition(connection)
    if refusal(definition) is None:
        return True
    relaxed(definition)
    return False


def relax(connection: sqlite3.Connection, *, before_commit: Callable[[], object] = lambda: None) -> None:
    """2: the table as it was in all else, every row with its id and each of its values.

    That is verified before the commit, as are indexes, triggers and views. The connection is of no use
    afterwards. Raises `StoreError` and what SQLite raises; then nothing has changed.
    """
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    migrate(connection, _rebuild, RELAXED, before_commit)


def _rebuild(connection: sqlite3.Connection) -> None:
    definition = _definition(connection)
    if refusal(definition) is None:
        return
    drop_superfluous(connection)  # first, so that they are not built anew
    around = _Surroundings.of(connection)
    connection.execute(renamed(relaxed(definition), _NEW.name))
    columns = columns_of(connection, _OLD)
    connection.execute(f"INSERT INTO {_NEW} ({columns}) SELECT {columns} FROM {_OLD}")  # noqa: S608 - quoted
    if differ(connection, _OLD, _NEW):
        raise StoreError("the copy of the readings table is not equal to it. Look at the disk")
    connection.execute(f"DROP TABLE {_OLD}")
    connection.execute(f"ALTER TABLE {_NEW} RENAME TO {_OLD.name}")
    around.restore(connection)


def _definition(connection: sqlite3.Connection) -> str:
    return str(connection.execute(_SELECT_DEFINITION).fetchone()[0])


@attrs.frozen(kw_only=True)
class _Surroundings:
    """What belongs to the table and goes when it is dropped, among all that there is beside it."""

    objects: Sequence[tuple[str, str, str, str]]
    notes: Mapping[str, Sequence[tuple[object, ...]]]

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> _Surroundings:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        selects = {
            note: f"SELECT * FROM {note} WHERE {key} = 'readings'"  # noqa: S608 - names from above
            for note, key in _NOTES.items()
            if note in tables
        }
        return cls(
            objects=connection.execute(_SELECT_OBJECTS).fetchall(),
            notes={note: connection.execute(select).fetchall() for note, select in selects.items()},
        )

    def restore(self, connection: sqlite3.Connection) -> None:
        """Put it back. Raises `StoreError` when something is not as it was."""
        for kind, _, table, statement in self.objects:
            if kind in _OWN and table == _OLD.name:
                connection.execute(statement)
        for note, rows in self.notes.items():
            connection.execute(f"DELETE FROM {note} WHERE {_NOTES[note]} = 'readings'")  # noqa: S608 - names from above
            for row in rows:
                marks = ", ".join("?" for _ in row)
                connection.execute(f"INSERT INTO {note} VALUES ({marks})", row)  # noqa: S608 - names from above
        if changed := set(self.objects) ^ set(connection.execute(_SELECT_OBJECTS)):
            names = ", ".join(sorted({name for _, name, _, _ in changed}))
            raise StoreError(f"what belongs to the readings table could not be kept as it is: {names}")
