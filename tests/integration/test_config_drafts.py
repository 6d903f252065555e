"""What pairing changes in a home's two files, and what the program then reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.bridges import Bridge
from config.draft import Changes, Draft, draft_of, is_another_bridge, key_changes, pairing_changes
from config.editing import Change
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


def a_bridge(bridge_id: str = ID, address: str = "192.0.2.1", pin: str | None = None) -> Bridge:
    return Bridge(
        id=bridge_id, address=address, certificate_sha256=pin, api_key=Secret("new-key-of-a-bridge")
    )


def paired(draft: Draft, bridge: Bridge, *, replaces: bool = False) -> Draft:
    hue, secrets = draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue
    return draft.with_changes(pairing_changes(hue, secrets, bridge, replaces=replaces))


def with_a_new_key(draft: Draft, bridge: Bridge) -> Draft:
    hue, secrets = draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue
    return draft.with_changes(key_changes(hue, secrets, bridge))


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that were removed, and those that were added."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_new_home_gets_both_files(tmp_path: Path) -> None:
    draft = paired(draft_of(tmp_path), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    assert draft.config.text.endswith('collectors:\n  hue:\n    bridge_ip: "192.0.2.1"\n')
    assert draft.secrets.text.endswith(f'hue:\n  api_key: "new-key-of-a-bridge"\n  bridge_id: "{ID}"\n')
    assert [file.before for file in draft.changed_files] == [None, None]
    assert list(tmp_path.iterdir()) == []


def test_self_signed_bridge_of_a_new_home_is_pinned(tmp_path: Path) -> None:
    draft = paired(draft_of(tmp_path), a_bridge(pin=PIN))
    assert draft.loaded.bridges == (a_bridge(pin=PIN),)


def test_old_home_keeps_every_line_but_those_of_the_bridge(tmp_path: Path) -> None:
    draft = paired(draft_of(write_home(tmp_path, OLD_CONFIG, OLD_SECRETS)), a_bridge())
    assert changed_lines(OLD_CONFIG, draft.config.text) == (
        ["    bridge_ip: null"],
        ['    bridge_ip: "192.0.2.1"'],
    )
    assert changed_lines(OLD_SECRETS, draft.secrets.text) == (
        ["  api_key: made-up-hue-key   # of the hall"],
        ['  api_key: "new-key-of-a-bridge"   # of the hall'],
    )
    assert draft.loaded.bridges == (a_bridge(),)


def test_pinned_bridge_replaces_the_address_of_an_old_home(tmp_path: Path) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", "bridge_ip: 192.0.2.7")
    draft = paired(draft_of(write_home(tmp_path, config, OLD_SECRETS)), a_bridge(pin=PIN))
    assert draft.loaded.bridges == (a_bridge(pin=PIN),)
    assert "    bridge_ip: null\n" in draft.config.text


def test_home_that_needs_no_change_is_not_changed(tmp_path: Path) -> None:
    config = "collectors: {hue: {bridge_ip: 192.0.2.1}}\n"
    secrets = f"hue: {{api_key: new-key-of-a-bridge, bridge_id: {ID}}}\n"
    draft = draft_of(write_home(tmp_path, config, secrets))
    assert paired(draft, a_bridge()).changed_files == ()
    assert with_a_new_key(draft, a_bridge()).changed_files == ()


def test_second_bridge_is_added_to_the_first(tmp_path: Path) -> None:
    config = OLD_CONFIG.replace("bridge_ip: null", "bridge_ip: 192.0.2.7")
    draft = draft_of(write_home(tmp_path, config, OLD_SECRETS))
    assert is_another_bridge(draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue, OTHER)
    assert paired(draft, a_bridge(OTHER)).loaded.bridges == (
        Bridge(id=ID, address="192.0.2.7", certificate_sha256=None, api_key=Secret("made-up-hue-key")),
        a_bridge(OTHER),
    )


def test_new_bridge_may_replace_the_only_one(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, OLD_CONFIG, OLD_SECRETS))
    assert paired(draft, a_bridge(OTHER), replaces=True).loaded.bridges == (a_bridge(OTHER),)


def test_listed_bridge_gets_its_address_certificate_and_key(tmp_path: Path) -> None:
    secrets = f"hue:\n  bridges:\n    - {{id: {ID}, api_key: one}}\n    - {{id: {OTHER}, api_key: two}}\n"
    draft = draft_of(write_home(tmp_path, TWO_BRIDGES, secrets))
    after = paired(draft, a_bridge(OTHER, pin=PIN))
    assert after.loaded.bridges == (draft.loaded.bridges[0], a_bridge(OTHER, pin=PIN))
    assert paired(after, a_bridge(OTHER)).loaded.bridges[1] == a_bridge(OTHER)


def test_third_bridge_is_listed_after_the_others(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, TWO_BRIDGES, OLD_SECRETS))
    assert is_another_bridge(draft.loaded.settings.collectors.hue, draft.loaded.secrets.hue, THIRD)
    after = paired(draft, a_bridge(THIRD))
    assert after.loaded.bridges == (*draft.loaded.bridges, a_bridge(THIRD))


@pytest.mark.parametrize("named", [f"  bridge_id: {ID}\n", ""])
def test_old_key_of_a_listed_bridge_is_replaced_where_it_is(tmp_path: Path, named: str) -> None:
    config = f"collectors: {{hue: {{bridges: [{{id: {ID}, address: a}}]}}}}\n"
    draft = draft_of(write_home(tmp_path, config, f"hue:\n  api_key: old\n{named}"))
    after = with_a_new_key(draft, a_bridge())
    assert after.secrets.text == f'hue:\n  api_key: "new-key-of-a-bridge"\n{named}'
    assert after.loaded.bridges[0].api_key == Secret("new-key-of-a-bridge")
    assert after.changed_files == (after.secrets,)


def test_listed_bridge_without_a_key_gets_an_entry(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, TWO_BRIDGES, OLD_SECRETS))
    after = with_a_new_key(draft, a_bridge(OTHER))
    assert after.loaded.bridges[1].api_key == Secret("new-key-of-a-bridge")
    assert after.loaded.bridges[0].api_key == Secret("made-up-hue-key")


def test_disabled_collector_is_enabled(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, "collectors: {hue: {enabled: no}}\n", None))
    assert paired(draft, a_bridge()).loaded.settings.collectors.hue.enabled


def test_copied_examples_are_filled_in(tmp_path: Path) -> None:
    default = packaged_path("default.yaml").read_text()
    example = packaged_path("secrets.example.yaml").read_text()
    draft = paired(draft_of(write_home(tmp_path, default, example)), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    removed, added = changed_lines(default, draft.config.text)
    assert [line.split(":")[0].strip() for line in removed + added] == ["bridge_ip", "bridge_ip"]
    assert added[0].endswith("# the only bridge: host, host:port or http://host[:port]; null: find it")
    assert len(changed_lines(example, draft.secrets.text)[1]) == 2


@pytest.mark.parametrize("config", ["", "# nothing yet\n", None])
def test_home_may_be_new_or_have_only_comments(tmp_path: Path, config: str | None) -> None:
    draft = paired(draft_of(write_home(tmp_path, config, config)), a_bridge())
    assert draft.loaded.bridges == (a_bridge(),)
    assert draft.config.text.startswith(config or "")


def test_home_with_faults_has_no_draft(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="bridge_ip"):
        draft_of(write_home(tmp_path, "collectors: {hue: {bridge_ip: [1]}}\n", None))


def test_draft_that_would_not_load_is_refused(tmp_path: Path) -> None:
    draft = draft_of(write_home(tmp_path, "collectors: {}\n", None))
    with pytest.raises(SettingsError, match="interval_seconds"):
        draft.with_changes(Changes(config=(Change(("collection", "interval_seconds"), "often"),)))
