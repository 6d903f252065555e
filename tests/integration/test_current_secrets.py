"""The secrets of a process that runs: read again after secrets.yaml has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.loading import CurrentSecrets, Loaded
from config.secrets import Secrets
from tests.support.config_homes import SECRETS, loaded


def key_of(home: Loaded) -> str | None:
    key = home.secrets.hue.api_key
    return key.value if key else None


def test_a_changed_file_is_read_once_and_its_secrets_are_announced_first(tmp_path: Path) -> None:
    announced: list[Secrets] = []
    before = loaded(tmp_path)
    current = CurrentSecrets(before, announced.append)
    assert current.loaded() is before
    before.secrets_path.write_text(SECRETS.replace("made-up", "another"))
    after = current.loaded()
    assert key_of(after) == "another-hue-key"
    assert current.loaded() is after
    assert [list(one.values()) for one in announced] == [list(after.secrets.values())]
    assert after.settings is before.settings


@pytest.mark.parametrize("damage", ["missing", "not YAML", "fifo"])
def test_a_file_that_cannot_be_read_leaves_what_was_known(tmp_path: Path, damage: str) -> None:
    before = loaded(tmp_path)
    current = CurrentSecrets(before, lambda _: pytest.fail("nothing is known"))
    if damage == "not YAML":
        before.secrets_path.write_text("{")
    else:
        before.secrets_path.unlink()
    if damage == "fifo":
        os.mkfifo(before.secrets_path)
    assert key_of(current.loaded()) == "made-up-hue-key"
