"""Folders in which a database is not safe, and that they are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.files.storage_place import problem_of
from adapters.memory.runtime import MemoryJournal
from ports.journal import Level
from tests.support.databases import a_store


@pytest.mark.parametrize(
    "names",
    [
        "Dropbox",
        "Dropbox (Personal)",
        "OneDrive",
        "OneDrive - Work",
        "Nextcloud",
        "Library/Mobile Documents",
        "Library/CloudStorage",
        "iCloud Drive",
        "Google Drive",
    ],
)
def test_synchronised_folders_are_known_by_name(tmp_path: Path, names: str) -> None:
    problem = problem_of(tmp_path / names / "home" / "data")
    assert problem is not None
    assert str(tmp_path / names) in problem


@pytest.mark.parametrize("mark", [".stfolder", ".dropbox", ".nextcloudsync.log"])
def test_synchronised_folders_are_known_by_their_files(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).mkdir()
    assert problem_of(tmp_path / "home") is not None


@pytest.mark.parametrize("name", ["home", "Dropboxes", "my OneDrive notes", "data"])
def test_other_folders_are_accepted(tmp_path: Path, name: str) -> None:
    assert problem_of(tmp_path / name) is None


@pytest.mark.parametrize(
    ("kind", "is_safe"),
    [
        ("ext4", True),
        ("apfs", True),
        ("fuseblk", True),
        ("nfs4", False),
        ("cifs", False),
        ("fuse.sshfs", False),
    ],
)
def test_the_file_system_of_the_folder_itself_counts(tmp_path: Path, kind: str, is_safe: bool) -> None:
    mounts = tmp_path / "mounts"
    point = tmp_path / "my disk"
    blank = r"\040"
    named = str(point).replace(" ", blank)
    mounts.write_text(f"a / ext4 rw 0 0\nb {named} {kind} rw 0 0\nc {tmp_path}/far nfs4 rw 0 0\n")
    assert (problem_of(point / "data", mounts) is None) is is_safe
    assert problem_of(tmp_path / "elsewhere", mounts) is None


def test_a_system_without_a_list_of_mounts_is_accepted(tmp_path: Path) -> None:
    assert problem_of(tmp_path, tmp_path / "nowhere") is None


def test_a_store_in_a_synchronised_folder_warns_and_works(tmp_path: Path) -> None:
    journal = MemoryJournal()
    store = a_store(tmp_path / "Dropbox" / "readings.db", journal=journal)
    store.open()
    (warned,) = journal.of("store.synchronised_folder")
    assert warned.level is Level.WARNING
    assert "Set storage.database_path" in str(warned.fields["reason"])
    store.close()


def test_link_to_itself_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("data")
    assert problem_of(tmp_path / "data") is None
