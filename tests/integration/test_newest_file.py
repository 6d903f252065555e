"""When a program that is made of files was last changed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from adapters.health.machine import newest_at

OLD, NEW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


def written(path: Path, at: datetime) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    os.utime(path, (at.timestamp(), at.timestamp()))


def test_the_newest_of_the_programs_files_tells_when_it_was_changed(tmp_path: Path) -> None:
    written(tmp_path / "a.py", OLD)
    written(tmp_path / "deep" / "b.py", NEW)
    written(tmp_path / "deep" / "c.pyc", datetime(2026, 4, 1, tzinfo=UTC))
    assert newest_at([tmp_path], "**/*.py") == NEW
    assert newest_at([tmp_path / "a.py"], "**/*.py") == OLD
    assert newest_at([tmp_path / "a.py", tmp_path / "deep"], "**/*.py") == NEW


def test_what_is_not_there_was_never_changed(tmp_path: Path) -> None:
    assert newest_at([tmp_path / "none", tmp_path], "**/*.py") is None
