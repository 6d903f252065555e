"""Whether a log can be written, within its bound."""

from __future__ import annotations

from pathlib import Path

from adapters.health.probes import log_folder
from domain.health import Status


def test_a_folder_that_is_not_there_yet_can_be_made(tmp_path: Path) -> None:
    assert log_folder(tmp_path / "a" / "logs", max_bytes=10_000_000, backups=5).status is Status.PASS
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    answer = log_folder(tmp_path / "logs", max_bytes=10_000_000, backups=5)
    assert (answer.status, "logging.log_file_path" in answer.next_step) == (Status.FAIL, True)


def test_a_folder_with_more_than_its_bound_is_a_failure(tmp_path: Path) -> None:
    with (tmp_path / "old.log").open("wb") as file:
        file.truncate(60_000_000)
    assert log_folder(tmp_path, max_bytes=10_000_000, backups=5).status is Status.PASS
    (tmp_path / "more.log").write_bytes(b"1")
    answer = log_folder(tmp_path, max_bytes=10_000_000, backups=5)
    assert (answer.status, "60 MB" in answer.next_step) == (Status.FAIL, True)
