"""The mark of what a source signs in with."""

from __future__ import annotations

from pathlib import Path

from config.source_names import AMAZON, HUE, credential_mark
from tests.support.config_homes import CONFIG, SECRETS, loaded

ACCOUNT = "collectors:\n  amazon_aqm:\n    enabled: yes\n    domain: {}\n"
TOKEN = 'amazon_aqm:\n  refresh_token: "Atnr|{}"\n'


def test_a_mark_changes_with_credential_and_account_and_reveals_neither(tmp_path: Path) -> None:
    homes = [
        (ACCOUNT.format("amazon.com"), SECRETS + TOKEN.format("one")),
        (ACCOUNT.format("amazon.com"), SECRETS + TOKEN.format("two")),
        (ACCOUNT.format("amazon.de"), SECRETS + TOKEN.format("one")),
        (ACCOUNT.format("amazon.com"), SECRETS + "amazon_aqm:\n  cookies:\n    session-id: one\n"),
    ]
    marks = [credential_mark(loaded(tmp_path, *files), AMAZON) for files in homes]
    assert len(set(marks)) == len(homes)
    assert marks[0] == credential_mark(loaded(tmp_path, *homes[0]), AMAZON)
    assert all(len(mark) == 16 and "one" not in mark for mark in marks)
    assert len({credential_mark(loaded(tmp_path, *files), HUE) for files in homes}) == 1


def test_the_key_of_a_bridge_is_marked(tmp_path: Path) -> None:
    before = credential_mark(loaded(tmp_path), HUE)
    after = credential_mark(loaded(tmp_path, CONFIG, SECRETS.replace("made-up", "another")), HUE)
    assert before != after
