"""What pairing changes in a home's two files, and what the program then reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.bridges import Bridge
from config.documents.editing import Change
from config.draft import Changes, Draft, draft_of, is_another_bridge, key_changes, pairing_changes
from config.files import packaged_path
from config.secrets import Secret
from domain.errors import SettingsError
from tests.support.config_homes import OLD_CONFIG, write_home

ID, OTHER, THIRD = "001788fffe123456", "ecb5fafffe654321", "c42996fffe111111"
PIN = "ab" * 32
OLD_SECRETS = f"""\
# signed in on a Tuesday
hue:
  api_key: made-up-hue-key   # of the hall
  bridge_id: {ID.upper()}
nest: {{client_id: 5, client_id: 6, token: !vault xyz}}
amazon_aqm:
  cookies:
    session-id: 123-1234567-1234567
"""
TWO_BRIDGES = f"""\
collectors:
  hue:
    bridges:
      - id: {ID}
        address: a
      - {{id: {OTHER}, address: b}}
"""
TWO_KEYS = f"hue: {{bridges: [{{id: {ID}, api_key: one}}, {{id: {OTHER}, api_key: two}}]}}\n"
OLD_CONFIG_AT_7 = OLD_CONFIG.replace("bridge_ip: null", "bridge_ip: 192.0.2.7")


def a_bridge(
    bridge_id: str = ID, *, address: str = "192.0.2.1", pin: str | None = None, key: str = "new"
) -> Bridge:
    return Bridge(id=bridge_id, address=address, certificate_sha256=pin, api_key=Secret(key))


PINNED, ANOTHER, THIRD_BRIDGE = a_bridge(pin=PIN), a_bridge(OTHER), a_bridge(THIRD)
OLD_BRIDGE = a_bridge(address="192.0.2.7", key="made-up-hue-key")
LISTED = [a_bridge(address="a", key="one"), a_bridge(OTHER, address="b", key="two")]


def paired(draft: Draft, bridge: Bridge, *, replaces: bool = False) -> Draft:
    hue, secrets = draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue
    return draft.with_changes(pairing_changes(hue, secrets, bridge, replaces=replaces))


def with_new_key(draft: Draft, bridge: Bridge) -> Draft:
    hue, secrets = draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue
    return draft.with_changes(key_changes(hue, secrets, bridge))


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that were removed, and those that were added."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("config", "secrets", "bridge", "expected"),
    [
        (None, None, PINNED, [PINNED]),
        ("", "", a_bridge(), [a_bridge()]),
        ("# nothing yet\n", "# nothing yet\n", a_bridge(), [a_bridge()]),
        (OLD_CONFIG_AT_7, OLD_SECRETS, PINNED, [PINNED]),
        (OLD_CONFIG_AT_7, OLD_SECRETS, ANOTHER, [OLD_BRIDGE, ANOTHER]),
        (TWO_BRIDGES, TWO_KEYS, PINNED, [PINNED, LISTED[1]]),
        (
            TWO_BRIDGES.replace("b}", f"b, certificate_sha256: {PIN}}}"),
            TWO_KEYS,
            ANOTHER,
            [LISTED[0], ANOTHER],
        ),
        (TWO_BRIDGES, TWO_KEYS, THIRD_BRIDGE, [*LISTED, THIRD_BRIDGE]),
    ],
)
def test_paired_bridge_is_read_with_the_others(
    tmp_path: Path, config: str | None, secrets: str | None, bridge: Bridge, expected: list[Bridge]
) -> None:
    draft = paired(draft_of(write_home(tmp_path, config, secrets)), bridge)
    assert list(draft.loaded.bridges) == expected


def test_paired_bridge_may_replace_the_only_one(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, OLD_CONFIG, OLD_SECRETS))
    assert paired(draft, ANOTHER, replaces=True).loaded.bridges == (ANOTHER,)


def test_new_home_gets_both_files(tmp_path: Path) -> None:
    draft = paired(draft_of(tmp_path), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    assert draft.config.text.endswith('collectors:\n  hue:\n    bridge_ip: "192.0.2.1"\n')
    assert draft.secrets.text.endswith(f'hue:\n  api_key: "new"\n  bridge_id: "{ID}"\n')
    assert [(file.path.name, file.before) for file in draft.changed_files] == [
        ("secrets.yaml", None),
        ("config.yaml", None),
    ]
    assert list(tmp_path.iterdir()) == []


def test_old_home_keeps_every_line_but_those_of_the_bridge(tmp_path: Path) -> None:
    draft = paired(draft_of(write_home(tmp_path, OLD_CONFIG, OLD_SECRETS)), a_bridge())
    assert changed_lines(OLD_CONFIG, draft.config.text) == (
        ["    bridge_ip: null"],
        ['    bridge_ip: "192.0.2.1"'],
    )
    assert changed_lines(OLD_SECRETS, draft.secrets.text) == (
        ["  api_key: made-up-hue-key   # of the hall"],
        ['  api_key: "new"   # of the hall'],
    )
    assert draft.loaded.bridges == (a_bridge(),)


def test_home_that_needs_no_change_is_not_changed(tmp_path: Path) -> None:
    config = "collectors: {hue: {bridge_ip: 192.0.2.1}}\n"
    draft = draft_of(write_home(tmp_path, config, f"hue: {{api_key: new, bridge_id: {ID}}}\n"))
    assert paired(draft, a_bridge()).changed_files == ()
    assert with_new_key(draft, a_bridge()).changed_files == ()


@pytest.mark.parametrize(("config", "is_another"), [(OLD_CONFIG, True), (TWO_BRIDGES, False)])
def test_bridge_that_the_home_does_not_have_is_recognised(
    tmp_path: Path, config: str, is_another: bool
) -> None:
    loaded = draft_of(write_home(tmp_path, config, OLD_SECRETS)).loaded
    hue, secrets = loaded.settings.collectors.hue, loaded.secrets.hue
    found = [is_another_bridge(hue, secrets, each) for each in (ID, OTHER, THIRD)]
    assert found == [False, is_another, True]


@pytest.mark.parametrize("named", [f"  bridge_id: {ID}\n", ""])
def test_old_key_of_a_listed_bridge_is_replaced_where_it_is(tmp_path: Path, named: str) -> None:
    config = f"collectors: {{hue: {{bridges: [{{id: {ID}, address: a}}]}}}}\n"
    draft = draft_of(write_home(tmp_path, config, f"hue:\n  api_key: old\n{named}"))
    after = with_new_key(draft, a_bridge())
    assert after.secrets.text == f'hue:\n  api_key: "new"\n{named}'
    assert after.loaded.bridges[0].api_key == Secret("new")
    assert after.changed_files == (after.secrets,)


def test_listed_bridge_without_a_key_gets_an_entry(tmp_path: Path) -> None:
    after = with_new_key(draft_of(write_home(tmp_path, TWO_BRIDGES, OLD_SECRETS)), a_bridge(OTHER))
    assert [each.api_key for each in after.loaded.bridges] == [Secret("made-up-hue-key"), Secret("new")]


def test_disabled_collector_is_enabled(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, "collectors: {hue: {enabled: no}}\n", None))
    assert paired(draft, a_bridge()).loaded.settings.collectors.hue.enabled


def test_copied_examples_are_filled_in(tmp_path: Path) -> None:
    default = packaged_path("default.yaml").read_text()
    example = packaged_path("secrets.example.yaml").read_text()
    draft = paired(draft_of(write_home(tmp_path, default, example)), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    ((removed,), (added,)) = changed_lines(default, draft.config.text)
    assert added == removed.replace("null  ", '"192.0.2.1"  ', 1)
    assert len(changed_lines(example, draft.secrets.text)[1]) == 2


def test_home_with_faults_has_no_draft(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="bridge_ip"):
        draft_of(write_home(tmp_path, "collectors: {hue: {bridge_ip: [1]}}\n", None))


def test_draft_that_would_not_load_is_refused(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, "collectors: {}\n", None))
    with pytest.raises(SettingsError, match="interval_seconds"):
        draft.with_changes(Changes(config=(Change(("collection", "interval_seconds"), "often"),)))
